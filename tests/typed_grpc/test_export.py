"""`graft proto export`: files that compilers take, from declarations and from xapi's datamodel."""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from grpc_tools import protoc

from support.datamodels import published, sample
from support.running import GRAFT

DECLARED = """<methods xmlns="urn:graft:methods:1">
  <record name="disk"><field name="size" type="int"/></record>
  <method name="Volume.resize"><param name="disks" type="disk record set"/><result type='"anything"'/></method>
  <method name="VM.start"><param name="when" type="datetime" optional="true"/></method>
</methods>"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    (tmp_path / "declarations.d").mkdir()
    (tmp_path / "declarations.d" / "all.xml").write_text(DECLARED)
    return tmp_path / "declarations.d"


def graft(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GRAFT, "proto", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )


def written(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_declarations_are_written_whole_and_compile(tmp_path: Path, declared: Path) -> None:
    done = graft(tmp_path, "export", "--out", "protos", "--from", str(declared))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "protos: 4 files with 2 services\n"
    files = written(tmp_path / "protos")
    assert files == [
        "graft/common/v1/value.proto",
        "graft/ext/VM.proto",
        "graft/ext/Volume.proto",
        "graft/ext/types.proto",
    ]
    include = str(resources.files("grpc_tools") / "_proto")
    out = f"--python_out={tmp_path}"
    assert protoc.main(["protoc", f"-I{tmp_path / 'protos'}", f"-I{include}", out, *files]) == 0


def test_one_class_and_json(tmp_path: Path, declared: Path) -> None:
    done = graft(tmp_path, "export", "--out", "protos", "--from", str(declared), "--class", "VM", "--json")
    assert json.loads(done.stdout) == {
        "directory": "protos",
        "files": ["graft/ext/VM.proto", "graft/ext/types.proto"],
        "services": ["graft.ext.VM"],
    }
    assert written(tmp_path / "protos") == json.loads(done.stdout)["files"]
    done = graft(tmp_path, "export", "--out", "protos", "--from", str(declared), "--class", "Vm")
    assert done.returncode == 1
    assert done.stderr == "graft: no class Vm has declared methods; those that have some: VM, Volume\n"


def test_what_others_have_made_stays(tmp_path: Path, declared: Path) -> None:
    command = ["export", "--out", "protos", "--from", str(declared)]
    assert graft(tmp_path, *command).returncode == 0
    (declared / "all.xml").write_text(DECLARED.replace("VM.start", "VM.stop"))
    assert graft(tmp_path, *command).returncode == 0
    assert "rpc stop(" in (tmp_path / "protos/graft/ext/VM.proto").read_text()
    own = tmp_path / "protos/graft/ext/Volume.proto"
    own.write_text("// my own\n")
    done = graft(tmp_path, *command)
    assert done.returncode == 1
    assert "Volume.proto is there and was not made by this command; nothing is written" in done.stderr
    assert own.read_text() == "// my own\n"
    assert graft(tmp_path, *command, "--force").returncode == 0
    assert "rpc resize(" in own.read_text()


@pytest.mark.parametrize("vintage", ["newest", "sample"])
def test_a_datamodel_of_xapi(tmp_path: Path, vintage: str) -> None:
    data = sample() if vintage == "sample" else json.dumps(published()).encode()
    (tmp_path / "xenapi.json").write_bytes(data)
    done = graft(tmp_path, "export", "--out", "protos", "--from", "xenapi.json", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    with_methods = {f"graft.ext.{class_['name']}" for class_ in json.loads(data) if class_["messages"]}
    assert set(json.loads(done.stdout)["services"]) == with_methods


def test_no_platform_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [GRAFT, "proto", "export", "--out", "protos"],
        cwd=tmp_path,
        env={"GRAFT_DISPATCHER": "127.0.0.1:9", "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert not (tmp_path / "protos").exists()
