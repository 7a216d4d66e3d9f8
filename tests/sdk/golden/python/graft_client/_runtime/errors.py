"""Errors: those that the platform answers with, and those on the way to it."""

from __future__ import annotations

from typing import ClassVar, Dict, Optional, Sequence, Tuple, Type


class GraftError(Exception):
    """Whatever goes wrong with a call."""


class TransportError(GraftError):
    """There was no answer: the platform cannot be reached, or the time was up. The call may have been carried out."""


class AnswerError(GraftError):
    """There was an answer that is none of this interface, or does not fit what this package was made from."""


class ApiError(GraftError):
    """The platform has refused a call, or the method has failed.

    Declared codes, and those of the platform itself, have classes of their own, which name the parameters. Others come
    as this class.
    """

    CODE: ClassVar[str] = ""
    """The code of a class of its own."""

    def __init__(
        self,
        code: str,
        params: Sequence[str] = (),
        message: str = "",
        *,
        status: int = 0,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params: Tuple[str, ...] = tuple(params)
        self.message = message
        """A sentence for people; it may be empty."""
        self.status = status
        """Of the HTTP answer; 0 where the error is that of a task."""
        self.retry_after = retry_after
        """Seconds after which the call may be tried again, where the platform tells."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else f"{self.code}{list(self.params)}"

    def _param(self, place: int) -> str:
        """Return a parameter; empty where the platform has left it out."""
        return self.params[place] if place < len(self.params) else ""


Errors = Dict[str, Type[ApiError]]
"""The classes of codes, by code."""


def make_error(
    errors: Errors,
    code: str,
    params: Sequence[str],
    message: str,
    status: int = 0,
    retry_after: Optional[float] = None,
) -> ApiError:
    """Make the error of a code."""
    kind = errors.get(code, ApiError)
    return kind(code, params, message, status=status, retry_after=retry_after)
