"""Request bodies; the cases of Ambari's JsonRequestBodyParserTest, and hostile ones."""

from __future__ import annotations

import json

import pytest

from gateway.ambari.query.bodies import (
    MAX_DEPTH,
    MAX_PATH,
    MAX_PROPERTIES,
    MAX_RESOURCES,
    PropertySet,
    RequestBody,
    parse_body,
)
from gateway.ambari.query.errors import QueryError

SERVICE = {
    "Services": {"display_name": "HDFS", "description": "files", "service_name": "HDFS"},
    "ServiceInfo": {"cluster_name": "c1", "state": "STARTED"},
    "OuterCategory": {"propName": 100, "nested1": {"nested2": {"innerPropName": "innerPropValue"}}},
    "topLevelProp": "value",
}
FLAT: PropertySet = {
    "Services/display_name": "HDFS",
    "Services/description": "files",
    "Services/service_name": "HDFS",
    "ServiceInfo/cluster_name": "c1",
    "ServiceInfo/state": "STARTED",
    "OuterCategory/propName": "100",
    "OuterCategory/nested1/nested2/innerPropName": "innerPropValue",
    "topLevelProp": "value",
}
CLUSTERS = [
    {"Clusters": {"cluster_name": "one"}},
    {"Clusters": {"cluster_name": "two", "property1": "x"}},
    {"Clusters": {"cluster_name": "three", "Category": {"property2": None}}},
]
FLAT_CLUSTERS: tuple[PropertySet, ...] = (
    {"Clusters/cluster_name": "one"},
    {"Clusters/cluster_name": "two", "Clusters/property1": "x"},
    {"Clusters/cluster_name": "three", "Clusters/Category/property2": None},
)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def of_host(name: str, tag: str) -> dict[str, object]:
    config = {"type": "global", "tag": tag, "properties": {"a": "b"}}
    return {"RequestInfo": {"query": f"Hosts/host_name={name}"}, "Body": {"Hosts": {"desired_config": config}}}


def flat_of_host(name: str, tag: str) -> RequestBody:
    inside = "Hosts/desired_config"
    return RequestBody(
        ({f"{inside}/type": "global", f"{inside}/tag": tag, f"{inside}/properties/a": "b"},),
        {"query": f"Hosts/host_name={name}"},
    )


SUB_RESOURCES = {"services": [{"ServiceInfo": {"service_name": "s1"}}, {"ServiceInfo": {"C": {"p": 2}}}]}
FLAT_SUB_RESOURCES: PropertySet = {"services": [{"ServiceInfo/service_name": "s1"}, {"ServiceInfo/C/p": "2"}]}


