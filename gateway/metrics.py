"""The gateway's metrics. Every label has few values, whatever clients send."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HTTP_REQUESTS = Counter("graft_http_requests_total", "HTTP requests that were answered.", ["path", "status"])
HTTP_SECONDS = Histogram(
    "graft_http_seconds",
    "Time from an HTTP request's head to the end of its answer.",
    ["path"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
HTTP_IN_FLIGHT = Gauge("graft_http_in_flight", "HTTP requests that are being served.")
XMLRPC_CALLS = Counter(
    "graft_xmlrpc_calls_total",
    "XML-RPC calls, by what served them and how they ended: OK, the code of a common error, or OTHER.",
    ["kind", "outcome"],
)
JSONRPC_CALLS = Counter(
    "graft_jsonrpc_calls_total",
    "JSON-RPC calls, by what served them and how they ended: OK, the code of a common error, or OTHER.",
    ["kind", "outcome"],
)
REST_CALLS = Counter(
    "graft_rest_calls_total",
    "Requests for methods and tasks over REST, by path and how they ended: OK, the code of a common error, or OTHER.",
    ["path", "outcome"],
)
MCP_REQUESTS = Counter(
    "graft_mcp_requests_total",
    "Requests at the MCP end point, by how they ended: OK, the code of a common error, or OTHER.",
    ["outcome"],
)

OK = "OK"
OTHER = "OTHER"

_COUNTED = frozenset(
    {
        OK,
        "Fault",
        "FIELD_TYPE_ERROR",
        "HANDLE_INVALID",
        "INTERNAL_ERROR",
        "INVALID_VALUE",
        "MALFORMED",
        "MESSAGE_METHOD_UNKNOWN",
        "MESSAGE_PARAMETER_COUNT_MISMATCH",
        "RBAC_PERMISSION_DENIED",
        "REFUSED",
        "SERVER_BUSY",
        "SERVICE_UNAVAILABLE",
        "SESSION_AUTHENTICATION_FAILED",
        "SESSION_INVALID",
        "TASK_CANCELLED",
        "VALUE_NOT_SUPPORTED",
    }
)


def outcome_label(outcome: str) -> str:
    """Name an outcome for a label; extensions make up error codes of their own, which all become one."""
    return outcome if outcome in _COUNTED else OTHER
