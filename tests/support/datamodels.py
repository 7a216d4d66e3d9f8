"""Datamodels in the form of xapi's `xenapi.json`: small ones of our own, and the sample where it is at hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[2].parent / "shared" / "conformance" / "xenapi" / "xenapi-sample.json"

ALL_ROLES = ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "client-cert", "read-only"]


def sample() -> bytes:
    """Return the sample of the published datamodel, or skip the test."""
    if not SAMPLE.is_file():
        pytest.skip(f"the conformance data is not at {SAMPLE}")
    return SAMPLE.read_bytes()


def lifecycle(*changes: tuple[str, str, str], state: str = "Published_s") -> dict[str, Any]:
    """Write a lifecycle; without changes it is that of something published in 1.0."""
    return {
        "state": state,
        "transitions": [
            {"transition": change, "release": release, "description": text}
            for change, release, text in changes or [("published", "1.0", "")]
        ],
    }


def field(name: str, kind: str = "string", **members: Any) -> dict[str, Any]:
    """Write a field."""
    return {
        "name": name,
        "description": f"The {name}",
        "type": kind,
        "qualifier": "RO/runtime",
        "tag": "",
        "lifecycle": lifecycle(),
        **members,
    }


def param(name: str, kind: str, **members: Any) -> dict[str, Any]:
    """Write a parameter as the newest generator does."""
    return {"type": kind, "name": name, "doc": f"The {name}", "required": True, **members}


SESSION = param("session_id", "session ref", doc="Reference to a valid session")


def message(name: str, *params: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Write a message; the session comes first among its parameters."""
    return {
        "name": name,
        "description": f"Do {name}.",
        "result": ["void"],
        "params": [SESSION, *params],
        "errors": [],
        "roles": ["pool-admin"],
        "tag": "",
        "lifecycle": lifecycle(),
        "implicit": False,
        **members,
    }


def class_(name: str, **members: Any) -> dict[str, Any]:
    """Write a class."""
    return {
        "name": name,
        "description": f"A {name}",
        "fields": [],
        "messages": [],
        "enums": [],
        "lifecycle": lifecycle(),
        "tag": "",
        **members,
    }


def published() -> list[dict[str, Any]]:
    """Return a datamodel of the newest vintage that has each thing at least once, the odd ones too."""
    state = {"name": "light_state", "values": [{"name": "on", "doc": "It shines"}, {"name": "off", "doc": ""}]}
    mode = {"name": "mode", "values": [{"name": "5.6-x", "doc": "Odd & <old>"}]}
    return [
        class_(
            "Light",
            description="A lamp,\nor a set of them: <bright> & warm ",
            tag="windows",
            fields=[
                field("uuid"),
                field("name_label", qualifier="RW", default='""'),
                field("colour", qualifier="RO/constructor", default='"deep ""blue"""'),
                field("state", "enum light_state", default="on", tag="snapshots"),
                field("watts", "int", default="60"),
                field("warmth", "float", default="2700."),
                field("shared", "bool", default="false"),
                field("bought", "datetime", default="19700101T00:00:00Z"),
                field("room", "Room ref", default="Null"),
                field("house", "house ref", default="OpaqueRef:NULL"),
                field("tags", "string set", default="{}"),
                field("other_config", "(string -> string) map", qualifier="RW", default='{"a" -> "b", "c" -> "d"}'),
                field(
                    "old",
                    "int option",
                    lifecycle=lifecycle(
                        ("prototyped", "rio", "tried"),
                        ("published", "miami", "made"),
                        ("extended", "21.2.0", "Text & more"),
                        ("changed", "22.1.0", ""),
                        ("deprecated", "23.0.0", "no longer"),
                        ("removed", "24.0.0", "gone"),
                        state="Removed_s",
                    ),
                ),
                field("unreleased", lifecycle={"state": "Unreleased_s", "transitions": []}),
            ],
            messages=[
                message("get_uuid", param("self", "Light ref"), result=["string", "value"], implicit=True),
                message(
                    "set",
                    param("self", "Light ref", doc="reference to the object"),
                    param("state", "enum light_state"),
                    param("modes", "(enum mode -> Light ref set) map"),
                    param("force", "bool", required=False),
                    description="Switch it.\n  Indented; \"quoted\" and 'so'.\t",
                    result=["Light record set", ""],
                    errors=[{"name": "LIGHT_BROKEN", "doc": "It is broken."}, {"name": "OTHER", "doc": ""}],
                    roles=ALL_ROLES,
                    tag="memory",
                ),
                message("login", params=[param("uname", "string")], roles=[]),
                message("odd_roles", roles=["pool-admin", "pool-operator", "client-cert"]),
                message("reversed_roles", roles=["read-only", "pool-admin"]),
                message("foreign_role", roles=["light-keeper"]),
                message("session_later", params=[param("self", "Light ref"), SESSION]),
                message("make", param("args", "Light record"), result=["Light ref", "the new one"], implicit=True),
            ],
            enums=[state, mode],
        ),
        class_(
            "event",
            description="",
            fields=[field("snapshot", "<class> record"), field("operation", "enum light_state")],
            messages=[message("from", param("classes", "string set"), result=["an event batch", "a structure"])],
            enums=[state],
        ),
        class_("Room", lifecycle=lifecycle(("prototyped", "26.1.0", ""), state="Prototyped_s")),
    ]


def _without_required(datamodel: list[dict[str, Any]]) -> list[dict[str, Any]]:
    changed = copy.deepcopy(datamodel)
    for class_ in changed:
        for message in class_["messages"]:
            message["params"] = [
                {name: value for name, value in param.items() if name != "required"} for param in message["params"]
            ]
    return changed


def _without_states(value: Any) -> Any:
    match value:
        case {"state": _, "transitions": transitions}:
            return transitions
        case dict():
            return {name: _without_states(item) for name, item in value.items()}
        case list():
            return [_without_states(item) for item in value]
        case _:
            return value


STATES = _without_required(published())
"""The same in the vintage before: nothing says what is required."""
OLDEST: list[dict[str, Any]] = _without_states(STATES)
"""The same in the oldest vintage: lifecycles are lists."""
