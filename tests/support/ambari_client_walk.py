"""python-ambariclient, unmodified, as a program: it walks the stacks, links and unlinks, and prints what it has seen.

It is run in a process of its own, because it warns of much that has changed in Python since it was made. Usage:
`ambari_client_walk.py PORT`, with the credentials in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from ambariclient import exceptions
from ambariclient.client import Ambari

LINKS: dict[str, str] = {
    "stack_name": "HDP",
    "stack_version": "2.4",
    "extension_name": "EXT",
    "extension_version": "1.0",
}


def main() -> None:
    port, user, password = int(sys.argv[1]), os.environ["AMBARI_USER"], os.environ["AMBARI_PASSWORD"]
    client = Ambari("127.0.0.1", port=port, username=user, password=password, timeout=30)
    base = f"{client.base_url}/api/v1"
    seen: dict[str, Any] = {"version": list(client.version)}
    client.check_version()
    seen["stacks"] = {
        stack.stack_name: [version.stack_version for version in stack.versions] for stack in client.stacks
    }
    seen["before"] = services(client)
    seen["created"] = client.post(f"{base}/links", data={"ExtensionLink": LINKS})
    seen["after"] = services(client)
    service = client.stacks("HDP").versions("2.4").services("OOZIE2")
    seen["service"] = {name: getattr(service, name) for name in ("service_name", "service_version", "custom_commands")}
    seen["components"] = {
        component.component_name: [component.component_category, component.cardinality, component.is_master]
        for component in service.components
    }
    seen["dependencies"] = client.get(f"{service.url}/components/OOZIE2_SERVER")["dependencies"]

    found = client.get(f"{base}/links", params={"ExtensionLink/extension_name": "EXT"})["items"]
    seen["links"] = [item["ExtensionLink"] for item in found]
    own = found[0]["href"]
    switch = {"ExtensionLink": {"extension_name": "EXT", "extension_version": "2.0"}}
    seen["switched"] = [client.put(own, data=switch), client.get(own)["ExtensionLink"]["extension_version"]]
    seen["reread"] = client.put(f"{base}/links")

    stranger = Ambari("127.0.0.1", port=port, username=user, password="wrong", timeout=30)
    seen["errors"] = {
        name: failure(call)
        for name, call in {
            "incomplete": lambda: client.post(f"{base}/links", data={"ExtensionLink": {}}),
            "wrong password": lambda: stranger.get(f"{base}/links"),
            "unknown": lambda: client.get(f"{base}/links/999"),
            "not answered": lambda: client.delete(f"{base}/links"),
            "exists": lambda: client.post(
                f"{base}/links", data={"ExtensionLink": {**LINKS, "extension_version": "2.0"}}
            ),
        }.items()
    }

    cluster = client.clusters.create("c1", version="HDP-2.4")
    cluster.services.create("OOZIE2")
    seen["clusters"] = [one.cluster_name for one in client.clusters]
    seen["installed"] = {one.service_name: one.state for one in client.clusters("c1").services}
    seen["stack of the cluster"] = client.clusters("c1").stack.stack_version
    seen["errors"]["in use"] = failure(lambda: client.delete(own))
    client.clusters("c1").services("OOZIE2").delete()
    client.clusters("c1").delete()
    seen["deleted"] = [client.delete(own), client.get(f"{base}/links")["items"], services(client)]
    print(json.dumps(seen))


def services(client: Ambari) -> list[str]:
    return [service.service_name for service in client.stacks("HDP").versions("2.4").services]


def failure(call: Callable[[], Any]) -> list[Any]:
    """Return the class of the error, its status and its text."""
    try:
        call()
    except exceptions.HttpError as error:
        return [type(error).__name__, error.code, json.loads(error.details)["message"]]
    return []


if __name__ == "__main__":
    main()
