"""Declared methods in real processes and real sandboxes, as XenServer's own client calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import XenAPI

from support.running import Platform, make_platform, wait_until

pytestmark = pytest.mark.e2e

# Answers with what the sandbox allows: bytes that fit into /tmp, open files, seconds of processor time.
MEASURE = """#!/bin/sh
cat > /dev/null
dd if=/dev/zero of=/tmp/full bs=4096 count=1024 2> /dev/null
size=$(wc -c < /tmp/full)
printf '<?xml version="1.0"?><methodResponse><params><param><value><struct>'
printf '<member><name>Status</name><value>Success</value></member><member><name>Value</name><value><struct>'
printf '<member><name>tmp</name><value>%s</value></member>' "$size"
printf '<member><name>files</name><value>%s</value></member>' "$(ulimit -n)"
printf '<member><name>cpu</name><value>%s</value></member>' "$(ulimit -t)"
printf '</struct></value></member></struct></value></param></params></methodResponse>'
"""

DECLARED = """<methods xmlns="urn:graft:methods:1">
  <record name="allowed">
    <field name="tmp" type="int"/><field name="files" type="int"/><field name="cpu" type="int"/>
  </record>
  <method name="Box.measure" executable="measure.sh" role="read-only">
    <param name="sizes" type="int set"/>
    <param name="label" type="string" default="none"/>
    <result type="allowed record"/>
    <limits tmp="256KiB" open-files="40" cpu="3s" timeout="30s"/>
  </method>
</methods>
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = make_platform("services", tmp_path / "platform")
    try:
        made.start_all()
        yield made
    finally:
        made.kill_all()


def failure(call: object, *args: object) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)  # type: ignore[operator]
    return list(caught.value.details)


def test_a_declaration_counts_at_once_and_stays_over_a_restart(platform: Platform) -> None:
    declarations = Path(platform.environment["GRAFT_DATA_DIR"]) / "declarations.d"
    declarations.mkdir(mode=0o755)
    session = platform.session()
    platform.drop_in("measure.sh", MEASURE)
    draft = platform.root / "draft.xml"
    draft.write_text(DECLARED)
    draft.rename(declarations / "box.xml")
    wait_until("the method", lambda: "Box.measure" in platform.proxy().system.listMethods())
    measure = session.xenapi.Box.measure
    assert failure(measure, [1, "two"]) == ["FIELD_TYPE_ERROR", "sizes[1]", "int", "string"]
    assert failure(measure) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Box.measure", "1", "0"]
    allowed = {name: int(value) for name, value in measure([1, "2"]).items()}
    # Processor time is metered; the kernel's own limit comes a quarter later.
    assert allowed == {"tmp": 256 << 10, "files": 40, "cpu": 4}
    task = session.xenapi.Async.Box.measure([], "x")
    wait_until("the task", lambda: session.xenapi.task.get_status(task) == "success")
    # It breaks while the dispatcher is away: what was good stays.
    assert platform.stop("dispatcher") == 0
    (declarations / "box.xml").write_text(DECLARED.replace("int set", "int heap"))
    platform.start("dispatcher")
    platform.wait_ready()
    assert failure(measure, "x") == ["FIELD_TYPE_ERROR", "sizes", "int set", "string"]
    platform.log_in()
    told = json.loads(platform.graft("methods", "--why", "Box.measure", "--json").stdout)
    [finding] = told["findings"]
    assert (finding["file"], finding["line"], finding["last_good_in_force"]) == ("box.xml", 6, True)
    assert "int heap" in finding["reason"]
    assert [candidate["executable"] for candidate in told["methods"][0]["candidates"]] == ["measure.sh"]
    (declarations / "box.xml").unlink()
    wait_until("its end", lambda: failure(measure, "x") == ["MESSAGE_METHOD_UNKNOWN", "Box.measure"])
