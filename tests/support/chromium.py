"""Headless Chromium driven over its DevTools protocol, for tests of what a reader of a page sees."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 120.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run Chromium with a profile of its own, or skip the test where there is none."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("pages are looked at where chromium is installed; it is not")
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        yield Browser(_port(folder / "DevToolsActivePort", process))
    finally:
        process.kill()
        process.wait(10)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        assert process.poll() is None, f"chromium has ended with {process.returncode}"
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == 2:
            return int(lines[0])
        time.sleep(0.05)
    raise TimeoutError("chromium does not say where it listens")


class Browser:
    def __init__(self, port: int) -> None:
        self._port = port

    @asynccontextmanager
    async def tab(self, width: int = 1280, height: int = 900, scheme: str = "light") -> AsyncIterator[Tab]:
        """Open an empty tab of that size; below 600 pixels it is a phone."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/json/new?about:blank", method="PUT")
        with await asyncio.to_thread(urllib.request.urlopen, request, timeout=TIMEOUT) as answer:
            url = json.load(answer)["webSocketDebuggerUrl"]
        async with asyncio.timeout(TIMEOUT), connect(url, max_size=None) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Network", "Runtime", "Log"):
                await tab.call(f"{domain}.enable")
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
            await tab.call("Emulation.setDeviceMetricsOverride", **metrics)
            await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
            await tab.media(scheme)
            yield tab
            await tab.call("Page.close")


class Tab:
    """One tab, and what has happened in it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = await self._message()
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message}"
                return message["result"]

    async def media(self, scheme: str, kind: str = "screen") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    async def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""
        seen = len(self.events)
        answer = await self.call("Page.navigate", url=url)
        assert "errorText" not in answer, f"{url}: {answer}"
        await self.event("Page.loadEventFired", seen)

    async def event(self, name: str, seen: int = 0) -> dict[str, Any]:
        """Wait for an event behind those that have been seen."""
        while True:
            for event in self.events[seen:]:
                if event["method"] == name:
                    return event
            seen = len(self.events)
            await self._message()

    async def run(self, expression: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true."""
        while not (value := await self.run(expression)):  # noqa: ASYNC110  (polled, within the time of the tab)
            await asyncio.sleep(0.02)
        return value

    async def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            named = {"text": text} if text and kind == "keyDown" else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **named)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    def requested(self) -> list[str]:
        """Return the addresses that were asked for."""
        return [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[Any]:
        """Return what the browser has complained of: exceptions, what the policy forbids, what is not there."""
        bad = ("Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self.events if event["method"] in bad]

    async def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self._socket.recv())
        if "method" in message:
            self.events.append(message)
        return message
