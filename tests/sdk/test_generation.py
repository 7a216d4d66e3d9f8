"""What is made of an Api, whatever it holds."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import HealthCheck, given, settings

from graft_common.declarations.api import Api
from graft_common.declarations.model import Document, State
from graft_common.declarations.platform import platform_document
from graft_sdk.examples import LANGUAGES, example
from graft_sdk.generation import Options, generate, lines, view_of
from graft_sdk.languages import find, names
from graft_sdk.view import leads_to
from support.declarations import documents
from support.sdk import MADE_BY, echo_api, golden_api

# The first use of templates compiles them.
_ANY = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(document=documents())
@_ANY
def test_every_language_takes_any_declarations(document: Document) -> None:
    api = Api.of(document)
    for language in names():
        made = generate(api, find(language), Options(made_by=MADE_BY))
        assert all(path and not path.startswith("/") and ".." not in path.split("/") for path in made)
        for path, data in made.items():
            text = data.decode()
            if path.endswith(".py"):
                ast.parse(text, path, feature_version=(3, 9))
            elif path.endswith(("package.json", "tsconfig.json")):
                json.loads(text)
        for method in document.methods:
            shown = example(api, method, language)
            assert bool(shown) == (method.lifecycle.state is not State.REMOVED)
            if language == "python":
                ast.parse(shown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_are_short_and_keep_secrets(language: str) -> None:
    api = golden_api()
    for method in api.document.methods:
        shown = example(api, method, language)
        assert "never shown" not in shown
        assert shown == "" or (shown.endswith("\n") and len(shown.splitlines()) < 60)
    assert example(api, api.methods["Volume.gone"], language) == ""
    assert "OpaqueRef:1" in example(api, api.methods["Volume.resize"], language)
    with pytest.raises(LookupError, match=r"no method Echo\.int"):
        example(api, echo_api().methods["Echo.int"], language)


def test_an_unknown_language_is_told() -> None:
    with pytest.raises(LookupError, match=r"there is no language 'cobol'; there are .*python"):
        find("cobol")


@pytest.mark.parametrize("language", names())
def test_names_and_versions_of_packages(language: str) -> None:
    with pytest.raises(ValueError, match="is no version of a package"):
        generate(golden_api(), find(language), Options(version='1"; import os'))
    with pytest.raises(ValueError, match="no "):
        generate(golden_api(), find(language), Options(package='a"b\n'))


def test_some_classes_bring_what_they_need() -> None:
    view = view_of(golden_api(), find("python"), Options(classes=["VM"]))
    assert [class_.name for class_ in view.classes] == ["VM"]
    assert (view.records, view.enums, view.refs) == ((), (), ())
    view = view_of(golden_api(), find("python"), Options(classes=["Volume"]))
    assert {record.name for record in view.records} == {"Volume", "disk"}
    assert [record.name for record in view.records if record.given] == ["disk"]
    assert {enum.name for enum in view.enums} == {"resize_state", "colour"}
    assert [ref.class_name for ref in view.refs] == ["VM", "Volume"]
    with pytest.raises(LookupError, match="no class Gone with methods; there are VM, Volume"):
        view_of(golden_api(), find("python"), Options(classes=["Gone"]))


@pytest.mark.parametrize("language", names())
def test_sessions_are_neither_opened_nor_closed_by_tasks(language: str) -> None:
    api = Api.of(platform_document())
    view = view_of(api, find(language), Options())
    made = b"".join(generate(api, find(language)).values()).decode()
    assert view.method("task.destroy").forms["start"] in made
    assert view.method("session.logout").forms["start"] not in made


def test_errors_are_those_of_the_platform_and_those_declared() -> None:
    errors = {error.code: error for error in view_of(golden_api(), find("python"), Options()).errors}
    assert errors["SESSION_INVALID"].platform
    assert not errors["VOLUME_IN_USE"].platform
    assert [(param.name, param.ident) for param in errors["VOLUME_IN_USE"].params] == [
        ("volume", "volume"),
        ("class", "class_"),
    ]
    assert errors["DRAFT_ERROR"].ident == "Draft"


def test_records_that_lead_to_themselves() -> None:
    view = view_of(golden_api(), find("python"), Options())
    kinds = {field.name: field.type for field in view.record("disk").fields}
    assert leads_to(kinds["parent"], "disk", view)
    assert not leads_to(kinds["children"], "disk", view)
    assert not leads_to(kinds["size"], "disk", view)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  one\n two ", ["one two"]),
        ("one two three four", ["one two", "three four"]),
        ("one\n\n\ntwo", ["one", "", "two"]),
        ("- one\n- two three four", ["- one", "- two three four"]),
        ("say\n\n```\na  b\n\nc\n```\n\nend", ["say", "", "```", "a  b", "", "c", "```", "", "end"]),
        ("unbreakablewords here", ["unbreakablewords", "here"]),
    ],
)
def test_lines(text: str, found: list[str]) -> None:
    assert lines(text, 10) == found
