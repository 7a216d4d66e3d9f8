"""The audit log as `ListCallRecords` sends it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC

from dispatcher_service.audit.log import AuditLog
from dispatcher_service.messages import duration, timestamp, usage_message
from dispatcher_service.store.calls import StoredCall
from graft.common.v1 import audit_pb2
from graft.dispatcher.v1 import dispatcher_pb2
from graft_common.errors import value_not_supported


async def list_call_records(
    log: AuditLog, request: dispatcher_pb2.ListCallRecordsRequest
) -> dispatcher_pb2.ListCallRecordsResponse:
    """Answer `ListCallRecords`; the caller's session and role are checked already.

    Raises:
        GraftError: as `AuditLog.page`.
    """
    try:
        since = request.since.ToDatetime(UTC) if request.HasField("since") else None
    except (ValueError, OverflowError):
        raise value_not_supported(
            "since", str(request.since.seconds), "it must be a time in the years 1 to 9999"
        ) from None
    records, token = await log.page(request.page_size, request.page_token, since, oldest_first=request.oldest_first)
    return dispatcher_pb2.ListCallRecordsResponse(records=map(record_message, records), next_page_token=token)


def record_message(stored: StoredCall) -> audit_pb2.AuditRecord:
    """Write one record."""
    record = stored.record
    return audit_pb2.AuditRecord(
        id=stored.id,
        time=timestamp(record.time.timestamp()),
        user=record.user,
        roles=record.roles,
        track_id=record.track_id,
        action=record.action,
        decision=audit_pb2.AUDIT_DECISION_ALLOWED if record.allowed else audit_pb2.AUDIT_DECISION_DENIED,
        outcome=record.outcome,
        duration=duration(record.duration),
        usage=usage_message(record.usage),
        request_id=record.request_id,
        originator=record.originator,
        peer=record.peer,
        host=stored.host,
        task=record.task,
        access=None if record.access is None else audit_pb2.AuditAccess(**asdict(record.access)),
        arguments=[audit_pb2.AuditArgument(name=given.name, value=given.value) for given in record.arguments],
        user_uuid=record.user_uuid,
    )
