"""What a call may use: what its declaration asks for, else what the host gives, never above a ceiling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from dispatcher_service.engines.base import Limits
from graft_common.declarations.model import MethodLimits
from graft_common.errors import StartupError
from graft_common.settings import Settings
from graft_common.units import format_seconds, format_size

DECLARATION = "the declaration"


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit, and what it is called where."""

    field: str
    """In `Limits`."""
    name: str
    """In `MethodLimits`, in settings after `call_` and `call_max_`, and with hyphens in declarations."""
    format: Callable[..., str]

    @property
    def setting(self) -> str:
        """The setting of the host's own value."""
        return f"GRAFT_CALL_{self.name.upper()}"

    @property
    def ceiling(self) -> str:
        """The setting of the administrator's ceiling."""
        return f"GRAFT_CALL_MAX_{self.name.upper()}"

    def of(self, asker: str) -> str:
        """What an asker's own value is called: `the declaration's open-files`."""
        return f"{asker}'s {self.name.replace('_', '-')}"


RULES = (
    Rule("wall", "timeout", format_seconds),
    Rule("cpu", "cpu", format_seconds),
    Rule("memory", "memory", format_size),
    Rule("processes", "processes", str),
    Rule("output", "output", format_size),
    Rule("stderr", "stderr", format_size),
    Rule("open_files", "open_files", str),
    Rule("file_size", "file_size", format_size),
    Rule("tmp_size", "tmp", format_size),
)


@dataclass(frozen=True)
class HostLimits:
    """What a host gives to calls."""

    limits: Limits = field(default_factory=Limits)
    """Where a declaration says nothing."""
    ceilings: Mapping[str, float] = field(default_factory=dict)
    """The most that a declaration can get, by the field of `Limits`; what is not there has no ceiling."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what is set.

        Raises:
            StartupError: the host's own value of a limit is above its ceiling.
        """
        values = {rule.field: getattr(settings, f"call_{rule.name}") for rule in RULES}
        ceilings = {
            rule.field: ceiling for rule in RULES if (ceiling := getattr(settings, f"call_max_{rule.name}")) is not None
        }
        for rule in RULES:
            value, ceiling = values[rule.field], ceilings.get(rule.field)
            if value is not None and ceiling is not None and value > ceiling:
                raise StartupError(
                    f"{rule.setting} is {rule.format(value)}, which is more than {rule.ceiling}, "
                    f"{rule.format(ceiling)}. Lower the one or raise the other."
                )
        return cls(Limits(**values), ceilings)


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """One limit of one method's calls."""

    rule: Rule
    value: float | None
    """None where nothing limits it."""
    set_by: str
    """A setting's name, or `the declaration's …`, or of whoever else has asked."""
    asked: float | None = None
    """What is asked for, where it is."""
    asker: str = DECLARATION

    @property
    def cut(self) -> bool:
        """Whether there is less than is asked for."""
        return self.asked is not None and self.value is not None and self.asked > self.value

    @property
    def asked_for(self) -> str:
        """Who asks for how much, for people; empty where nobody does."""
        return "" if self.asked is None else f"{self.rule.of(self.asker)} {self.rule.format(self.asked)}"

    @property
    def shown(self) -> str:
        """The value, for people; empty where nothing limits it."""
        return "" if self.value is None else self.rule.format(self.value)


@dataclass(frozen=True)
class CallLimits:
    """The limits of one method's calls, with what has set each."""

    limits: Limits
    each: Mapping[str, LimitInForce] = field(default_factory=dict)
    """By the field of `Limits`."""

    @property
    def cut(self) -> tuple[LimitInForce, ...]:
        """Those that a ceiling has cut down."""
        return tuple(limit for limit in self.each.values() if limit.cut)

    def cuts_told(self) -> str:
        """Say in one sentence what a ceiling has cut down; empty for nothing."""
        return ", ".join(f"{limit.asked_for} is cut down to {limit.shown} ({limit.set_by})" for limit in self.cut)


def in_force(asked: MethodLimits, host: HostLimits, asker: str = DECLARATION) -> CallLimits:
    """Return what a call may use.

    Args:
        asked: what is asked for it.
        host: what the host gives, and the ceilings.
        asker: who asks, in words.
    """
    each = {rule.field: _in_force(rule, asked, host, asker) for rule in RULES}
    changes = {name: limit.value for name, limit in each.items()}
    return CallLimits(replace(host.limits, **changes), each)  # type: ignore[arg-type]  # each value is of its own field's type


def _in_force(rule: Rule, by_asker: MethodLimits, host: HostLimits, asker: str) -> LimitInForce:
    asked: float | None = getattr(by_asker, rule.name)
    own: float | None = getattr(host.limits, rule.field)
    ceiling = host.ceilings.get(rule.field)
    value, set_by = (own, rule.setting) if asked is None else (asked, rule.of(asker))
    if ceiling is not None and (value is None or value > ceiling):
        value, set_by = ceiling, rule.ceiling
    return LimitInForce(rule, value, set_by, asked, asker)
