"""OpenTelemetry spans across the services. Without an exporter they cost next to nothing and go nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache

from opentelemetry import context, propagate, trace
from opentelemetry.trace import INVALID_SPAN, ProxyTracerProvider, Span, SpanKind

from graft_common.errors import StartupError

_tracer = trace.get_tracer("graft")
_PROPAGATED = frozenset({"traceparent", "tracestate", "baggage"})
_NOWHERE: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)
"""Stands for a span that nobody would see."""


def configure(service: str) -> None:
    """Send spans by OTLP where the standard variable `OTEL_EXPORTER_OTLP_ENDPOINT` says so; otherwise do nothing.

    Raises:
        StartupError: an end point is set and the extra `tracing` is not installed.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        # Only in the extra `tracing`, and slow to import.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise StartupError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the exporter is not installed: "
            "pip install 'graft-platform[tracing]', or unset the variable"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def server_span(
    name: str, carrier: Mapping[str, str] | Iterable[tuple[str, str | bytes]]
) -> AbstractContextManager[Span]:
    """Serve a request in a span that goes on from the headers or metadata that came with it."""
    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier
    known = {key: value for key, value in pairs if key in _PROPAGATED and isinstance(value, str)}
    if not known and not _is_seen():
        return _NOWHERE
    return _tracer.start_as_current_span(name, propagate.extract(known), SpanKind.SERVER)


def span(name: str, **attributes: str | float) -> AbstractContextManager[Span]:
    """Do a part of the work in a span of its own."""
    return _tracer.start_as_current_span(name, attributes=attributes) if _is_seen() else _NOWHERE


def outgoing() -> tuple[tuple[str, str], ...]:
    """Return the metadata that lets the next service go on with the current span."""
    if not context.get_current():
        return ()
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return tuple(headers.items())


@cache
def _is_seen() -> bool:
    """Tell whether anything takes spans; where nothing does, to make them costs more than the rest of a request.

    It is found out once, since that looks into the environment: a provider is set before the first request.
    """
    return type(trace.get_tracer_provider()) is not ProxyTracerProvider
