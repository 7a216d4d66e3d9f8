"""XML-RPC as XenAPI speaks it: pure functions between bytes and the values of `graft_common.values`.

Requests of clients, the call that an extension reads and the answer that it prints, the envelope of answers, the text
of `task.result`, and the client's side of all that. What is written is what xapi writes (integers as text, strings
without `<string>`, no white space between tags); what is read is whatever xapi or Python's `xmlrpc.client` would
read, and whatever is not is refused by `XmlRpcSyntaxError`, whose text is one sentence.
"""

from __future__ import annotations

from graft_common.xmlrpc._calls import Call, format_call, format_extension_call, parse_call
from graft_common.xmlrpc._encode import I4, format_value
from graft_common.xmlrpc._errors import XmlRpcSyntaxError
from graft_common.xmlrpc._responses import (
    Failure,
    Success,
    format_bare,
    format_failure,
    format_success,
    parse_extension_output,
    parse_response,
    parse_value,
)

__all__ = [
    "I4",
    "Call",
    "Failure",
    "Success",
    "XmlRpcSyntaxError",
    "format_bare",
    "format_call",
    "format_extension_call",
    "format_failure",
    "format_success",
    "format_value",
    "parse_call",
    "parse_extension_output",
    "parse_response",
    "parse_value",
]
