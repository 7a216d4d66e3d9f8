"""What a task that has ended holds: its value, or its error."""

from __future__ import annotations

from collections.abc import Mapping

from graft_cli.exits import CliError
from graft_common import xmlrpc
from graft_common.errors import GraftError
from graft_common.values import Value


def task_value(record: Mapping[str, Value]) -> Value:
    """Return the value that a finished task's record holds.

    Raises:
        GraftError: the task failed or was cancelled; the error is the task's own.
        CliError: the record's result is not what XenAPI says.
    """
    if record.get("status") != "success":
        error = record.get("error_info")
        texts = [str(item) for item in error] if isinstance(error, list) else []
        raise GraftError(*(texts or ["TASK_FAILED", str(record.get("status"))]))
    result = record.get("result")
    if not isinstance(result, str) or not result:
        return ""
    try:
        return xmlrpc.parse_value(result)
    except xmlrpc.XmlRpcSyntaxError as error:
        raise CliError(f"the task's result is not XML-RPC: {error}") from None
