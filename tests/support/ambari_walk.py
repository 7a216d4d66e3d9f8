"""The client `ambari` of PyPI, unmodified, as a program: it links, walks a stack, unlinks, and prints what it has seen.

Usage: `ambari_walk.py URL`, with the credentials in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ambari.client import Client
from ambari.stack import Stack


def main() -> None:
    client = Client(sys.argv[1], os.environ["AMBARI_USER"], os.environ["AMBARI_PASSWORD"], footprint=False)
    seen: dict[str, Any] = {"stacks": [stack.id for stack in client.stacks]}
    seen["extensions"] = client.get("/extensions")["items"]
    seen["before"] = names(client.get_stack("HDP", "2.4"))
    link = {"stack_name": "HDP", "stack_version": "2.4", "extension_name": "EXT", "extension_version": "1.0"}
    # These raise unless they are answered with 201 and 200.
    client.create("/links", {"ExtensionLink": link})
    number = client.get("/links")["items"][0]["ExtensionLink"]["link_id"]
    client._stacks = None  # it reads them once
    stack = client.get_stack("HDP", "2.4")
    seen["after"] = names(stack)
    service = stack.get_service("OOZIE2")
    seen["service"] = service.info["StackServices"]["service_version"]
    seen["components"] = [component.name for component in service.components]
    seen["dependencies"] = [
        item["Dependencies"]["component_name"] for item in stack.get_component("OOZIE2_SERVER").info["dependencies"]
    ]
    client.put(f"/links/{number}", {"ExtensionLink": {"extension_name": "EXT", "extension_version": "2.0"}})
    try:
        client.create("/links", {"ExtensionLink": link})
    except Exception as error:  # noqa: BLE001  (it has no class of its own)
        seen["refused"] = str(error)
    seen["clusters"] = [cluster.name for cluster in client.clusters]
    client.delete(f"/links/{number}")
    seen["links"] = client.get("/links")["items"]
    print(json.dumps(seen))


def names(stack: Stack) -> list[str]:
    return [service.name for service in stack.services]


if __name__ == "__main__":
    main()
