"""Without an exporter no span is made, and yet the trace that a client has begun is passed on."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry import trace

from graft_common import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

SPANS = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from graft_common import tracing

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
with tracing.server_span("outer", {}), tracing.span("inner", size=1):
    [(key, sent)] = tracing.outgoing()
inner, outer = spans.get_finished_spans()
assert (outer.name, outer.parent, outer.kind.name) == ("outer", None, "SERVER")
assert (inner.name, inner.parent.span_id, dict(inner.attributes)) == ("inner", outer.context.span_id, {"size": 1})
assert (key, sent.split("-")[2]) == ("traceparent", f"{inner.context.span_id:016x}")
with tracing.server_span("next", [(key, sent)]):
    pass
assert spans.get_finished_spans()[-1].parent.span_id == inner.context.span_id
"""


def test_without_a_trace_nothing_is_sent() -> None:
    with tracing.server_span("x", {"accept": "*/*"}) as span, tracing.span("y", size=1):
        assert tracing.outgoing() == ()
    assert not span.is_recording()


def test_a_trace_of_the_client_goes_on() -> None:
    with tracing.server_span("x", {"traceparent": PARENT, "accept": "*/*"}), tracing.span("y"):
        [(key, sent)] = tracing.outgoing()
        assert key == "traceparent"
        assert sent.split("-")[1] == TRACE
        with tracing.server_span("z", [(key, sent), ("authorization", b"x")]):
            assert f"{trace.get_current_span().get_span_context().trace_id:032x}" == TRACE
    assert tracing.outgoing() == ()


def test_with_a_provider_spans_are_made() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="it is in the extra `tracing`")
    # A provider can be set once in a process, so this is another.
    subprocess.run([sys.executable, "-c", SPANS], check=True, timeout=60)
