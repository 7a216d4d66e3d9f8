from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from graft_common.settings import Settings
from support.resources import Resources, component, config_property
from support.rest import Rest, running_rest
from tests.links.conftest import links_itself, needs

CONFORMANCE = Path(__file__).parents[2].parent / "shared" / "conformance" / "ambari"

Serve = Callable[..., AbstractAsyncContextManager[Rest]]


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's settings out of the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GRAFT_{name.upper()}", raising=False)
    (tmp_path / "graft.toml").touch()
    monkeypatch.setenv("GRAFT_CONFIG", str(tmp_path / "graft.toml"))


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    """Stacks that inherit, and extensions of every fate."""
    resources = Resources(tmp_path / "resources")
    resources.stack("HDP/2.4", "<versions><active>true</active></versions>", HDFS=component("NAMENODE"))
    resources.stack("HDP/2.5", "<extends>2.4</extends>")
    resources.stack("OTHER/1.0")
    resources.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE=_OOZIE)
    resources.configuration("extensions/EXT/1.0/services/OOZIE", "oozie-site", _OOZIE_SITE, 'supports_final="true"')
    resources.write("extensions/EXT/1.0/services/OOZIE/themes/theme.json", '{"name": "x", "configuration": {}}')
    resources.extension("EXT/2.0", f"<extends>1.0</extends>{needs('HDP', '2.4')}", OOZIE="<version>2</version>", PIG="")
    resources.extension("EXT/3.0", needs("HDP", "2.4"), HDFS="")
    resources.extension("BROKEN/1.0", "<extends>0.9</extends>" + needs("HDP", "2.4"))
    resources.extension("CLASH/1.0", needs("HDP", "2.4"), HDFS="", OOZIE="")
    resources.extension("LATE/1.0", needs("HDP", "2.6"))
    resources.extension("NEEDY/1.0", needs("HDP", "2.4", "EXT", "2.*"), NEEDY="")
    resources.extension("SELF/1.0", links_itself("OTHER", "1.0"), SELF="")
    return resources


_OOZIE = (
    "<displayName>Oozie</displayName><version>1</version><comment>workflows</comment>"
    "<components><component><name>OOZIE_SERVER</name><category>MASTER</category><cardinality>1+</cardinality>"
    "<dependencies><dependency><name>HDFS/NAMENODE</name><scope>host</scope>"
    "<auto-deploy><enabled>true</enabled></auto-deploy></dependency></dependencies>"
    "<auto-deploy><enabled>true</enabled><co-locate>HDFS/NAMENODE</co-locate></auto-deploy>"
    "<customCommands><customCommand><name>CLEAN</name></customCommand>"
    "<customCommand><name>SECRET</name><hidden>true</hidden></customCommand></customCommands>"
    "</component></components>"
    "<requiredServices><service>HDFS</service></requiredServices>"
    "<themes><theme><fileName>theme.json</fileName><default>true</default></theme></themes>"
)
_OOZIE_SITE = config_property(
    "oozie.port",
    "11000",
    "<final>true</final><colour>red</colour><value-attributes><type>int</type></value-attributes>",
) + config_property("oozie.host", "localhost", "<display-name>Host</display-name>")


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    def begin(resources: Path, **settings: Any) -> AbstractAsyncContextManager[Rest]:
        return running_rest(tmp_path / "data", resources, **settings)

    return begin


@pytest.fixture
async def rest(serve: Serve, tree: Resources) -> AsyncIterator[Rest]:
    async with serve(tree.root) as running:
        yield running


@pytest.fixture
def conformance(tmp_path: Path) -> Path:
    """A copy of Ambari's own fixtures."""
    if not CONFORMANCE.is_dir():
        pytest.skip(f"the conformance data is not at {CONFORMANCE}")
    root = tmp_path / "conformance"
    shutil.copytree(CONFORMANCE, root)
    return root