@pytest.mark.parametrize(
    ("body", "requests"),
    [
        # JsonRequestBodyParserTest
        pytest.param(encode(SERVICE), (RequestBody((FLAT,)),), id="object"),
        pytest.param(b"", (RequestBody(),), id="empty"),
        pytest.param(encode([of_host("h1", "v1"), of_host("h2", "v2")]),
                     (flat_of_host("h1", "v1"), flat_of_host("h2", "v2")), id="several requests"),
        pytest.param(encode(CLUSTERS), (RequestBody(FLAT_CLUSTERS),), id="array"),
        pytest.param(encode(CLUSTERS)[1:-1], (RequestBody(FLAT_CLUSTERS),), id="array without brackets"),
        pytest.param(encode({"RequestInfo": {"query": "foo=bar"}, "Body": SERVICE}),
                     (RequestBody((FLAT,), {"query": "foo=bar"}),), id="query in the body"),
        pytest.param(encode(SUB_RESOURCES), (RequestBody((FLAT_SUB_RESOURCES,)),), id="sub-resources"),
        pytest.param(encode({"foo": [{"a": {"b": 1}}], "bar": [{"c": 2}]}),
                     (RequestBody(({"foo": [{"a/b": "1"}], "bar": [{"c": "2"}]},)),), id="two kinds of sub-resources"),
        pytest.param(encode({"RequestInfo": {"query": "foo=bar"}, "Body": SUB_RESOURCES}),
                     (RequestBody((FLAT_SUB_RESOURCES,), {"query": "foo=bar"}),), id="sub-resources with a query"),
        pytest.param(encode({"RequestInfo": {"query": "foo=bar"}}),
                     (RequestBody((), {"query": "foo=bar"}),), id="nothing but a query"),
        pytest.param(encode({"RequestInfo": {"query": "q", "prop1": "val1", "prop2": 2}, "Body": SERVICE}),
                     (RequestBody((FLAT,), {"query": "q", "prop1": "val1", "prop2": "2"}),), id="RequestInfo"),
        pytest.param(b'{"RequestBodyInfo": {"RequestInfo": {"query": "q"}, "Body": [1, {"a": null}]}}',
                     (RequestBody(({"RequestBodyInfo": '{"RequestInfo":{"query":"q"},"Body":[1,{"a":null}]}'},)),),
                     id="a request within"),
        # what else there is
        pytest.param(b" \r\n\t", (RequestBody(),), id="blank"),
        pytest.param(b"{}", (RequestBody(),), id="empty object"),
        pytest.param(b"[]", (RequestBody(),), id="empty array"),
        pytest.param(b"[{}, {}]", (RequestBody(),), id="empty objects"),
        pytest.param(b'\xef\xbb\xbf {"a": 1}', (RequestBody(({"a": "1"},)),), id="byte order mark"),
        pytest.param(b'  [{"a": 1}]\n', (RequestBody(({"a": "1"},)),), id="blanks around"),
        pytest.param(b'{"Requests/resource_filters": [{"service_name": "S"}]}',
                     (RequestBody(({"Requests/resource_filters": [{"service_name": "S"}]},)),), id="flat keys"),
        pytest.param(b'{"ExtensionLink/stack_name": "HDP", "ExtensionLink": {"stack_version": 2.5}}',
                     (RequestBody(({"ExtensionLink/stack_name": "HDP", "ExtensionLink/stack_version": "2.5"},)),),
                     id="flat and nested"),
        pytest.param(b'{"RequestInfo": {"operation_level": {"level": "SERVICE"}, "hosts": ["h"]}}',
                     (RequestBody(({"RequestInfo/hosts": ["h"]},), {"operation_level/level": "SERVICE"}),),
                     id="nested RequestInfo"),
        pytest.param(b'[{"a": 1}, {"RequestInfo": {"query": "q"}}, {"b": 2}]',
                     (RequestBody(({"a": "1"}, {"b": "2"})), RequestBody((), {"query": "q"})), id="mixed requests"),
        pytest.param(b'{"a": true, "b": false, "c": null, "d": 1.50, "e": -0, "f": 12345678901234567890123}',
                     (RequestBody(({"a": "true", "b": "false", "c": None, "d": "1.5", "e": "0",
                                    "f": "12345678901234567890123"},)),), id="values that are no text"),
        pytest.param(b'{"a": [1, "x", null, true], "b": []}',
                     (RequestBody(({"a": ["1", "x", None, "true"], "b": []},)),), id="list of values"),
        pytest.param(b'{"a": 1, "a": 2, "b": {"c": 1}, "b/c": 3}', (RequestBody(({"a": "2", "b/c": "3"},)),),
                     id="the last of a name counts"),
        pytest.param(b'{"Body": "x"}', (RequestBody(({"Body": "x"},)),), id="Body that is none"),
        pytest.param(b'{"a": {}}', (RequestBody(),), id="empty category"),
        pytest.param('{"é🐘": "\\ud83d\\udc18"}'.encode(), (RequestBody(({"é🐘": "🐘"},)),), id="beyond ASCII"),
    ],
)  # fmt: skip
def test_a_body_means(body: bytes, requests: tuple[RequestBody, ...]) -> None:
    assert parse_body(body) == requests


