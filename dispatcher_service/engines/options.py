"""What an administrator may choose about how engines run calls, beyond which engine it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from graft_common.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Choices of the settings, for the engines that have them."""

    accelerator: Literal["auto", "on", "off"] = "auto"
    """Whether `native` makes its sandboxes by the compiled program: if it is there, always, or never."""
    zygotes: bool = True
    """Whether `native` runs Python scripts in warm interpreters."""
    preload: tuple[str, ...] = ()
    """Modules that warm interpreters import ahead, beside those of the standard library."""
    zygote_calls: int = 1000
    """After how many calls a warm interpreter is started anew."""
    zygote_age: float = 600.0
    """After how many seconds it is."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the settings say."""
        modules = tuple(name.strip() for name in settings.zygote_preload.split(",") if name.strip())
        return cls(settings.accelerator, settings.zygotes, modules, settings.zygote_calls, settings.zygote_age)


DEFAULTS = EngineOptions()
