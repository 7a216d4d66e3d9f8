"""Keeps what reads and writes the messages of declarations."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import Method, Types
from graft_common.declarations.proto_form.calls import MethodMessages, needed_types

MAX_FORMS = 2048
"""Declarations; of each some 20 KiB are kept."""


class MethodForms:
    """What one declaration needs to be called with messages.

    Raises:
        ValueError, LookupError, MisfitError: the declaration breaks `rules`, which the reader would have told.
    """

    def __init__(self, method: Method, types: Types) -> None:
        self.method = method
        self.types = types
        self.messages = MethodMessages(method, types)

    @cached_property
    def checks(self) -> MethodChecks:
        """The checks of its results, for those that have not been checked."""
        return MethodChecks(self.method, self.types)

    def is_of(self, method: Method, types: Types) -> bool:
        """Tell whether a declaration is still this one, whatever else is declared anew."""
        if self.method is not method:
            return False
        if self.types is types:
            return True
        if needed_types(method, types) != needed_types(method, self.types):
            return False
        self.types = types
        return True


class Forms:
    """The forms of methods, made when first used; those that were not used for the longest time go first."""

    def __init__(self, limit: int = MAX_FORMS) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, MethodForms] = OrderedDict()

    def of(self, method: Method, types: Types) -> MethodForms:
        """Return the forms of a declaration.

        Args:
            method: the declaration.
            types: all enums and records that it may name.

        Raises:
            ValueError, LookupError, MisfitError: as `MethodForms`.
        """
        kept = self._kept.get(method.name)
        if kept is None or not kept.is_of(method, types):
            kept = self._kept[method.name] = MethodForms(method, types)
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(method.name)
        return kept
