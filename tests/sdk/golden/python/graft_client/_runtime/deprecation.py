"""How a deprecated method says so: with a warning, and to type checkers."""

from __future__ import annotations

import functools
import sys
import warnings
from typing import Any, Callable, TypeVar, cast

if sys.version_info >= (3, 13):
    from warnings import deprecated
else:
    _F = TypeVar("_F", bound=Callable[..., Any])

    def deprecated(message: str) -> Callable[[_F], _F]:
        """Warn whenever the function is called."""

        def mark(function: _F) -> _F:
            @functools.wraps(function)
            def warned(*args: Any, **named: Any) -> Any:
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                return function(*args, **named)

            return cast(_F, warned)

        return mark


__all__ = ["deprecated"]
