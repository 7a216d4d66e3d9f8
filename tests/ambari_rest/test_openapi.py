"""The OpenAPI document: valid, whole, and true of what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from gateway.ambari.openapi import Described, document
from gateway.ambari.resource_types import walk
from gateway.ambari.table import PREFIX, ROOTS
from support.rest import Rest

DOCUMENT = document(ROOTS, [Described("openapi.json", "This.", ("GET",), is_public=True)], PREFIX)


def schema(of: dict[str, Any], within: dict[str, Any] = DOCUMENT) -> OAS31Validator:
    return OAS31Validator({**of, "components": within["components"]})


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for verb, operation in item.items():
            if verb != "parameters":
                yield verb.upper(), path, {**operation, "shared": item.get("parameters", [])}


def test_is_valid() -> None:
    validate(DOCUMENT)


def test_has_every_path_and_method_of_the_table() -> None:
    expected = set()
    for pattern, place, is_instance in walk(ROOTS, ""):
        methods = place.on_instance if is_instance else place.on_collection
        expected |= {("GET", pattern), *((method.verb, pattern) for method in methods)}
    assert {(verb, path) for verb, path, _ in operations()} == expected | {("GET", "/openapi.json")}


def test_names_every_operation_once() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("verb", "path", "operation"), [*operations()], ids=lambda value: value if isinstance(value, str) else ""
)
def test_examples_are_what_the_schemas_say(verb: str, path: str, operation: dict[str, Any]) -> None:
    for parameter in [*operation["shared"], *operation.get("parameters", [])]:
        schema(parameter["schema"]).validate(parameter["example"])
    for answer in operation["responses"].values():
        for kind in answer.get("content", {}).values():
            schema(kind["schema"]).validate(kind["example"])
    for kind in operation.get("requestBody", {}).get("content", {}).values():
        schema(kind["schema"]).validate(kind["example"])
    assert verb == "GET" or [one["name"] for one in operation["parameters"]] == ["X-Requested-By"]


async def test_is_shown_to_anybody_in_either_content_type(rest: Rest) -> None:
    shown = await rest.get("openapi.json", auth=None)
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/plain;charset=utf-8"
    validate(shown.json())
    as_json = await rest.get("openapi.json", auth=None, headers={"content-type": "application/json"})
    assert as_json.headers["content-type"] == "application/json;charset=utf-8"
    assert as_json.json() == shown.json()
    assert shown.json()["paths"]["/auth"]["post"]["responses"]["201"]
    assert (await rest.get("links", auth=None)).status_code == 403


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("extensions", "/extensions"),
        ("extensions?fields=*,versions/*", "/extensions"),
        ("extensions/EXT", "/extensions/{extension_name}"),
        ("extensions/EXT/versions?fields=Versions/warnings,Versions/*", "/extensions/{extension_name}/versions"),
        ("extensions/BROKEN/versions/1.0", "/extensions/{extension_name}/versions/{extension_version}"),
        ("links?page_size=1&sortBy=ExtensionLink/link_id.desc", "/links"),
        ("links?minimal_response=true", "/links"),
        ("links/1?minimal_response=true", "/links/{link_id}"),
        ("stacks/HDP/versions?fields=*,services/*,services/components/*", "/stacks/{stack_name}/versions"),
        ("stacks/HDP/versions/2.4", "/stacks/{stack_name}/versions/{stack_version}"),
        (
            "stacks/HDP/versions/2.4/services/OOZIE?fields=*,components/dependencies/*,configurations/*,themes/*",
            "/stacks/{stack_name}/versions/{stack_version}/services/{service_name}",
        ),
        (
            "stacks/HDP/versions/2.4/services?fields=StackServices/origin,StackServices/*",
            "/stacks/{stack_name}/versions/{stack_version}/services",
        ),
    ],
)
async def test_answers_are_what_the_document_says(rest: Rest, path: str, pattern: str) -> None:
    await rest.link("EXT/1.0 HDP/2.4")
    answer = DOCUMENT["paths"][pattern]["get"]["responses"]["200"]["content"]["text/plain"]["schema"]
    schema(answer).validate(await rest.json(path))


@pytest.mark.parametrize(
    ("path", "status"), [("links/77", 404), ("links/x", 400), ("nowhere", 404), ("links?a=1", 400)]
)
async def test_errors_are_what_the_document_says(rest: Rest, path: str, status: int) -> None:
    response = await rest.get(path)
    assert response.status_code == status
    schema(DOCUMENT["components"]["schemas"]["Error"]).validate(response.json())


async def test_what_fields_may_name_is_taken(rest: Rest) -> None:
    for verb, path, operation in operations():
        fields = next((one for one in operation.get("parameters", []) if one["name"] == "fields"), None)
        if verb == "GET" and fields is not None and path.count("/") < 4:
            names = [name for one in fields["schema"]["items"]["anyOf"] for name in one.get("enum", ())]
            shown = path.replace("{link_id}", "1").format(
                extension_name="EXT",
                stack_name="HDP",
                cluster_name="c1",
                mpack_id="1",
                service_name="AMBARI",
                extension_version="1.0",
                stack_version="2.4",
                component_name="AMBARI_SERVER",
            )
            response = await rest.get(shown.strip("/"), params={"fields": ",".join(names)})
            assert response.status_code in {200, 404}, response.text
