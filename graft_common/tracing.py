"""OpenTelemetry spans across the services. Without an exporter they cost next to nothing and go nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

from graft_common.errors import StartupError

_tracer = trace.get_tracer("graft")
_PROPAGATED = ("traceparent", "tracestate", "baggage")


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


@contextmanager
def server_span(name: str, carrier: Mapping[str, str] | Iterable[tuple[str, str | bytes]]) -> Iterator[Span]:
    """Serve a request in a span that goes on from the headers or metadata that came with it."""
    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier
    known = {key: value for key, value in pairs if key in _PROPAGATED and isinstance(value, str)}
    with _tracer.start_as_current_span(name, propagate.extract(known), SpanKind.SERVER) as span:
        yield span


@contextmanager
def span(name: str, **attributes: str | float) -> Iterator[Span]:
    """Do a part of the work in a span of its own."""
    with _tracer.start_as_current_span(name, attributes=attributes) as opened:
        yield opened


def outgoing() -> tuple[tuple[str, str], ...]:
    """Return the metadata that lets the next service go on with the current span."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return tuple(headers.items())
