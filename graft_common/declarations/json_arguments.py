"""Arguments in JSON, by the names of parameters or by their places, and results in JSON."""

from __future__ import annotations

from graft_common.declarations.checking import DECLARATION_FAULT, argument_fault
from graft_common.declarations.conversion import NOTHING, MisfitError, UnknownTypeError, WrongTypeError, fresh
from graft_common.declarations.json_form import JsonReaders, JsonWriters
from graft_common.declarations.json_text import ARGUMENTS, Json, shown
from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import Method, Types
from graft_common.errors import GraftError, field_type_error, internal_error, parameter_count_mismatch
from graft_common.values import Value, type_name


def undeclared_arguments(method: str, data: Json) -> list[Value]:
    """Read the arguments of a method that is not declared: an array.

    Raises:
        GraftError: FIELD_TYPE_ERROR [arguments, array, got].
    """
    if not isinstance(data, list):
        details = {"message": f"{method} is not declared, so that its parameters have no names: send them as an array"}
        raise field_type_error(ARGUMENTS, "array", type_name(data), details)
    return data


class MethodJson:
    """JSON in and out of one method, made once and used for each call.

    Args:
        method: the declaration.
        types: all enums and records that it may name.

    Raises:
        ValueError, LookupError, MisfitError: the declaration breaks `rules`, which the reader would have told.
    """

    def __init__(self, method: Method, types: Types) -> None:
        self.method = method
        readers = JsonReaders(types)
        self._reads = [readers.of(param.type) for param in method.params]
        self._defaults: list[Value] = [
            None if param.default is None else readers.default(param.default, param.type) for param in method.params
        ]
        self._places = {param.name: place for place, param in enumerate(method.params)}
        self._write = None if method.result is None else JsonWriters(types).of(method.result.type)

    def arguments(self, data: Json) -> list[Value]:
        """Return arguments that are given by name, or by place, in their places; `MethodChecks` checks them further.

        Defaults fill the gaps between those that are given; what may be left out behind the last one stays out.

        Raises:
            GraftError: FIELD_TYPE_ERROR [place, expected, got], for an unknown name and a missing parameter as well;
                INVALID_VALUE [place, value, reason]; MESSAGE_PARAMETER_COUNT_MISMATCH [method, expected, received];
                INTERNAL_ERROR where a record of the types names what they lack.
        """
        if isinstance(data, dict):
            return self._named(data)
        if not isinstance(data, list):
            raise field_type_error(ARGUMENTS, "struct or array", type_name(data))
        if len(data) > len(self._reads):
            required = sum(param.required for param in self.method.params)
            raise parameter_count_mismatch(self.method.name, required, len(data))
        return [self._argument(place, item) for place, item in enumerate(data)]

    def result(self, value: Value) -> object:
        """Return what `dump` takes of a result that has been checked; None of a method that answers nothing."""
        return None if self._write is None else self._write(value)

    def _named(self, data: dict[str, Json]) -> list[Value]:
        for name, item in data.items():
            if name not in self._places:
                raise self._unknown(name, item)
        given = max((self._places[name] for name in data), default=-1)
        required = sum(param.required for param in self.method.params)
        taken = []
        for place in range(max(given + 1, required)):
            name = self.method.params[place].name
            if name in data:
                taken.append(self._argument(place, data[name]))
            elif self._defaults[place] is not None:
                taken.append(fresh(self._defaults[place]))
            else:
                raise self._missing(place, given)
        return taken

    def _argument(self, place: int, item: Json) -> Value:
        try:
            return self._reads[place](item)
        except MisfitError as misfit:
            raise argument_fault(self.method.params[place], misfit) from None
        except (UnknownTypeError, LiteralError) as error:
            raise internal_error(self.method.name, DECLARATION_FAULT, str(error)) from error

    def _unknown(self, name: str, item: Json) -> GraftError:
        known = ", ".join(self._places) or "none"
        text = f'param "{shown(name)}": {self.method.name} has no such parameter; it has: {known}'
        return field_type_error(shown(name), NOTHING, type_name(item), {"message": text})

    def _missing(self, place: int, given: int) -> GraftError:
        param = self.method.params[place]
        fault = WrongTypeError(str(param.type), NOTHING)
        text = f'param "{param.name}": {fault.text()}'
        if not param.required:
            text += f'; without a default it cannot be left out where "{self.method.params[given].name}" is given'
        return field_type_error(param.name, fault.expected, fault.got, {"message": text})
