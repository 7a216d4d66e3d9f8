"""What is in force at one moment, as one value that never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dispatcher_service.declarations.sources import LinkedBundle
from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.checking import DECLARATION_FAULT, MethodChecks
from graft_common.declarations.conversion import MisfitError
from graft_common.declarations.joining import Candidate
from graft_common.declarations.model import Method
from graft_common.declarations.secrets import without_secrets
from graft_common.declarations.settling import Noted
from graft_common.errors import internal_error
from graft_common.roles import POOL_ADMIN

__all__ = ["InForce", "Noted", "Target"]


@dataclass(frozen=True)
class Target:
    """What a call of one method goes to."""

    name: str
    origin: Origin
    executable: str
    """The file's name; empty for built-ins."""
    method: Method | None
    """Its declaration; None where it has none."""
    bundle: LinkedBundle | None = None
    """The extension version that the executable belongs to; None for drop-ins."""

    @property
    def role(self) -> str:
        """The least role that may call it, or `ANYONE`; undeclared ones are for pool-admin (xapi, gen_server.ml)."""
        return self.method.role if self.method is not None else POOL_ADMIN

    def missing(self) -> str:
        """Say what is not there."""
        return f"{self.name} is declared in {self.origin.place}, but its executable {self.executable} is missing"


@dataclass(frozen=True)
class InForce:
    """The methods, who has them and why, and what is wrong with declarations.

    A call takes it once, and sees one version of its method's declaration whatever changes meanwhile.
    """

    api: Api = field(default_factory=Api)
    candidates: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    notes: Sequence[Noted] = ()
    bundles: Mapping[str, LinkedBundle] = field(default_factory=dict)
    """By place: `<name>/<version>`."""
    _checks: dict[str, MethodChecks] = field(default_factory=dict, compare=False, repr=False)
    _targets: dict[str, Target] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def described(self) -> Api:
        """What may be told to everybody: the API without the values that declarations give secrets."""
        return without_secrets(self.api)

    @cached_property
    def extensions(self) -> frozenset[str]:
        """The methods, declared or not, that executables bring which are there."""
        first = {name: candidates[0] for name, candidates in self.candidates.items() if candidates}
        return frozenset(
            name
            for name, candidate in first.items()
            if candidate.in_force and candidate.available and candidate.contribution.source is not Source.BUILT_IN
        )

    def target(self, method: str) -> Target | None:
        """Return what brings a method; None for nothing. Whether its executable is there is told by the origin."""
        made = self._targets.get(method)
        if made is not None:
            return made
        candidates = self.candidates.get(method)
        if not candidates or not candidates[0].in_force:
            return None
        first = candidates[0]
        bundle = self.bundles.get(first.contribution.place) if first.origin.source is Source.EXTENSION else None
        made = Target(method, first.origin, first.executable, self.api.methods.get(method), bundle)
        self._targets[method] = made
        return made

    def checks(self, method: str) -> MethodChecks | None:
        """Return the checks of a declared method, made when first used; None for others.

        Raises:
            GraftError: INTERNAL_ERROR [method, `DECLARATION_FAULT`, reason]; the declaration breaks the rules that its
                reader looks after.
        """
        made = self._checks.get(method)
        if made is None:
            declared = self.api.methods.get(method)
            if declared is None:
                return None
            try:
                made = self._checks[method] = MethodChecks(declared, self.api.types)
            except (ValueError, LookupError, MisfitError) as error:
                raise internal_error(method, DECLARATION_FAULT, str(error)) from error
        return made
