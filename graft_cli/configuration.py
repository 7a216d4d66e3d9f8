"""Settings as commands read them: with the options of the command line on top, and each with its source."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from graft_cli.exits import CliError
from graft_common import units
from graft_common.settings import ENV_PREFIX, Settings, config_file

NOT_SETTINGS = {"CONFIG", "NEW_PASSWORD", "PASSWORD", "TOKEN", "URL", "USER"}
"""Variables that begin as settings do and are none: they are the clients' own."""

_SECONDS = ("session_idle", "login_delay", "http_body_timeout", "call_timeout", "drain_timeout")
_BYTES = ("http_max_body", "call_memory", "call_output")
_FOLLOWS = {
    "resources_dir": "resources_path",
    "extensions_dir": "extensions_path",
    "declarations_dir": "declarations_path",
    "registry_bind": "registry",
    "dispatcher_bind": "dispatcher",
}
"""Settings that follow others unless they are set: what is in force then."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, what it is, and where that comes from."""

    name: str
    value: str
    source: str
    description: str


def load(options: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; options that are None were not given.

    Raises:
        CliError: one of them is not what it must be; the message names each, where it stands and what is wrong.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = [
            f"{_place(str(item['loc'][0]) if item['loc'] else '', given)}: {_text(item)}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise CliError("; ".join(problems)) from None
    except tomllib.TOMLDecodeError as error:
        raise CliError(f"{config_file()} is not TOML: {error}") from None
    except SettingsError as error:
        # pydantic-settings wraps what a source of ours has said.
        raise CliError(str(error.__cause__ or error)) from None
    except (OSError, ValueError) as error:
        raise CliError(str(error)) from None


def describe(settings: Settings, options: Mapping[str, Any] | None = None) -> list[Row]:
    """List every setting with its value, secrets hidden, and its source."""
    given = {name: value for name, value in (options or {}).items() if value is not None}
    return [
        Row(name, _shown(name, _in_force(settings, name)), _source(name, given), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _in_force(settings: Settings, name: str) -> Any:
    value = getattr(settings, name)
    return getattr(settings, _FOLLOWS[name]) if value is None and name in _FOLLOWS else value


def unknown_variables() -> list[str]:
    """Name the environment variables that look like settings and are none: misspelled ones."""
    known = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    names = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))
    return [name for name in names if name.upper().removeprefix(ENV_PREFIX).removesuffix("_FILE") not in known]


def _source(name: str, given: Mapping[str, Any]) -> str:
    if name in given:
        return "command line"
    variable = f"{ENV_PREFIX}{name.upper()}"
    environment = {key.upper(): value for key, value in os.environ.items() if value}
    if variable in environment:
        return f"environment {variable}"
    if f"{variable}_FILE" in environment:
        return f"environment {variable}_FILE"
    if name in _file_keys():
        return f"file {config_file()}"
    return "default"


def _file_keys() -> set[str]:
    try:
        return set(tomllib.loads(config_file().read_text()))
    except OSError:
        return set()


def _place(name: str, given: Mapping[str, Any]) -> str:
    source = _source(name, given)
    if source == "command line":
        return f"--{name.replace('_', '-')}"
    if source.startswith("environment "):
        return source.removeprefix("environment ")
    return f"{config_file()}: {name}" if source.startswith("file ") else f"{ENV_PREFIX}{name.upper()}"


def _text(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "there is no such setting; `graft settings` lists them"
    return str(item["msg"]).removeprefix("Value error, ")


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "********"
    if name in _SECONDS:
        return units.format_seconds(value)
    if name in _BYTES:
        return units.format_size(value)
    return str(value)
