"""docker-compose.yml gives the dispatcher what its sandboxes take, and nobody more than they need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dispatcher_service.engines.factory import ENGINES
from graft_common.settings import ENV_PREFIX, Settings

yaml = pytest.importorskip("yaml", reason="PyYAML, which schemathesis brings, is not installed")
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict:
    return yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("name", ["registry", "dispatcher", "gateway"])
def test_services_have_no_privilege(services, name):
    service = services[name]
    assert service["user"] == "65534:65534"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "pid", "network_mode", "ipc"} & set(service)
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["pids_limit"]


def test_the_dispatcher_may_build_sandboxes(services):
    options = services["dispatcher"]["security_opt"]
    [profile] = [option.removeprefix("seccomp:") for option in options if option.startswith("seccomp:")]
    assert (PROJECT / profile).samefile(PROJECT / "deploy" / "seccomp-dispatcher.json")
    assert "systempaths=unconfined" in options
    assert any(mount.startswith("/tmp:exec") for mount in services["dispatcher"]["tmpfs"])
    assert all("seccomp" not in option for name in ("registry", "gateway") for option in services[name]["security_opt"])


def test_variables_are_settings(services):
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for service in services.values():
        given = {name for name in service["environment"] if name.startswith(ENV_PREFIX)}
        assert given <= known


def test_the_engine_that_the_example_names_is_there():
    [engine] = re.findall(r"^#GRAFT_ENGINE=(.+)$", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    assert engine in ENGINES
