"""xapi's published datamodel as typed values: what is read, what is refused and where."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from graft_common.declarations.xenapi_json import DatamodelError, read_datamodel, write_datamodel
from support.datamodels import OLDEST, STATES, published, sample


@pytest.mark.parametrize("datamodel", [[], published(), OLDEST, STATES], ids=["empty", "newest", "oldest", "states"])
def test_each_vintage_is_written_as_it_was_read(datamodel: Any) -> None:
    written = write_datamodel(read_datamodel(json.dumps(datamodel).encode()))
    assert json.loads(written) == datamodel
    assert written.endswith(b"]\n")


def test_the_published_sample_is_written_as_it_was_read() -> None:
    data = sample()
    assert json.loads(write_datamodel(read_datamodel(data))) == json.loads(data)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ([0, "name"], 5, "$[0].name: Expected `str`, got `int`"),
        ([0, "messages", 1, "params", 1, "type"], None, "$[0].messages[1].params[1].type: Expected `str`, got `null`"),
        ([0, "messages", 1, "result"], [], '$[0].messages[1]: the result must be ["void"], or a type and its doc'),
        ([0, "messages", 1, "result"], ["int"], '$[0].messages[1]: the result must be ["void"], or a type and its doc'),
        ([0, "messages", 0, "colour"], "blue", "$[0].messages[0]: Object contains unknown field `colour`"),
        ([0, "fields", 0, "qualifier"], "WO", "$[0].fields[0].qualifier: Invalid enum value 'WO'"),
        (
            [0, "fields", 0, "lifecycle", "transitions", 0, "transition"],
            "born",
            "$[0].fields[0].lifecycle.transitions[0].transition: Invalid enum value 'born'",
        ),
        ([0, "fields", 0, "lifecycle"], [3], "$[0].fields[0].lifecycle[0]: Expected `object`, got `int`"),
        ([0, "enums", 0, "values", 0], {"name": "on"}, "$[0].enums[0].values[0]: Object missing required field `doc`"),
        ([0, "implicit"], True, "$[0]: Object contains unknown field `implicit`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: list[Any], value: Any, told: str) -> None:
    datamodel = copy.deepcopy(published())
    place: Any = datamodel
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(DatamodelError) as refused:
        read_datamodel(json.dumps(datamodel).encode())
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no JSON"),
        (b"[{", "no JSON"),
        (b"{}", "$: Expected `array`, got `object`"),
        (b"\xff", "no JSON"),
        (b'["\xff"]', "no JSON"),
        (b'[{"name": 5}, {', "no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"name":' + b"[" * 100_000, "nested too deeply"),
        (b" " * (64 * 1024 * 1024 + 1), "67108864 are allowed"),
    ],
    ids=["nothing", "cut", "object", "binary", "no text", "cut later", "deep", "deep below", "large"],
)
def test_what_is_no_datamodel_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(DatamodelError, match=told.replace("$", r"\$")):
        read_datamodel(data)
