"""Plain values as messages, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from graft.common.v1 import audit_pb2
from graft.registry.v1 import cluster_pb2, identity_pb2, registry_pb2
from graft_common.declarations.access import Grant
from graft_common.errors import value_not_supported
from graft_common.roles import Role
from graft_common.rpc.access_messages import grant_message
from registry_service.identity import rules
from registry_service.identity.values import LoginRecord, Session, Touch, User
from registry_service.resources import Cluster, Declaration, ExtensionVersion, Link, MethodBundle
from registry_service.watch.values import Change, Kind, Phase, Step

_KINDS = {
    Kind.ROLE: registry_pb2.RESOURCE_KIND_ROLE,
    Kind.USER: registry_pb2.RESOURCE_KIND_USER,
    Kind.SESSION: registry_pb2.RESOURCE_KIND_SESSION,
    Kind.EXTENSION_VERSION: registry_pb2.RESOURCE_KIND_EXTENSION_VERSION,
    Kind.LINK: registry_pb2.RESOURCE_KIND_LINK,
    Kind.DECLARATION: registry_pb2.RESOURCE_KIND_DECLARATION,
    Kind.CLUSTER: registry_pb2.RESOURCE_KIND_CLUSTER,
    Kind.METHOD_BUNDLE: registry_pb2.RESOURCE_KIND_METHOD_BUNDLE,
    Kind.GRANT: registry_pb2.RESOURCE_KIND_GRANT,
}
_KINDS_BACK: dict[int, Kind] = {number: kind for kind, number in _KINDS.items()}
_PHASES = {
    Phase.SNAPSHOT: registry_pb2.WATCH_PHASE_SNAPSHOT,
    Phase.SNAPSHOT_COMPLETE: registry_pb2.WATCH_PHASE_SNAPSHOT_COMPLETE,
    Phase.CHANGES: registry_pb2.WATCH_PHASE_CHANGES,
    Phase.BOOKMARK: registry_pb2.WATCH_PHASE_BOOKMARK,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(time: datetime) -> Timestamp:
    """Write a time; lists have thousands, and `Timestamp.FromDatetime` takes four times as long."""
    since = time - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def time_of(field: str, message: Timestamp) -> datetime:
    """Read a time.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if it is none that exists.
    """
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        text = f"{message.seconds} s {message.nanos} ns"
        raise value_not_supported(field, text, "it is no time between the years 1 and 9999") from None


def kinds_of(numbers: Iterable[int]) -> frozenset[Kind]:
    """Read the kinds that a watch asks for.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if one does not exist.
    """
    wanted = set(numbers)
    for number in wanted:
        if number not in _KINDS_BACK:
            raise value_not_supported("kinds", str(number), "there is no such kind of resource")
    return frozenset(_KINDS_BACK[number] for number in wanted)


def touch(message: identity_pb2.SessionTouch) -> Touch:
    """Read a report of use."""
    return Touch(message.digest, time_of("touches.last_active", message.last_active), message.busy)


def role(value: Role) -> identity_pb2.Role:
    """Write a role."""
    return identity_pb2.Role(
        name=value.name,
        rank=value.rank,
        description=value.description,
        uuid=value.uuid,
        custom=value.custom,
        base=value.base,
        permissions=value.permissions,
    )


def user(value: User) -> identity_pb2.User:
    """Write a user."""
    return identity_pb2.User(name=value.name, uuid=value.uuid, roles=value.roles, created=timestamp(value.created))


def session(value: Session, idle: timedelta, *, with_digest: bool) -> identity_pb2.Session:
    """Write a session; the digest is for services only."""
    return identity_pb2.Session(
        digest=value.digest if with_digest else "",
        uuid=value.uuid,
        user=value.user,
        user_uuid=value.user_uuid,
        roles=value.roles,
        created=timestamp(value.created),
        last_active=timestamp(value.last_active),
        expires=timestamp(value.expires(idle)),
        originator=value.originator,
        subject=value.subject,
        ends=None if value.ends is None else timestamp(value.ends),
        other_config=dict(value.other_config),
        is_local_superuser=rules.is_local_superuser(value),
    )


def login_record(value: LoginRecord) -> audit_pb2.AuditRecord:
    """Write a line of the login audit."""
    message = audit_pb2.AuditRecord(
        id=value.id,
        time=timestamp(value.time),
        user=value.user,
        roles=value.roles,
        track_id=value.track_id,
        action=value.action,
        decision=audit_pb2.AUDIT_DECISION_DENIED if value.denied else audit_pb2.AUDIT_DECISION_ALLOWED,
        outcome=value.outcome,
        request_id=value.request.request_id,
        originator=value.originator,
        peer=value.request.peer,
        arguments=[audit_pb2.AuditArgument(name=given.name, value=given.value) for given in value.arguments],
        user_uuid=value.user_uuid,
    )
    message.duration.FromTimedelta(value.duration)
    return message


def extension_version(value: ExtensionVersion, revision: int) -> registry_pb2.ExtensionVersion:
    """Write an extension version."""
    return registry_pb2.ExtensionVersion(
        name=value.name,
        version=value.version,
        valid=value.valid,
        errors=value.errors,
        parent_version=value.parent_version,
        auto_link=value.auto_link,
        services=value.services,
        revision=revision,
    )


def link(value: Link, revision: int) -> registry_pb2.Link:
    """Write a link."""
    return registry_pb2.Link(
        id=value.id,
        stack_name=value.stack_name,
        stack_version=value.stack_version,
        extension_name=value.extension_name,
        extension_version=value.extension_version,
        created=timestamp(value.created),
        revision=revision,
        problem=value.problem,
    )


def declaration(value: Declaration, revision: int) -> registry_pb2.Declaration:
    """Write a declaration."""
    return registry_pb2.Declaration(
        method=value.method,
        source=value.source,
        extension_version=value.extension_version,
        digest=value.digest,
        role=value.role,
        xml=value.xml,
        revision=revision,
    )


def method_bundle(value: MethodBundle, revision: int) -> registry_pb2.MethodBundle:
    """Write a bundle of methods; what is in it is fetched."""
    return registry_pb2.MethodBundle(
        extension_name=value.extension_name,
        extension_version=value.extension_version,
        link_id=value.link_id,
        digest=value.digest,
        size=value.size,
        revision=revision,
    )


def cluster(value: Cluster) -> cluster_pb2.Cluster:
    """Write a cluster with what is installed in it; what is wrong with them is not said."""
    return cluster_pb2.Cluster(
        id=value.id,
        name=value.name,
        stack_name=value.stack_name,
        stack_version=value.stack_version,
        created=timestamp(value.created),
        services=[
            cluster_pb2.InstalledService(name=service.name, state=service.state, created=timestamp(service.created))
            for service in value.services
        ],
    )


def step(value: Step, idle: timedelta) -> registry_pb2.WatchResponse:
    """Write a step of a watch."""
    return registry_pb2.WatchResponse(
        revision=value.revision, phase=_PHASES[value.phase], changes=[_change(change, idle) for change in value.changes]
    )


def _change(value: Change, idle: timedelta) -> registry_pb2.Change:
    gone = value.resource is None
    kind_of_change = registry_pb2.CHANGE_TYPE_DELETE if gone else registry_pb2.CHANGE_TYPE_PUT
    message = registry_pb2.Change(type=kind_of_change, kind=_KINDS[value.kind], key=value.key)
    _set_resource(message, value, idle)
    return message


def _set_resource(message: registry_pb2.Change, value: Change, idle: timedelta) -> None:
    match value.resource:
        case Role():
            message.role.CopyFrom(role(value.resource))
        case User():
            message.user.CopyFrom(user(value.resource))
        case Session():
            message.session.CopyFrom(session(value.resource, idle, with_digest=True))
        case ExtensionVersion():
            message.extension_version.CopyFrom(extension_version(value.resource, value.revision))
        case Link():
            message.link.CopyFrom(link(value.resource, value.revision))
        case Declaration():
            message.declaration.CopyFrom(declaration(value.resource, value.revision))
        case MethodBundle():
            message.method_bundle.CopyFrom(method_bundle(value.resource, value.revision))
        case Cluster():
            message.cluster.CopyFrom(cluster(value.resource))
        case Grant():
            message.grant.CopyFrom(grant_message(value.resource))
