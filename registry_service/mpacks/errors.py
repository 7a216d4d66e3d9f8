"""What can be wrong with management packs; the texts are Ambari's where it has one."""

from __future__ import annotations

from collections.abc import Iterable

from graft_common.errors import GraftError

_MAX_REASONS = 20
_MAX_TEXT = 1000


def malformed(text: str) -> GraftError:
    """An archive that is no management pack, or none that may be unpacked."""
    return GraftError("MPACK_MALFORMED", f"Malformed management pack. {text}"[:_MAX_TEXT])


def metadata_missing(archive: str) -> GraftError:
    """No `mpack.json`."""
    return GraftError("MPACK_MALFORMED", f"Malformed management pack {archive}. Metadata file missing!")


def not_specified() -> GraftError:
    """No archive was named."""
    return GraftError("MPACK_NOT_SPECIFIED", "Management pack not specified!")


def name_not_specified() -> GraftError:
    """No pack was named."""
    return GraftError("MPACK_NOT_SPECIFIED", "Management pack name not specified!")


def not_readable(reason: str) -> GraftError:
    """The archive cannot be read."""
    return GraftError("MPACK_NOT_READABLE", f"Management pack could not be downloaded! {reason}")


def already_installed(folder: str) -> GraftError:
    """The same version is there."""
    return GraftError("MPACK_INSTALLED", f"Management pack {folder} already installed!")


def none_found(what: str) -> GraftError:
    """No pack of that name; `what` is `uninstalled` or `upgraded`."""
    return GraftError("MPACK_NOT_FOUND", f"No management packs found that can be {what}!")


def refused(code: str, text: str, reasons: Iterable[str]) -> GraftError:
    """Something that is not done, with the reasons; the first twenty are told."""
    told = list(reasons)
    more = len(told) - _MAX_REASONS
    rest = [f"and {more} more"] if more > 0 else []
    return GraftError(code, " ".join([text, "; ".join([*told[:_MAX_REASONS], *rest])]))


def busy() -> GraftError:
    """Another operation is under way."""
    return GraftError("MPACK_BUSY", "Another operation on management packs is running; try again when it has ended")


def failed(what: str, error: OSError) -> GraftError:
    """The file system refused; all is as it was."""
    where = f": {error.filename}" if error.filename else ""
    return GraftError("MPACK_FAILED", f"{what}: {error.strerror or error}{where}")
