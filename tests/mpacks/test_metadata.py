from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.errors import GraftError
from registry_service.mpacks.metadata import Metadata, Prerequisites, StackVersion, parse_metadata
from registry_service.mpacks.prerequisites import unmet

WHOLE = {
    "type": "full-release",
    "name": "myextension-ambari-mpack",
    "version": "1.0.0.0",
    "description": "MyExtension Management Pack",
    "prerequisites": {
        "min_ambari_version": "2.4.0.0",
        "min_stack_versions": [{"stack_name": "HDP", "stack_version": "2.4"}],
    },
    "hooks": [{"name": "before-install", "type": "python", "script": "hooks/before_install.py"}],
    "artifacts": [
        {"name": "ext", "type": "extension-definitions", "source_dir": "extensions"},
        {
            "name": "X",
            "type": "stack-addon-service-definitions",
            "source_dir": "custom-services",
            "service_versions_map": [
                {
                    "service_name": "MYSERVICE",
                    "service_version": "1.0.0",
                    "applicable_stacks": [{"stack_name": "MYSTACK", "stack_version": "1.0"}],
                }
            ],
        },
    ],
}


def read(said: Any) -> tuple[Metadata, list[str]]:
    metadata, findings = parse_metadata(json.dumps(said).encode())
    return metadata, [f"{finding.path}: {finding.text}" for finding in findings]


def hyphens(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.replace("_", "-"): hyphens(item) for key, item in value.items()}
    return [hyphens(item) for item in value] if isinstance(value, list) else value


def test_every_field() -> None:
    metadata, findings = read(WHOLE)
    assert findings == []
    assert metadata.folder == "myextension-ambari-mpack-1.0.0.0"
    assert metadata.prerequisites.min_stack_versions == (StackVersion("HDP", "2.4"),)
    assert [hook.script for hook in metadata.known_hooks()] == ["hooks/before_install.py"]
    assert metadata.artifacts[1].service_versions_map[0].applicable_stacks == (StackVersion("MYSTACK", "1.0"),)


def test_hyphens_are_read_as_underscores_everywhere() -> None:
    metadata, findings = read(hyphens(WHOLE))
    assert metadata == read(WHOLE)[0]
    assert "prerequisites.min-ambari-version: Ambari ignores 'min-ambari-version'" in "\n".join(findings)


def test_the_underscore_wins() -> None:
    metadata, _ = read(WHOLE | {"prerequisites": {"min-ambari-version": "9", "min_ambari_version": "1"}})
    assert metadata.prerequisites.min_ambari_version == "1"


def test_what_its_authors_should_hear() -> None:
    said = {
        "name": "foo",
        "version": "1",
        "artifacts": [{"type": "extension-definition", "source_dir": "../x"}],
        "hooks": [{"name": "before-lunch", "type": "perl", "script": "/x"}],
        "hash": "abc",
        "colour": "red",
    }
    _, findings = read(said)
    assert [finding.partition(":")[0] for finding in findings] == [
        "colour",
        "prerequisites",
        "artifacts[0].type",
        "artifacts[0].name",
        "hooks[0].name",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../evil"}, "name is '../evil'"),
        ({"name": ""}, "name is ''"),
        ({"name": ".hidden"}, "one plain part of a path"),
        ({"name": "a" * 300}, "one plain part of a path"),
        ({"version": "1/2"}, "version is '1/2'"),
        ({"version": ".."}, "version is '..'"),
        ({"version": 1.0}, "Expected `str`, got `float` - at `$.version`"),
        ({"name": "a" * 200, "version": "b" * 100}, "name and version"),
        ({"artifacts": None}, "at `$.artifacts`"),
        ({"artifacts": [{"type": "extension-definitions", "source_dir": "/etc"}]}, "artifacts[0].source_dir"),
        ({"artifacts": [{"type": "stack-definitions", "source_dir": "a/../../b"}]}, "must be a path in the pack"),
        (
            {"artifacts": [{"type": "stack-addon-service-definitions", "source_dir": "a"}]},
            "Must provide service versions map for stack-addon-service-definitions artifact!",
        ),
        (
            {"hooks": [{"name": "after-upgrade", "type": "perl", "script": "a"}]},
            "Malformed management pack. Unknown hook type for after-upgrade hook script",
        ),
        ({"hooks": [{"name": "after-upgrade", "type": "shell", "script": "../a"}]}, "must be a path in the pack"),
        ({"prerequisites": {"min_stack_versions": [{"stack_name": "..", "stack_version": "1"}]}}, "'.. 1'"),
        ({"artifacts": [{"type": "x", "source_dir": "a"}] * 1001}, "more than 1000 items"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(GraftError) as caught:
        read(WHOLE | changes)
    assert caught.value.code == "MPACK_MALFORMED"
    assert said in caught.value.params[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b" " * 2_000_000,
        b'{"a":' * 50 + b"1" + b"}" * 50,
    ],
)
def test_what_is_no_metadata(content: bytes) -> None:
    with pytest.raises(GraftError, match="MPACK_MALFORMED"):
        parse_metadata(content)


def test_a_byte_order_mark_is_no_harm() -> None:
    assert parse_metadata(b"\xef\xbb\xbf" + json.dumps(WHOLE).encode())[0].name == WHOLE["name"]


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["name", "version", "artifacts", "hooks", "a-b"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_anything_is_read_or_refused(content: bytes) -> None:
    try:
        parse_metadata(content)
    except GraftError as error:
        assert error.code == "MPACK_MALFORMED"  # noqa: PT017  (either is well)


@pytest.mark.parametrize(
    ("needed", "failures"),
    [
        (Prerequisites(), []),
        (Prerequisites(min_ambari_version="2.7.8"), []),
        (Prerequisites(min_ambari_version="2.4.0.0", max_ambari_version="2.7.8.0"), []),
        (Prerequisites(min_ambari_version="2.7.9"), ["Current Ambari Version = 2.7.8, Min Ambari Version = 2.7.9"]),
        (Prerequisites(min_ambari_version="2.10"), ["Current Ambari Version = 2.7.8, Min Ambari Version = 2.10"]),
        (Prerequisites(max_ambari_version="2.7"), ["Current Ambari Version = 2.7.8, Max Ambari Version = 2.7"]),
        (Prerequisites(min_stack_versions=(StackVersion("HDP", "2.4"),)), []),
        (Prerequisites(min_stack_versions=(StackVersion("HDP", "9"), StackVersion("HDP", "2.4"))), []),
        (Prerequisites(min_stack_versions=(StackVersion("HDP", "2.3"),)), ["Min applicable stack not found"]),
        (Prerequisites(min_stack_versions=()), ["Min applicable stack not found"]),
        (
            Prerequisites(max_ambari_version="1", min_stack_versions=(StackVersion("HDP", "9"),)),
            ["Max Ambari Version = 1", "Min applicable stack not found (one of: HDP 9)"],
        ),
    ],
)
def test_prerequisites(needed: Prerequisites, failures: list[str]) -> None:
    metadata = Metadata("foo", "1.0", (), prerequisites=needed)
    found = unmet(metadata, "2.7.8", lambda name, version: (name, version) == ("HDP", "2.4"))
    assert len(found) == len(failures)
    for text, expected in zip(found, failures, strict=True):
        assert text.startswith("Prerequisite failure! ")
        assert expected in text
