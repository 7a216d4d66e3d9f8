"""The settings of all three services: environment `GRAFT_*`, over `graft.toml`, over defaults."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from graft_common import units

ENV_PREFIX = "GRAFT_"
ENGINES = ("native", "bubblewrap", "oci:runc", "oci:crun", "oci:runsc", "confine", "none")
"""The dispatcher's engines; `none` is for tests."""
Seconds = Annotated[float, BeforeValidator(units.seconds), Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(units.size), Field(gt=0)]


def _read_roles(given: Any) -> Any:
    """Read roles by group from JSON, as the environment has them."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise ValueError(f'this is no JSON such as {{"operators": "pool-operator"}}: {error}') from None


# Read here, so that what stands in one source replaces what stands in others, and is not added to it.
RolesByGroup = Annotated[dict[str, str], NoDecode, BeforeValidator(_read_roles)]


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "graft"


class SecretFileSource(EnvSettingsSource):
    """Reads `GRAFT_X` from the file that `GRAFT_X_FILE` names, for secrets that come as mounted files."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the file's content without surrounding white space, or None where no file is named."""
        path, key, is_complex = super().get_field_value(field, field_name)
        named = os.environ.get(f"{ENV_PREFIX}{field_name.upper()}_FILE")
        if path is not None or not named:
            return None, key, is_complex
        try:
            return Path(named).read_text().strip(), key, False
        except OSError as error:
            raise ValueError(f"{ENV_PREFIX}{field_name.upper()}_FILE={named}: {error.strerror}") from error


