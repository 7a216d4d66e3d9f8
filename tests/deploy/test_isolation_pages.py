"""The pages about isolation name the engines that there are, and quote the messages as they are."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from dispatcher_service.engines import host
from dispatcher_service.engines.factory import ENGINES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["isolation.md", "engine-native.md", "engine-bubblewrap.md", "engine-oci.md", "engine-confine.md"]
DOCKER = {"unshare": errno.EPERM, "clone3": errno.ENOSYS}
COVERED = "31 30 0:20 /bus /proc/bus ro,nosuid - proc proc rw\n"


def test_every_engine_has_its_place():
    text = (DOCS / "isolation.md").read_text()
    assert [name for name in ENGINES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", [*PAGES, "deploy-docker.md"])
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([\w.-]+\.md)?(?:#([\w-]+))?\)", (DOCS / page).read_text()):
        text = (DOCS / (target or page)).read_text()
        headings = [
            re.sub(r"[^\w -]", "", line).strip().lower() for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        ]
        assert not anchor or anchor in [heading.replace(" ", "-") for heading in headings], (target, anchor)


@pytest.mark.parametrize(
    ("files", "answers"),
    [
        ({"sys/kernel/unprivileged_userns_clone": "0"}, {}),
        ({"sys/user/max_user_namespaces": "0"}, {}),
        ({"sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, {}),
        ({}, DOCKER),
        ({"self/mountinfo": COVERED}, {}),
    ],
    ids=lambda given: next(iter(given), "nothing"),
)
def test_messages_are_quoted_as_they_are(tmp_path, monkeypatch, files, answers):
    monkeypatch.setattr(host.os, "geteuid", lambda: 65534)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    [finding] = host.settings_findings(tmp_path, answers)
    message = f"{finding.name}: {finding.detail}"
    quoted = re.findall(r"`([a-z][^`]+: [^`]+)`", (DOCS / "isolation.md").read_text())
    assert any(message.startswith(quote.removesuffix("…").rstrip()) for quote in quoted), message
