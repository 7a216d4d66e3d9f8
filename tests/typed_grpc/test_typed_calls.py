"""Typed methods over real gRPC, embedded and apart, by clients that know nothing but reflection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from graft.dispatcher.v1 import dispatcher_pb2, dispatcher_pb2_grpc
from support.running import Platform, wait_until
from typed_grpc.conftest import DECLARED, Client

TYPED = "graft.ext.Typed"


def error_of(call: Callable[[], Any]) -> tuple[grpc.StatusCode, list[str]]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    status = rpc_status.from_call(caught.value)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            params = [
                info.metadata[f"param{number}"]
                for number in range(len(info.metadata))
                if f"param{number}" in info.metadata
            ]
            return caught.value.code(), [info.reason, *params]
    return caught.value.code(), []


def test_services_are_those_of_declared_classes(client: Client) -> None:
    services = client.services()
    assert {TYPED, "graft.ext.task", "graft.ext.host"} <= set(services)
    assert not {"graft.ext.session", "graft.ext.Undeclared"} & set(services)
    rpcs = [method.name for method in client.pool.FindServiceByName(TYPED).methods]
    assert rpcs == ["echo", "count", "fail", "wrong", "slow", "missing", "gone"]


def test_every_type_there_and_back(client: Client) -> None:
    request = client.request(f"{TYPED}.echo")
    disk = request.disk
    disk.device, disk.state, disk.load = "xvda \u00fc", 1, 1.5
    disk.made.seconds = 1767225600
    disk.labels[-5].items.extend(["a", "b"])
    disk.labels[2**62].items[:] = []
    disk.parent.state, disk.parent.size, disk.parent.made.seconds = 2, 0, -1
    for value in (disk.extra, disk.parent.extra):
        value.struct_value.members["x"].array_value.items.add(binary_value=b"\0\xff")
        value.struct_value.members["x"].array_value.items.add(bool_value=True)
        value.struct_value.members["x"].array_value.items.add(datetime_value="20260101T00:00:00Z")
    answer = client.call(f"{TYPED}.echo", request)
    disk.size = 7
    assert answer.value.SerializeToString(deterministic=True) == disk.SerializeToString(deterministic=True)


def test_defaults_fill_what_is_left_out(client: Client) -> None:
    def counted(**values: int) -> list[int]:
        return list(client.call(f"{TYPED}.count", client.request(f"{TYPED}.count", **values)).value)

    assert counted(one=1) == [1, 5, 6]
    assert counted(one=1, three=0) == [1, 5, 0]
    assert counted() == [0, 5, 6]


def test_built_in_methods_are_typed_too(client: Client) -> None:
    hosts = client.call("graft.ext.host.get_all_records", client.request("graft.ext.host.get_all_records")).value
    [record] = hosts.values()
    assert record.enabled is True
    names = client.call("graft.ext.system.listMethods", client.request("graft.ext.system.listMethods"), ref="")
    assert "Typed.echo" in names.value


@pytest.mark.parametrize(
    ("rpc", "data", "ref", "code", "error"),
    [
        ("count", "", "OpaqueRef:none", "UNAUTHENTICATED", ["SESSION_INVALID", "OpaqueRef:none"]),
        ("count", "ff", "OpaqueRef:none", "UNAUTHENTICATED", ["SESSION_INVALID", "OpaqueRef:none"]),
        ("count", "ff", None, "INVALID_ARGUMENT", ["VALUE_NOT_SUPPORTED", "request"]),
        ("count", "2001", None, "INVALID_ARGUMENT", ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Typed.count", "1", "4"]),
        ("echo", "", None, "INVALID_ARGUMENT", ["FIELD_TYPE_ERROR", "disk", "disk record", "nothing"]),
        ("echo", "0a021809", None, "INVALID_ARGUMENT", ["INVALID_VALUE", "disk.state", "9"]),
        ("echo", "0a021801", None, "INVALID_ARGUMENT", ["FIELD_TYPE_ERROR", "disk.made", "datetime", "nothing"]),
        ("fail", "", None, "FAILED_PRECONDITION", ["DISK_IN_USE", "xvda"]),
        ("gone", "", None, "UNIMPLEMENTED", ["MESSAGE_REMOVED"]),
        ("wrong", "", None, "INTERNAL", ["INTERNAL_ERROR", "Typed.wrong"]),
        ("missing", "", None, "UNIMPLEMENTED", ["MESSAGE_METHOD_UNKNOWN", "Typed.missing"]),
        ("nothing", "", None, "UNIMPLEMENTED", []),
    ],
)
def test_errors_are_those_of_every_call(
    client: Client, rpc: str, data: str, ref: str | None, code: str, error: list[str]
) -> None:
    told, found = error_of(lambda: client.call_bytes(f"{TYPED}.{rpc}", bytes.fromhex(data), ref=ref))
    assert told.name == code
    assert found[: len(error)] == error
    assert bool(found) == bool(error)


@pytest.mark.parametrize(
    "rpc",
    ["graft.ext.Nothing.at_all", "graft.ext.Undeclared.method", "graft.ext.session.logout", "graft.ext.typed.count"],
)
def test_no_such_service(client: Client, rpc: str) -> None:
    assert error_of(lambda: client.call_bytes(rpc, b"")) == (grpc.StatusCode.UNIMPLEMENTED, [])


def test_a_deadline_ends_the_execution(client: Client, platform: Platform) -> None:
    code, _ = error_of(lambda: client.call_bytes(f"{TYPED}.slow", b"", timeout=1))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until("the end of the process", lambda: not running("slow.py"))
    stub = dispatcher_pb2_grpc.DispatcherServiceStub(client.channel)
    request = dispatcher_pb2.ListCallRecordsRequest(page_size=20)

    def recorded() -> bool:
        records = stub.ListCallRecords(request, metadata=[("authorization", f"Bearer {client.ref}")], timeout=10)
        return any(record.action.lower().startswith("typed.slow") for record in records.records)

    wait_until("the audit record", recorded)


def running(name: str) -> bool:
    return any(
        name.encode() in (process / "cmdline").read_bytes()
        for process in Path("/proc").glob("[0-9]*")
        if (process / "cmdline").exists()
    )


def test_health_knows_the_classes_that_are_there(client: Client) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert stub.Check(health_pb2.HealthCheckRequest(service=TYPED), timeout=5).status == serving
    watched = stub.Watch(health_pb2.HealthCheckRequest(service=TYPED), timeout=5)
    assert next(watched).status == serving
    watched.cancel()
    code, _ = error_of(lambda: stub.Check(health_pb2.HealthCheckRequest(service="graft.ext.Nothing"), timeout=5))
    assert code is grpc.StatusCode.NOT_FOUND


def test_metrics_tell_classes_and_no_more(client: Client) -> None:
    from graft_common.rpc.server import _GuardInterceptor

    class Known:
        def has(self, service: str) -> bool:
            return service == TYPED

    interceptor = _GuardInterceptor([Known()])
    assert interceptor._label(f"/{TYPED}/count") == f"/{TYPED}"
    assert interceptor._label("/graft.dispatcher.v1.DispatcherService/Invoke").endswith("/Invoke")


VERSIONS = {
    "int": '<param name="one" type="int"/><result type="int set"/>',
    "float": '<param name="one" type="float"/><result type="float set"/>',
}
REQUESTS = {"int": b"\x08\x05", "float": b"\x09\x00\x00\x00\x00\x00\x00\x14\x40"}
ANSWERS = {"int": b"\x0a\x01\x05", "float": b"\x0a\x08\x00\x00\x00\x00\x00\x00\x14\x40"}


class Changing:
    """A method that is declared, declared otherwise and not at all, while it is called in both forms."""

    def __init__(self, client: Client, platform: Platform) -> None:
        self.client = client
        self.file = platform.root / "declarations.d" / "changing.xml"
        self.draft = platform.root / "draft.xml"
        self.outcomes: dict[str, set[str]] = {form: set() for form in VERSIONS}
        self.ended = False

    def declare(self, form: str) -> None:
        self.draft.write_text(
            '<methods xmlns="urn:graft:methods:1"><method name="Changing.count" role="anyone" executable="count.py">'
            f"{VERSIONS[form]}</method></methods>"
        )
        self.draft.rename(self.file)

    def call(self, form: str) -> None:
        while not self.ended:
            try:
                answer = self.client.call_bytes("graft.ext.Changing.count", REQUESTS[form])
            except grpc.RpcError as error:
                self.outcomes[form].add(error.code().name)
            else:
                assert answer == ANSWERS[form]
                self.outcomes[form].add("OK")

    def is_there(self) -> bool:
        return "graft.ext.Changing" in self.client.services()


def test_each_call_sees_one_version_while_declarations_change(client: Client, platform: Platform) -> None:
    changing = Changing(client, platform)
    with ThreadPoolExecutor(len(VERSIONS)) as pool:
        callers = [pool.submit(changing.call, form) for form in VERSIONS]
        try:
            for form in [*VERSIONS, *VERSIONS]:
                changing.outcomes[form].discard("OK")
                changing.declare(form)
                wait_until(f"calls by {form}", lambda form=form: "OK" in changing.outcomes[form])
                assert changing.is_there()
            changing.file.unlink()
            wait_until("the end of the service", lambda: not changing.is_there())
        finally:
            changing.ended = True
        for caller in callers:
            caller.result(30)
    for outcomes in changing.outcomes.values():
        assert outcomes <= {"OK", "INVALID_ARGUMENT", "UNIMPLEMENTED"}


def test_what_is_declared_is_told_at_once(client: Client, platform: Platform) -> None:
    file = platform.root / "declarations.d" / "new.xml"
    file.write_text(
        DECLARED.replace("Typed.", "New.")
        .replace('name="disk"', 'name="disc"')
        .replace("disk record", "disc record")
        .replace('"state"', '"mode"')
        .replace("enum state", "enum mode")
    )
    wait_until("the new service", lambda: "graft.ext.New" in client.services())
    fresh = Client(platform)
    assert fresh.call("graft.ext.New.count", fresh.request("graft.ext.New.count", one=3)).value == [3, 5, 6]
    fresh.channel.close()
    file.unlink()
    wait_until("its end", lambda: "graft.ext.New" not in client.services())
