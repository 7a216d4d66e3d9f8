"""The one error of reading XML-RPC, and how a piece of somebody's text is quoted in it."""

from __future__ import annotations

import orjson

_MAX_QUOTED = 40


class XmlRpcSyntaxError(ValueError):
    """What was read is no XML-RPC; the text is one sentence: what is wrong, where, and what would be right."""


class ElementError(Exception):
    """An element is not what stands there in XML-RPC; becomes an `XmlRpcSyntaxError` once its place is known.

    Each array, struct and parameter list that the error passes through on its way out adds its own step to `steps`.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str] = []

    def within(self, step: str) -> ElementError:
        """Note that the element stands inside of what `step` names."""
        self.steps.append(step)
        return self

    def at(self, subject: str, place: str) -> XmlRpcSyntaxError:
        """Say where in the subject ("the call") it is; the place is such as `params[2]["size"]`."""
        return XmlRpcSyntaxError(f"{subject} is not XML-RPC at {place}{''.join(reversed(self.steps))}: {self.problem}")


def quote(text: str) -> str:
    """Quote the start of a text on one line."""
    shown = text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…"
    return orjson.dumps(shown).decode()
