"""What administrators say of the pool and of hosts; it means nothing to Graft, and much to clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graft_common.errors import GraftError, field_type_error, value_not_supported
from graft_common.values import Value, type_name

MAX_NAME = 1024
MAX_DESCRIPTION = 4096
MAX_ENTRIES = 1000
"""Keys of a map, or tags."""
MAX_TEXT = 256 << 10
"""Characters of all keys and values, or of all tags."""
_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Labels:
    """What was said of one object."""

    name: str = ""
    description: str = ""
    other_config: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Whatever clients want to remember with the object."""
    tags: tuple[str, ...] = ()
    """Each once, in the order in which they came."""


Change = Callable[[Labels], Labels]
"""Says what labels become. It may be asked more than once, and raises `GraftError` for what the caller is to see."""


def with_name(value: str) -> Change:
    """Give a name.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED, also of the functions below, when it is too much.
    """
    _check_length("name_label", value, MAX_NAME)
    return lambda labels: replace(labels, name=value)


def with_description(value: str) -> Change:
    """Describe the object."""
    _check_length("name_description", value, MAX_DESCRIPTION)
    return lambda labels: replace(labels, description=value)


def with_other_config(value: Mapping[str, Value]) -> Change:
    """Replace the whole map.

    Raises:
        GraftError: FIELD_TYPE_ERROR, when a value of it is no string.
    """
    checked = _checked_map({key: _string(f"value[{key[:_SHOWN]}]", each) for key, each in value.items()})
    return lambda labels: replace(labels, other_config=checked)


def with_entry(kind: str, ref: str, key: str, value: str) -> Change:
    """Add a key to the map.

    Args:
        kind: the object's class, and
        ref: its reference, for the error.
        key: what to add.
        value: what it stands for.

    The change raises MAP_DUPLICATE_KEY [class, field, ref, key] where the key is there already (xapi, exnHelper.ml).
    """

    def change(labels: Labels) -> Labels:
        if key in labels.other_config:
            raise GraftError("MAP_DUPLICATE_KEY", kind, "other_config", ref, key)
        return replace(labels, other_config=_checked_map({**labels.other_config, key: value}))

    return change


def without_entry(key: str) -> Change:
    """Take a key from the map; one that is not there may stay away, as with xapi."""
    return lambda labels: replace(
        labels, other_config={name: value for name, value in labels.other_config.items() if name != key}
    )


def with_tags(values: Sequence[Value]) -> Change:
    """Replace all tags.

    Raises:
        GraftError: FIELD_TYPE_ERROR, when one is no string.
    """
    checked = _checked_tags([_string(f"value[{place}]", each) for place, each in enumerate(values)])
    return lambda labels: replace(labels, tags=checked)


def with_tag(value: str) -> Change:
    """Add a tag, unless it is there."""
    return lambda labels: replace(labels, tags=_checked_tags([*labels.tags, value]))


def without_tag(value: str) -> Change:
    """Remove a tag, if it is there."""
    return lambda labels: replace(labels, tags=tuple(tag for tag in labels.tags if tag != value))


def _string(place: str, value: Value) -> str:
    if not isinstance(value, str):
        raise field_type_error(place, "string", type_name(value))
    return value


def _checked_map(entries: dict[str, str]) -> dict[str, str]:
    _check_amount("other_config", len(entries), sum(len(key) + len(value) for key, value in entries.items()))
    return entries


def _checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    once = tuple(dict.fromkeys(tags))
    _check_amount("tags", len(once), sum(map(len, once)))
    return once


def _check_length(name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise value_not_supported(name, f"{value[:_SHOWN]}…", f"it has more than {limit:,} characters")


def _check_amount(name: str, entries: int, characters: int) -> None:
    if entries > MAX_ENTRIES:
        raise value_not_supported(name, "", f"it would have more than {MAX_ENTRIES:,} entries")
    if characters > MAX_TEXT:
        raise value_not_supported(name, "", f"it would have more than {MAX_TEXT:,} characters")
