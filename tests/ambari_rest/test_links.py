"""Links over HTTP: Ambari's texts, in both status modes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.resources import Resources
from support.rest import Rest, link, message
from tests.ambari_rest.conftest import Serve
from tests.links.conftest import needs

INTERNAL = "An internal system exception occurred: "
CLASH = (
    "Existing service is included in extension, stackName=HDP, stackVersion={stack}, service=HDFS, "
    "extensionName={extension}, extensionVersion={version}"
)
REQUIRED = "requiredExtensionName=EXT, requiredExtensionVersion=2.*"
LINKED = ("EXT/1.0 HDP/2.4",)


def names(text: str) -> str:
    body = link(text)["ExtensionLink"]
    return (
        f"stackName={body['stack_name']}, stackVersion={body['stack_version']}, "
        f"extensionName={body['extension_name']}, extensionVersion={body['extension_version']}"
    )


async def link_of(rest: Rest, extension: str) -> int:
    [found] = (await rest.json(f"links?ExtensionLink/extension_name={extension}"))["items"]
    return int(found["ExtensionLink"]["link_id"])


@pytest.fixture(params=[False, True], ids=["own-statuses", "ambaris-statuses"])
def upstream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def rest(serve: Serve, tree: Resources, *, upstream: bool) -> AsyncIterator[Rest]:
    async with serve(tree.root, ambari_status_compat=upstream) as running:
        await running.link(LINKED[0])
        yield running


async def test_refused_creations(rest: Rest, *, upstream: bool) -> None:
    rows = [
        ("EXT/1.0 HDP/9", 404, "Stack data, Stack HDP 9 is not found in Ambari metainfo"),
        ("EXT/9.9 HDP/2.4", 404, "Stack data, Extension EXT 9.9 is not found in Ambari metainfo"),
        (LINKED[0], 409, f"The stack and extension are already linked, {names(LINKED[0])}"),
        ("LATE/1.0 HDP/2.4", 409, f"Stack is not supported by extension, {names('LATE/1.0 HDP/2.4')}"),
        (
            "CLASH/1.0 HDP/2.5",
            409,
            CLASH.format(stack="2.5", extension="CLASH", version="1.0"),
        ),
        (
            "NEEDY/1.0 HDP/2.4",
            409,
            f"Stack has not linked required extension, {names('NEEDY/1.0 HDP/2.4')}, {REQUIRED}",
        ),
    ]
    before = await rest.links()
    for text, status, words in rows:
        response = await rest.post("links", link(text))
        assert message(response) == (INTERNAL + words if upstream else words)
        assert response.status_code == (500 if upstream else status)
    broken = await rest.post("links", link("BROKEN/1.0 HDP/2.4"))
    assert f"Extension is not valid, {names('BROKEN/1.0 HDP/2.4')}, errors: " in message(broken)
    assert broken.status_code == (500 if upstream else 409)
    assert await rest.links() == before


async def test_creations_that_say_too_little(rest: Rest) -> None:
    bodies: list[Any] = [None, "", "{}", "[]"]
    bodies += [{"ExtensionLink": {"stack_name": "HDP"}}, {"ExtensionLink": {"stack_name": " "}}]
    for body in bodies:
        response = await rest.post("links", body)
        assert response.status_code == 400
        assert message(response) == "Stack name, stack version, extension name and extension version should be provided"


async def test_creation(rest: Rest) -> None:
    spec = link("EXT/1.0 HDP/2.5")
    flat = {f"ExtensionLink/{name}": value for name, value in spec["ExtensionLink"].items()}
    for body in (spec, [spec], {"RequestInfo": {"context": "x"}, "Body": spec}, flat):
        response = await rest.post("links", body)
        assert (response.status_code, response.content) == (201, b"")
        location = response.headers["location"].removeprefix("/api/v1/")
        made = await rest.json(location)
        assert made["ExtensionLink"] == {"link_id": int(location.rpartition("/")[2]), **spec["ExtensionLink"]}
        await rest.delete(location)


async def test_many_at_once_or_none(rest: Rest) -> None:
    before = await rest.links()
    refused = await rest.post("links", [link("EXT/1.0 HDP/2.5"), link("LATE/1.0 HDP/2.4")])
    assert "Stack is not supported by extension" in message(refused)
    assert await rest.links() == before
    made = await rest.post("links", [link("EXT/2.0 HDP/2.5"), link("NEEDY/1.0 HDP/2.5")])
    assert (made.status_code, made.content) == (201, b"")
    assert await rest.links() == [*before, "EXT/2.0 HDP/2.5", "NEEDY/1.0 HDP/2.5"]


async def test_bodies_that_are_wrong(rest: Rest) -> None:
    for body, words in [
        ("{", "The body is not JSON"),
        ("5", "must be a JSON object"),
        (
            {"ExtensionLink": {"colour": "red"}},
            "The properties [ExtensionLink/colour] specified in the request or pred",
        ),
        ({"ExtensionLink": {"stack_name": ["HDP"]}}, "must be one value, not a list"),
    ]:
        response = await rest.post("links", body)
        assert response.status_code == 400
        assert words in message(response)


async def test_switch(rest: Rest, *, upstream: bool) -> None:
    first = await link_of(rest, "EXT")
    both = "Invalid extension name or version: "
    fixed = "Update is not allowed to switch the extension name, only the version.  Old name/new name: EXT/CLASH"
    gone = "The specified resource doesn't exist: Stack data, Extension EXT 9.9 is not found in Ambari metainfo"
    clash = CLASH.format(stack="2.4", extension="EXT", version="3.0")
    for body, status, compatible, words in [
        (None, 400, 500, f"{both}null/null"),
        ({"ExtensionLink": {"extension_name": "EXT"}}, 400, 500, f"{both}EXT/null"),
        ({"ExtensionLink": {"extension_name": "CLASH", "extension_version": "1.0"}}, 400, 500, fixed),
        ({"ExtensionLink": {"extension_name": "EXT", "extension_version": "9.9"}}, 404, 404, gone),
        ({"ExtensionLink": {"extension_name": "EXT", "extension_version": "3.0"}}, 409, 500, clash),
    ]:
        response = await rest.put(f"links/{first}", body)
        assert message(response) == (INTERNAL + words if upstream and compatible == 500 else words)
        assert response.status_code == (compatible if upstream else status)
    switch = {"ExtensionLink": {"extension_name": "EXT", "extension_version": "2.0", "stack_version": "ignored"}}
    done = await rest.put(f"links/{first}", switch)
    assert (done.status_code, done.content) == (200, b"")
    assert "EXT/2.0 HDP/2.4" in await rest.links()
    back = {"ExtensionLink": {"link_id": first, "extension_name": "EXT", "extension_version": "1.0"}}
    assert (await rest.put("links", back)).status_code == 200
    assert "EXT/1.0 HDP/2.4" in await rest.links()
    unnamed = await rest.put("links", switch)
    assert (unnamed.status_code, message(unnamed)) == (400, "Link ID should be provided")


async def test_what_is_installed_is_kept(rest: Rest, tree: Resources, *, upstream: bool) -> None:
    tree.extension("EXT/4.0", needs("HDP", "2.4"))
    await rest.put("links")
    await rest.install("HDP/2.4", "OOZIE")
    first = await link_of(rest, "EXT")
    words = (
        "Extension service is still installed, stackName=HDP, stackVersion=2.4, service=OOZIE, "
        "extensionName=EXT, extensionVersion=1.0"
    )
    switch = {"ExtensionLink": {"extension_name": "EXT", "extension_version": "4.0"}}
    for response in (await rest.delete(f"links/{first}"), await rest.put(f"links/{first}", switch)):
        assert message(response) == (INTERNAL + words if upstream else words)
        assert response.status_code == (500 if upstream else 409)


async def test_removal(rest: Rest, *, upstream: bool) -> None:
    needed = await rest.link("EXT/2.0 HDP/2.5")
    needy = await rest.link("NEEDY/1.0 HDP/2.5")
    refused = await rest.delete(f"links/{needed}")
    words = (
        f"Stack extension is required by extension, {names('EXT/2.0 HDP/2.5')}, "
        "dependentExtensionName=NEEDY, dependentExtensionVersion=1.0"
    )
    assert message(refused) == (INTERNAL + words if upstream else words)
    assert refused.status_code == (500 if upstream else 409)
    for number in (needy, needed):
        done = await rest.delete(f"links/{number}")
        assert (done.status_code, done.content) == (200, b"")
    gone = await rest.delete(f"links/{needed}")
    assert gone.status_code == 404
    assert message(gone).startswith("The specified resource doesn't exist: ")


async def test_ids_that_are_none(rest: Rest) -> None:
    for method in ("GET", "PUT", "DELETE"):
        for text in ("abc", "1x", "99999999999999999999", "-", "1.0"):
            response = await rest._write(method, f"links/{text}", None)
            assert (response.status_code, message(response)) == (400, f'Invalid Request: For input string: "{text}"')


async def test_reading_again(rest: Rest, tree: Resources) -> None:
    for body in (None, "{}", '{"ExtensionLink": {}}', "[]"):
        response = await rest.put("links", body)
        assert (response.status_code, response.content) == (200, b"")
    tree.extension("NEW/1.0")
    assert (await rest.put("links/")).status_code == 200
    assert (await rest.get("extensions/NEW")).status_code == 200


async def test_a_link_that_makes_itself_again(rest: Rest) -> None:
    own = await link_of(rest, "SELF")
    assert (await rest.delete(f"links/{own}")).status_code == 200
    assert "SELF/1.0 OTHER/1.0" in await rest.links()
    assert (await rest.get(f"links/{own}")).status_code == 404


async def test_a_link_whose_extension_has_vanished(rest: Rest, tree: Resources) -> None:
    own = await rest.link("EXT/1.0 HDP/2.5")
    for path in (tree.root / "extensions/EXT/1.0", tree.root / "extensions/EXT/2.0"):
        path.rename(tree.root / f"gone-{path.name}")
    await rest.put("links")
    shown = (await rest.json(f"links/{own}"))["ExtensionLink"]
    assert shown["problem"] == "Extension EXT 1.0 is not in the resources directory"
    assert set((await rest.json("links"))["items"][0]["ExtensionLink"]) == {
        "link_id",
        "stack_name",
        "stack_version",
        "extension_name",
        "extension_version",
    }
    assert (await rest.delete(f"links/{own}")).status_code == 200