def test_the_query_is_found() -> None:
    [request] = parse_body(b'{"RequestInfo": {"query": "a=1&b=2", "context": "x"}}')
    assert request.query == "a=1&b=2"
    [plain] = parse_body(b'{"query": "a=1"}')
    assert plain.query is None


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b'{ "Category" : { "foo" : "bar"}', "The body is not JSON: ", id="cut off"),
        pytest.param(b"{'a': 1}", "The body is not JSON: ", id="wrong quotes"),
        pytest.param(b'{"a": 1,}', "The body is not JSON: ", id="comma too many"),
        pytest.param(b'{"a": NaN}', "The body is not JSON: ", id="NaN"),
        pytest.param(b'{"a": Infinity}', "The body is not JSON: ", id="infinity"),
        pytest.param(b'{"a": 1e999}', "The body is not JSON: ", id="huge number"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b"}", "The body is not JSON: ", id="very long number"),
        pytest.param(b'{"a": "\\ud800"}', "The body is not JSON: ", id="lone surrogate"),
        pytest.param(b'{"a": "\\udc00"}', "The body is not JSON: ", id="lone low surrogate"),
        pytest.param(b'{"\\ud800\\ud800": 1}', "The body is not JSON: ", id="two high surrogates"),
        pytest.param(b'{"a": "\xff"}', "The body is not UTF-8: byte 7.", id="not UTF-8"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', "The body is not UTF-8: byte 7.", id="encoded surrogate"),
        pytest.param(b"\x00", "The body is not JSON: ", id="zero"),
        pytest.param(b"a=1", "The body is not JSON: ", id="form"),
        pytest.param(b'{"a":1}],[{"b":2}', "The body is not JSON: ", id="brackets inside out"),
        pytest.param(b"5", "The body must be a JSON object or an array of objects, not a number.", id="number"),
        pytest.param(b"null", "The body must be a JSON object or an array of objects, not null.", id="null"),
        pytest.param(b"true", "The body must be a JSON object or an array of objects, not a boolean.", id="boolean"),
        pytest.param(b'["a"]', "The body must be a JSON object or an array of objects, not a string.", id="string"),
        pytest.param(b"[[]]", "The body must be a JSON object or an array of objects, not an array within an array.",
                     id="array in array"),
        pytest.param(b'{"a": [1, {}]}', "The list 'a' must be of objects or of simple values", id="mixed list"),
        pytest.param(b'{"a": {"b": [[1]]}}', "The list 'a/b' must be of objects or of simple values", id="list of lists"),
        pytest.param(nested(MAX_DEPTH + 2), f"The body is more than {MAX_DEPTH} objects and lists deep.", id="deep"),
        pytest.param(nested(100_000), "The body is not JSON: ", id="very deep"),
        pytest.param(b"[" * 100_000, "The body is not JSON: ", id="deep array"),
        pytest.param(b'{"RequestBodyInfo":' + nested(150_000) + b"}", "The body is not JSON: ", id="deep within"),
        pytest.param(b'{"a":[' * 40 + b"]}" * 40, f"The body is more than {MAX_DEPTH} objects", id="deep lists"),
        pytest.param(b"[" + b",".join([b"{}"] * (MAX_RESOURCES + 1)) + b"]", f"at most {MAX_RESOURCES}", id="many"),
        pytest.param(encode({str(number): 1 for number in range(MAX_PROPERTIES + 1)}),
                     f"more than {MAX_PROPERTIES} properties", id="many properties"),
        pytest.param(encode({"a" * (MAX_PATH + 1): 1}), f"at most {MAX_PATH}", id="long name"),
    ],
)  # fmt: skip
def test_a_body_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse_body(body)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_as_deep_as_allowed() -> None:
    [request] = parse_body(nested(MAX_DEPTH + 1))
    assert request.properties == ({"/".join(["a"] * (MAX_DEPTH + 1)): "1"},)
