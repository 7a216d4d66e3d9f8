"""The checks of a call by its declaration: arguments before the run, the result after it.

A place in an argument is written behind the parameter's name: `sizes[3]`, `disks["xvda"].size`.
"""

from __future__ import annotations

from collections.abc import Sequence

from graft_common.declarations.conversion import (
    NOTHING,
    Converters,
    MisfitError,
    UnknownTypeError,
    WrongTypeError,
    WrongValueError,
    fresh,
)
from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import Method, Param, State, Types
from graft_common.errors import (
    GraftError,
    field_type_error,
    internal_error,
    invalid_value,
    method_removed,
    parameter_count_mismatch,
)
from graft_common.values import Value, type_name

RESULT_FAULT = "the result does not fit the method's declaration"
"""Second parameter of the INTERNAL_ERROR that blames an executable's result."""
DECLARATION_FAULT = "the method's declaration cannot be used"
"""Second parameter of the INTERNAL_ERROR where a record names what is declared no more."""


class MethodChecks:
    """The checks of one method, made once and used for each call.

    Args:
        method: the declaration.
        types: all enums and records that it may name.

    Raises:
        ValueError, LookupError, MisfitError: the declaration breaks `rules`, which the reader would have told.
    """

    def __init__(self, method: Method, types: Types) -> None:
        self.method = method
        converters = Converters(types)
        self._converts = tuple(converters.of(param.type) for param in method.params)
        self._required = sum(param.required for param in method.params)
        self._removed = method.lifecycle.state is State.REMOVED
        self._defaults: list[Value] = []
        for param in method.params:
            default = None if param.default is None else converters.default(param.default, param.type)
            self._defaults.append(default)
        result = method.result
        self._result = None if result is None else Converters(types, closed=True).of(result.type)

    def arguments(self, params: Sequence[Value]) -> list[Value]:
        """Return what the method is to get: each argument as a value of its type, and defaults for those left out.

        The session is not among the parameters. Surplus ones are refused, also where some are optional: xapi ignores
        them, and with them a caller's mistake. Behind one left out that has no default, nothing is filled in.

        Raises:
            GraftError: MESSAGE_PARAMETER_COUNT_MISMATCH [method, expected, received];
                FIELD_TYPE_ERROR [place, expected, got]; INVALID_VALUE [place, value, reason];
                MESSAGE_REMOVED [] where all fits, but the method is no more; INTERNAL_ERROR [method,
                `DECLARATION_FAULT`, reason] where a record of the types names what they lack.
        """
        given = len(params)
        if not self._required <= given <= len(self._converts):
            raise parameter_count_mismatch(self.method.name, self._required, given)
        taken: list[Value] = []
        try:
            for convert, value in zip(self._converts, params, strict=False):
                taken.append(convert(value))
        except MisfitError as misfit:
            raise argument_fault(self.method.params[len(taken)], misfit) from None
        except (UnknownTypeError, LiteralError) as error:
            raise internal_error(self.method.name, DECLARATION_FAULT, str(error)) from error
        if self._removed:
            raise method_removed()
        for default in self._defaults[given:]:
            if default is None:
                break
            taken.append(fresh(default))
        return taken

    def result(self, value: Value) -> Value:
        """Return what the caller is to get: the result as a value of its type; of a void method, an empty string.

        Raises:
            GraftError: INTERNAL_ERROR [method, `RESULT_FAULT`, what is wrong and where], which tells the author of
                the executable, and shows nothing of the value where it is secret.
        """
        if self._result is None:
            if value is None or value == "":
                return ""
            raise self._result_fault(WrongTypeError(NOTHING, type_name(value)))
        try:
            return self._result(value)
        except MisfitError as misfit:
            raise self._result_fault(misfit) from None
        except (UnknownTypeError, LiteralError) as error:
            raise internal_error(self.method.name, DECLARATION_FAULT, str(error)) from error

    def _result_fault(self, misfit: MisfitError) -> GraftError:
        if self.method.result is not None and self.method.result.secret:
            misfit.hide()
        said = f"result{misfit.place}: {misfit.text()}"
        return internal_error(self.method.name, RESULT_FAULT, said, details={"message": said})


def argument_fault(param: Param, misfit: MisfitError) -> GraftError:
    """Tell a caller what is wrong with an argument, and where in it; of a secret one neither value nor way is told."""
    if param.secret:
        misfit.hide()
    place = f"{param.name}{misfit.place}"
    details = {"message": f'param "{param.name}"{misfit.place}: {misfit.text()}'}
    if isinstance(misfit, WrongValueError):
        return invalid_value(place, misfit.value, misfit.reason, details)
    assert isinstance(misfit, WrongTypeError)  # noqa: S101 - there is no third
    return field_type_error(place, misfit.expected, misfit.got, details)


def check_arguments(method: Method, params: Sequence[Value], types: Types) -> list[Value]:
    """Check one call's arguments; for many calls of a method, keep its `MethodChecks`.

    Raises:
        GraftError: as `MethodChecks.arguments`.
    """
    return MethodChecks(method, types).arguments(params)


def check_result(method: Method, value: Value, types: Types) -> Value:
    """Check one call's result; for many calls of a method, keep its `MethodChecks`.

    Raises:
        GraftError: as `MethodChecks.result`.
    """
    return MethodChecks(method, types).result(value)