class Settings(BaseSettings):
    """Every setting, with its default. The environment name is `GRAFT_` and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", validate_default=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default_factory=_default_data_dir, description="database, keys, caches, task log")
    database_url: SecretStr | None = Field(None, description="postgresql://user:password@host/name; SQLite otherwise")
    resources_dir: Path | None = Field(None, description="stacks/ common-services/ extensions/ mpacks/")
    extensions_dir: Path | None = Field(None, description="drop-in XenAPI executables")
    declarations_dir: Path | None = Field(None, description="declarations of drop-ins")
    secrets_dir: Path | None = Field(None, description="secrets that methods may be granted, one file each")

    admin_user: str = Field("admin", min_length=1, description="the first administrator")
    admin_password: SecretStr | None = Field(None, description="its password; generated and printed once if missing")
    service_token: SecretStr | None = Field(
        None, min_length=1, description="shared by the services; kept in the data dir if missing"
    )
    session_idle: Seconds = Field(86400.0, description="an unused session ends after this time")
    login_delay: Seconds = Field(5.0, description="the longest that the refusal of a login is held back")
    certificate_roles: RolesByGroup = Field({}, description='roles of client certificates: {"OU=ops": "vm-admin"}')
    oidc_issuer: str | None = Field(None, description="the OpenID Connect issuer whose bearer tokens are taken")
    oidc_audience: str | None = Field(None, description="whom its tokens must be for")
    oidc_user: str = Field("sub", min_length=1, description="the claim that names the user")
    oidc_groups: str = Field("groups", min_length=1, description="the claim with the user's groups; dots lead inside")
    oidc_roles: RolesByGroup = Field({}, description='roles of groups: {"operators": "pool-operator"}; * for everybody')
    oidc_algorithms: str = Field("RS256,PS256,ES256,EdDSA", description="what tokens may be signed with")
    oidc_skew: float = Field(30.0, ge=0, le=300, description="seconds that the issuer's clock may be off")
    oidc_authorities: Path | None = Field(None, description="who may vouch for the issuer's TLS; the system's if unset")

    http: str = Field("127.0.0.1:8080", description="where the gateway answers HTTP")
    http_socket: str | None = Field(
        None, description="a local socket whose clients need no password, or `off`; `graft up`: <data>/graft.sock"
    )
    registry: str = Field("127.0.0.1:50051", description="where the registry is reached")
    dispatcher: str = Field("127.0.0.1:50052", description="where the dispatcher is reached")
    registry_bind: str | None = Field(None, description="where the registry listens, if not at GRAFT_REGISTRY")
    dispatcher_bind: str | None = Field(None, description="where the dispatcher listens, if not at GRAFT_DISPATCHER")
    metrics: str | None = Field(None, description="where this process shows Prometheus metrics; `off` for nowhere")
    http_certificate: Path | None = Field(None, description="certificate of the gateway, and its chain: HTTP with TLS")
    http_key: Path | None = Field(None, description="its private key")
    http_client_authorities: Path | None = Field(None, description="who may vouch for clients' certificates over HTTP")
    grpc_certificate: Path | None = Field(None, description="certificate of this service, and its chain: gRPC with TLS")
    grpc_key: Path | None = Field(None, description="its private key")
    grpc_authorities: Path | None = Field(None, description="who may vouch for services; gRPC is called with TLS then")
    grpc_name: str | None = Field(None, description="the name in their certificates, if not that of their address")
    grpc_client_authorities: Path | None = Field(
        None, description="who may vouch for gRPC's clients; each must have a certificate then"
    )
    http_max_body: Bytes = Field(4 << 20, description="the largest HTTP request body")
    http_body_timeout: Seconds = Field(30.0, description="the longest wait for a request's body")
    mcp_origins: str = Field("", description="origins of web pages that may use /mcp, with commas between them")
    ambari_status_compat: bool = Field(False, description="answer refused links with 500 at /api/v1, as Ambari does")
    mpack_max_archive: Bytes = Field(512 << 20, description="the largest archive of a management pack")
    ambari_version: str = Field("2.7.8", description="the version of Ambari that REST clients and packs are told")

    engine: str = Field("native", description=f"who builds the walls around calls: {', '.join(ENGINES)}")
    accelerator: Literal["auto", "on", "off"] = Field("auto", description="the compiled part of the engine native")
    zygotes: bool = Field(True, description="run Python scripts in warm interpreters, where the engine can")
    zygote_preload: str = Field("", description="modules that these import ahead, with commas between them")
    zygote_calls: int = Field(1000, ge=1, description="calls after which such an interpreter is started anew")
    zygote_age: Seconds = Field(600.0, description="time after which it is")
    resident_processes: int = Field(
        16, ge=0, le=64, description="resident processes of all methods together; 0: each call has its own process"
    )
    call_timeout: Seconds = Field(60.0, description="wall time of a call")
    call_cpu: Seconds | None = Field(None, description="CPU time of all processes of a call; not limited if unset")
    call_memory: Bytes = Field(1 << 30, description="memory of all processes of a call")
    call_processes: int = Field(64, ge=1, description="processes and threads of a call")
    call_output: Bytes = Field(8 << 20, description="stdout of a call")
    call_stderr: Bytes = Field(32 << 10, description="stderr of a call that is kept")
    call_open_files: int = Field(256, ge=16, description="open files of each process of a call")
    call_file_size: Bytes = Field(64 << 20, description="the largest file that a call may write")
    call_tmp: Bytes = Field(16 << 20, description="what the private /tmp of a call holds")
    call_max_timeout: Seconds | None = Field(None, description="the most wall time that a declaration can get")
    call_max_cpu: Seconds | None = Field(None, description="the most CPU time that a declaration can get")
    call_max_memory: Bytes | None = Field(None, description="the most memory that a declaration can get")
    call_max_processes: int | None = Field(None, ge=1, description="the most processes that a declaration can get")
    call_max_output: Bytes | None = Field(None, description="the most stdout that a declaration can get")
    call_max_stderr: Bytes | None = Field(None, description="the most stderr that a declaration can have kept")
    call_max_open_files: int | None = Field(None, ge=16, description="the most open files that a declaration can get")
    call_max_file_size: Bytes | None = Field(None, description="the largest size of a file that a declaration can get")
    call_max_tmp: Bytes | None = Field(None, description="the most room in /tmp that a declaration can get")
    call_concurrency: int = Field(16, ge=1, le=224, description="calls that run at once on a host")
    call_queue: int = Field(1024, ge=0, description="calls that wait for a turn; SERVER_BUSY beyond")
    call_method_concurrency: int | None = Field(
        None, ge=1, description="calls of one method that run at once; three quarters of the host's"
    )
    call_caller_concurrency: int | None = Field(
        None, ge=1, description="calls of one user that run at once; three quarters of the host's"
    )
    call_method_queue: int | None = Field(
        None, ge=0, description="calls of one method that wait for a turn; three quarters of the host's"
    )
    call_caller_queue: int | None = Field(
        None, ge=0, description="calls of one user that wait for a turn; three quarters of the host's"
    )

    drain_timeout: Seconds = Field(30.0, description="the longest wait for running calls at SIGTERM")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal, else json")

    @field_validator("engine")
    @classmethod
    def _is_engine(cls, value: str) -> str:
        if value not in ENGINES:
            raise ValueError(f"there is no engine {value!r}; there are: {', '.join(ENGINES)}")
        return value

    @field_validator("http", "registry", "dispatcher", "registry_bind", "dispatcher_bind", "metrics")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and value != "off":
            split_address(value)
        return value

    @field_validator(
        "data_dir",
        "resources_dir",
        "extensions_dir",
        "declarations_dir",
        "secrets_dir",
        "oidc_authorities",
        "http_certificate",
        "http_key",
        "http_client_authorities",
        "grpc_certificate",
        "grpc_key",
        "grpc_authorities",
        "grpc_client_authorities",
    )
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("http_socket")
    @classmethod
    def _is_absolute_or_off(cls, value: str | None) -> str | None:
        return value if value is None or value == "off" else str(Path(value).expanduser().absolute())

    @property
    def http_socket_path(self) -> Path | None:
        """Where the gateway has its local socket, if it has one."""
        return None if self.http_socket in {None, "off"} else Path(str(self.http_socket))

    @property
    def resources_path(self) -> Path:
        """The Ambari tree in force."""
        return self.resources_dir or self.data_dir / "resources"

    @property
    def extensions_path(self) -> Path:
        """The directory of drop-ins in force."""
        return self.extensions_dir or self.data_dir / "extensions.d"

    @property
    def declarations_path(self) -> Path:
        """The directory of declarations in force."""
        return self.declarations_dir or self.data_dir / "declarations.d"

    @property
    def secrets_path(self) -> Path:
        """The folder of secrets in force."""
        return self.secrets_dir or self.data_dir / "secrets.d"

    def database(self, service: str) -> str:
        """The database of a service: the one that was set, or a SQLite file of its own in the data dir."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / service}.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (pydantic-settings passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the same)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: command line, environment, files named by the environment, `graft.toml`, defaults."""
        toml = TomlConfigSettingsSource(settings_cls, config_file())
        return init_settings, env_settings, SecretFileSource(settings_cls, env_ignore_empty=True), toml


def config_file() -> Path:
    """The file that is read, if it exists: `GRAFT_CONFIG`, or `graft.toml` in the working directory.

    Raises:
        ValueError: the file that `GRAFT_CONFIG` names does not exist.
    """
    named = os.environ.get("GRAFT_CONFIG")
    if named and not Path(named).is_file():
        raise ValueError(f"GRAFT_CONFIG={named}: there is no such file")
    return Path(named or "graft.toml")


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port`, `[::1]:port` included.

    Raises:
        ValueError: it is no address.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address such as 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(address: str) -> bool:
    """Tell whether an address can only be reached from this machine."""
    return is_loopback_host(split_address(address)[0])


def is_loopback_host(host: str) -> bool:
    """Tell whether a host can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
