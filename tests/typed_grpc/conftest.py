"""Platforms in real processes with typed methods, and clients that know of them by reflection alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from graft.registry.v1 import identity_pb2, identity_pb2_grpc
from support.running import ADMIN, PASSWORD, Platform, make_platform

DECLARED = """<methods xmlns="urn:graft:methods:1">
  <enum name="state"><value name="on-line">It works.</value><value name="off"/></enum>
  <record name="disk">
    <doc>One disk.</doc>
    <field name="device" type="string"/>
    <field name="size" type="int" default="7"/>
    <field name="state" type="enum state"/>
    <field name="made" type="datetime"/>
    <field name="load" type="float"/>
    <field name="labels" type="(int -> string set) map"/>
    <field name="parent" type="disk record option"/>
    <field name="extra" type='"anything"'/>
  </record>
  <method name="Typed.echo" role="pool-operator" executable="echo.py">
    <doc>Return a disk as it was given.</doc>
    <param name="disk" type="disk record"><doc>The disk.</doc></param>
    <result type="disk record"/>
  </method>
  <method name="Typed.count" role="anyone" executable="count.py">
    <param name="one" type="int"/><param name="two" type="int" default="5"/><param name="three" type="int" default="6"/>
    <result type="int set"/>
  </method>
  <method name="Typed.fail" role="anyone" executable="fail.py">
    <error code="DISK_IN_USE"><param name="disk"/></error>
  </method>
  <method name="Typed.wrong" role="anyone" executable="count.py"><param name="one" type="int"/><result type="bool"/></method>
  <method name="Typed.slow" role="anyone" executable="slow.py"/>
  <method name="Typed.missing" role="anyone"/>
  <method name="Typed.gone" role="anyone" executable="count.py">
    <lifecycle><published release="1"/><deprecated release="2"/><removed release="3"/></lifecycle>
  </method>
</methods>"""

_SCRIPT = """#!/usr/bin/python3
import sys, time, xmlrpc.client
params, _ = xmlrpc.client.loads(sys.stdin.read(), use_builtin_types=False)
def answer(**members):
    print(xmlrpc.client.dumps((members,), methodresponse=True, allow_none=True))
"""
SCRIPTS = {
    "echo.py": 'answer(Status="Success", Value=params[1])',
    "count.py": 'answer(Status="Success", Value=[int(param) for param in params[1:]])',
    "fail.py": 'answer(Status="Failure", ErrorDescription=["DISK_IN_USE", "xvda"])',
    "slow.py": "time.sleep(600)",
}


@pytest.fixture(scope="module", params=["up", "services"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A running platform with declared methods."""
    root = tmp_path_factory.mktemp(request.param)
    made = make_platform(request.param, root, GRAFT_DECLARATIONS_DIR=str(root / "declarations.d"))
    (root / "declarations.d").mkdir()
    (root / "declarations.d" / "typed.xml").write_text(DECLARED)
    for name, text in SCRIPTS.items():
        made.drop_in(name, _SCRIPT + text + "\n")
    made.drop_in("Undeclared.method", _SCRIPT)
    try:
        made.start_all()
        yield made
    finally:
        made.kill_all()


class Client:
    """Calls by what reflection tells, as it is now."""

    def __init__(self, platform: Platform) -> None:
        self.address = f"127.0.0.1:{platform.dispatcher}"
        self.channel = grpc.insecure_channel(self.address)
        with grpc.insecure_channel(f"127.0.0.1:{platform.registry}") as registry:
            login = identity_pb2.LoginRequest(user=ADMIN, password=PASSWORD, originator="tests")
            self.ref = identity_pb2_grpc.IdentityServiceStub(registry).Login(login, timeout=30).session_ref
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)

    def services(self) -> list[str]:
        return sorted(ProtoReflectionDescriptorDatabase(self.channel).get_services())

    def request(self, rpc: str, /, **values: Any) -> Message:
        return GetMessageClass(self.method(rpc).input_type)(**values)

    def method(self, rpc: str) -> Any:
        service, _, name = rpc.rpartition(".")
        return self.pool.FindServiceByName(service).methods_by_name[name]

    def call(self, rpc: str, request: Message, *, ref: str | None = None, timeout: float = 30) -> Message:
        answer = GetMessageClass(self.method(rpc).output_type)
        return answer.FromString(self.call_bytes(rpc, request.SerializeToString(), ref=ref, timeout=timeout))

    def call_bytes(self, rpc: str, request: bytes, *, ref: str | None = None, timeout: float = 30) -> bytes:
        service, _, name = rpc.rpartition(".")
        credential = self.ref if ref is None else ref
        metadata = [("authorization", f"Bearer {credential}")] if credential else []
        data: bytes = self.channel.unary_unary(f"/{service}/{name}")(request, timeout=timeout, metadata=metadata)
        return data


@pytest.fixture(scope="module")
def client(platform: Platform) -> Iterator[Client]:
    made = Client(platform)
    yield made
    made.channel.close()


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """The real grpcurl, wherever it is."""
    places = f"{os.environ.get('PATH', '')}:{Path.home() / 'go' / 'bin'}"
    found = shutil.which("grpcurl", path=places)
    if found is None:
        pytest.skip("grpcurl is not there: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest")
    return found
