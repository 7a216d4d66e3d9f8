"""Management packs as messages, and back."""

from __future__ import annotations

from graft.registry.v1 import mpack_pb2 as pb
from registry_service.catalog.catalog import VersionKey
from registry_service.mpacks.values import (
    DEFAULT_PURGE,
    Done,
    Hook,
    InstallOptions,
    Operation,
    Pack,
    Phase,
    Progress,
    Verification,
)
from registry_service.service import catalog_messages, convert

_PHASES = {
    Phase.COPY: pb.MPACK_PHASE_COPY,
    Phase.UNPACK: pb.MPACK_PHASE_UNPACK,
    Phase.CHECK: pb.MPACK_PHASE_CHECK,
    Phase.HOOK: pb.MPACK_PHASE_HOOK,
    Phase.CHANGE: pb.MPACK_PHASE_CHANGE,
    Phase.READ: pb.MPACK_PHASE_READ,
}


def options_of(message: pb.MpackOptions) -> InstallOptions:
    """Read how a pack is to be installed; a list of what to purge counts only with `purge`, as in Ambari."""
    purge = (tuple(message.purge_list) or DEFAULT_PURGE) if message.purge else ()
    return InstallOptions(message.force, purge, message.verbose)


def progress(value: Progress) -> pb.MpackProgress:
    """Write how far an operation is."""
    return pb.MpackProgress(phase=_PHASES[value.phase], done=value.done, total=value.total, what=value.what)


def received(done: int, size: int) -> pb.MpackProgress:
    """Write how much of an archive has come."""
    return pb.MpackProgress(phase=pb.MPACK_PHASE_RECEIVE, done=done, total=size)


def pack(value: Pack) -> pb.Mpack:
    """Write a pack."""
    message = pb.Mpack(
        id=value.id,
        name=value.name,
        version=value.version,
        description=value.description,
        artifacts=[
            pb.MpackArtifact(name=part.name, type=part.type, source_dir=part.source_dir) for part in value.artifacts
        ],
        hooks=[_hook(one) for one in value.hooks],
        extension_versions=[_named(key) for key in value.extensions],
        stack_versions=[_named(key) for key in value.stacks],
        services=[_named(key) for key in value.services],
        archive=value.archive,
        digest=value.digest,
        managed=value.managed,
    )
    if value.installed is not None:
        message.installed.CopyFrom(convert.timestamp(value.installed))
    return message


def result(value: Done) -> pb.MpackResult:
    """Write what an installation or upgrade has done."""
    return pb.MpackResult(
        message=value.message,
        mpack=pack(value.packs[0]) if value.packs else None,
        removed=[pack(one) for one in value.removed],
        moved_links=[
            pb.MovedLink(
                id=link.id,
                extension_name=link.extension_name,
                old_version=link.old_version,
                new_version=link.new_version,
            )
            for link in value.moved
        ],
        warnings=value.warnings,
        hook_runs=[
            pb.MpackHookRun(hook=_hook(hook), exit_code=outcome.exit_code, stdout=outcome.stdout, stderr=outcome.stderr)
            for hook, outcome in value.hooks
        ],
        revision=value.revision,
    )


def verification(value: Verification) -> pb.VerifyMpackResponse:
    """Write what is to be said of an archive."""
    return pb.VerifyMpackResponse(
        mpack=pack(value.pack),
        installable=not value.problems,
        problems=value.problems,
        warnings=[catalog_messages.warning(finding) for finding in value.findings],
    )


def operation(value: Operation) -> pb.MpackOperation:
    """Write a line of the replay log."""
    options = pb.MpackOptions(force=value.force, purge=value.purge, purge_list=value.purge_list, verbose=value.verbose)
    return pb.MpackOperation(command=value.command, path=value.path, options=options)


def _hook(value: Hook) -> pb.MpackHook:
    return pb.MpackHook(name=value.name, type=value.type, script=value.script)


def _named(key: VersionKey) -> str:
    return "/".join(key)
