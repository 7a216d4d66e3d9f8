"""The server of the `mcp` package over the gateway's calls. Imported when the first client comes: that takes long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import mcp_types as types
import orjson
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.types import Receive, Scope, Send

from gateway.exchange import exchange_of
from gateway.mcp.callers import McpCaller, caller_of
from gateway.mcp.tools import RESULT, Tool, Toolbox
from gateway.methods.errors import sentence
from graft_common.errors import GraftError

PAGE = 1000
"""Tools in one answer."""

_INSTRUCTIONS = """\
The methods of a platform as tools. The answer of each is an object with the member `result`. An error has a code, which
the tool's description may explain, and a message.
"""

Context = Any
"""The package's own is generic in three ways, none of which matter here."""


class McpServer:
    """Serves requests whose credentials have been checked.

    Args:
        toolbox: returns the tools as they are now.
        call: makes a call: the method, its arguments in JSON, who calls; returns the value in JSON.
        max_body: the most bytes of a request.
    """

    def __init__(
        self,
        toolbox: Callable[[], Awaitable[Toolbox]],
        call: Callable[[str, bytes, McpCaller], Awaitable[bytes]],
        max_body: int,
    ) -> None:
        self._toolbox = toolbox
        self._call = call
        server: Server[Any] = Server(
            "graft",
            version=version("graft-platform"),
            title="Graft",
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            # The dispatcher checks arguments, wherever they come from.
            get_tool_input_schema=lambda _name: None,
        )
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=max_body
        )
        self._ready = asyncio.Event()
        self._ending = asyncio.Event()
        self._running = asyncio.create_task(self._run(), name="graft-mcp")

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; its caller is in the scope."""
        await self._ready.wait()
        await self._manager.handle_request(scope, receive, send)

    async def close(self) -> None:
        """Cancel what is being served."""
        self._ending.set()
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        # The package's tasks live in a group, which must be left where it was entered.
        async with self._manager.run():
            self._ready.set()
            await self._ending.wait()

    async def _list_tools(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        exchange_of(context.request.scope).rpc = "tools/list"
        caller = caller_of(context.request.scope)
        tools = (await self._toolbox()).offered(caller.holding, caller.classes)
        after = params.cursor if params is not None else None
        if after is not None:
            tools = [tool for tool in tools if tool.name > after]
        page = tools[:PAGE]
        cursor = page[-1].name if len(tools) > PAGE else None
        return types.ListToolsResult(tools=[_shown(tool) for tool in page], next_cursor=cursor)

    async def _call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = (await self._toolbox()).find(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name[:128]}")
        exchange = exchange_of(context.request.scope)
        exchange.rpc = tool.method
        # What does not fit into JSON as the dispatcher takes it, is told by the dispatcher.
        arguments = json.dumps(params.arguments or {}).encode()
        try:
            value = await self._call(tool.method, arguments, caller_of(context.request.scope))
        except GraftError as error:
            exchange.outcome = error.code
            shown = {"code": error.code, "params": list(error.params), "message": sentence(error)}
            text = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
            return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)
        content: list[types.ContentBlock] = [types.TextContent(text=value.decode())]
        return types.CallToolResult(content=content, structured_content={RESULT: orjson.loads(value)})


def _shown(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes,
        output_schema=tool.gives,
        annotations=types.ToolAnnotations(
            read_only_hint=True if tool.read_only else None, idempotent_hint=True if tool.idempotent else None
        ),
        _meta={"graft/method": tool.method, "graft/role": tool.role},
    )
