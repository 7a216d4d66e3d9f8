"""`graft up --demo`: examples in a data directory of their own, and commands to try them with."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from graft_cli.addresses import gateway_url_of
from graft_cli.exits import CliError
from graft_common.settings import Settings, is_loopback

USER = PASSWORD = "admin"  # noqa: S105  (a demonstration, and on the loopback interface only)

_RECORD = "demo.json"
_METHODS = "/methods/"
_REPOSITORY_EXAMPLES = Path(__file__).parent.parent / "examples"
_MAX_DEPTH = 10


def refuse_unsafe(settings: Settings) -> None:
    """Keep a demonstration to this machine and out of shared stores.

    Raises:
        CliError: an address can be reached from elsewhere, or the store is not the demonstration's own.
    """
    for name, address in _addresses(settings).items():
        if not is_loopback(address):
            raise CliError(
                f"--demo has the password {PASSWORD}/{PASSWORD} and listens on loopback addresses only; "
                f"{name} is {address}, give 127.0.0.1 or leave --demo out"
            )
    if settings.database_url is not None:
        raise CliError("--demo keeps its data in a data directory of its own; unset GRAFT_DATABASE_URL")


def refuse_demo_data(settings: Settings) -> None:
    """Keep a demonstration's data, and with it its password, from being served to others.

    Raises:
        CliError: the data directory was made by --demo, and an address can be reached from elsewhere.
    """
    exposed = [address for address in _addresses(settings).values() if not is_loopback(address)]
    if exposed and (settings.data_dir / _RECORD).exists():
        raise CliError(
            f"{settings.data_dir} was made by --demo, with the password {USER}/{PASSWORD}, and {exposed[0]} can be "
            "reached from other machines; choose another --data-dir, or loopback addresses"
        )


def install(settings: Settings) -> list[str]:
    """Copy the examples, and name the methods among them; what somebody has changed is left alone.

    A resources directory of somebody's own is left alone too, but for the demonstration's own in the data directory.
    """
    record = settings.data_dir / _RECORD
    extensions = [(name, path) for name, path in _files(_examples() / "extensions") if "." in name[1:]]
    declarations = [(name, path) for name, path in _files(_examples() / "declarations") if name.endswith(".xml")]
    resources = list(_files(_examples() / "resources")) if settings.resources_dir is None else []
    try:
        installed: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
        settings.extensions_path.mkdir(parents=True, exist_ok=True)
        for name, example in declarations:
            _install(example, settings.declarations_path / name, 0o644, f"declarations/{name}", installed)
        for name, example in extensions:
            _install(example, settings.extensions_path / name, 0o755, name, installed)
        for name, example in resources:
            mode = 0o755 if _METHODS in name and not name.endswith(".xml") else 0o644
            _install(example, settings.resources_path / name, mode, f"resources/{name}", installed)
        _write(record, json.dumps(installed, indent=2).encode(), 0o600)
    except OSError as error:
        raise CliError(f"cannot install the examples: {error.filename}: {error.strerror}") from None
    return [name for name, _ in extensions]


def commands(settings: Settings) -> str:
    """Write commands to try, fit to be pasted into a shell."""
    graft = _graft()
    url = gateway_url_of(settings)
    is_default = settings.http == Settings.model_fields["http"].default
    at = "" if is_default else f" --url {url}"
    python, setup = _python()
    login = _xml("session.login_with_password", USER, PASSWORD)
    call = _xml("Text.count", "$SESSION", "one two three")
    ask = graft if settings.registry == Settings.model_fields["registry"].default else _to_registry(settings, graft)
    default = Settings.model_fields["dispatcher"].default
    ask_dispatcher = graft if settings.dispatcher == default else f"GRAFT_DISPATCHER={settings.dispatcher} {graft}"
    return f"""\
Try it, in another terminal:

  GRAFT_PASSWORD={PASSWORD} {graft} login --user {USER}{at}
  {graft} call Hello.greet World{at}
  {graft} call Text.count 'one two three'{at}
  {graft} call System.uptime --json{at}
  {graft} call Timer.wait int:2 --async --wait{at}
  {graft} tasks{at}
  {graft} methods --url {url}
  {ask_dispatcher} methods Text.count

The same from Python, with XenServer's own client{setup}

  {python} - <<'END'
  import XenAPI
  session = XenAPI.Session("{url}")
  session.xenapi.login_with_password("{USER}", "{PASSWORD}")
  print(session.xenapi.Hello.greet("Python"))
  session.xenapi.session.logout()
  END

and with curl:

  SESSION=$(curl -s {url} -H 'Content-Type: text/xml' -d '{login}' | grep -o 'OpaqueRef:[0-9a-f-]*')
  curl -s {url} -H 'Content-Type: text/xml' -d "{call}"; echo

Ambari's side: an extension and a stack, with Ambari's files, are linked; then the stack has the extension's service,
and the extension's methods can be called: declared ones, whose arguments are checked.

  {ask} ls{at}
  {ask} link EXT/1.0 HDP/2.4{at}
  {ask} show HDP/2.4/GREETER --explain{at}
  {graft} call Greeter.greet World loud{at}

This one fails, as an extension should; it exits with 1:

  {graft} call Coffee.brew espresso{at}

The methods are files in {settings.extensions_path}
Drop another executable beside them, or change one: it can be called at once.
What they take and answer is declared in {settings.declarations_path}
Extensions and stacks are in {settings.resources_path}
"""


def _addresses(settings: Settings) -> dict[str, str]:
    named = {
        "--http": settings.http,
        "--registry": settings.registry_bind or settings.registry,
        "--dispatcher": settings.dispatcher_bind or settings.dispatcher,
        "--metrics": settings.metrics,
    }
    return {name: address for name, address in named.items() if address is not None and address != "off"}


def _examples() -> Traversable:
    """The examples in the wheel, or in the repository that is installed in editable mode."""
    packed = files("graft_cli") / "examples"
    return packed if packed.is_dir() else _REPOSITORY_EXAMPLES


def _files(folder: Traversable, depth: int = 0) -> Iterator[tuple[str, Traversable]]:
    """Yield the files below a folder with their paths in it, in order."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_file():
            yield item.name, item
        elif depth < _MAX_DEPTH:
            yield from ((f"{item.name}/{path}", file) for path, file in _files(item, depth + 1))


def _install(example: Traversable, path: Path, mode: int, key: str, installed: dict[str, str]) -> None:
    """Write one example where nobody has written anything else, and note in `installed` what was written."""
    content = example.read_bytes()
    if _is_ours(path, installed.get(key)):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, content, mode)
        installed[key] = _digest(content)


def _is_ours(path: Path, digest: str | None) -> bool:
    return not path.exists() or (path.is_file() and _digest(path.read_bytes()) == digest)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole: nobody ever sees a half of it. The draft's name is none that could be called."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.chmod(mode)
    draft.replace(path)


def _graft() -> str:
    """How a shell starts this very `graft`."""
    started = Path(sys.argv[0])
    if started.name != "graft":
        return shlex.join([sys.executable, "-m", "graft_cli"])
    found = shutil.which("graft")
    if found is not None and Path(found).resolve() == started.resolve():
        return "graft"
    return shlex.quote(str(started.absolute()))


def _to_registry(settings: Settings, graft: str) -> str:
    return f"GRAFT_REGISTRY={settings.registry} {graft}"


def _python() -> tuple[str, str]:
    """A Python that has the client, and what to do first where there is none."""
    python = shlex.quote(sys.executable)
    if importlib.util.find_spec("XenAPI") is not None:
        return python, ":"
    return python, f" (first: {python} -m pip install XenAPI):"


def _xml(method: str, *params: str) -> str:
    values = "".join(f"<param><value>{param}</value></param>" for param in params)
    return f"<methodCall><methodName>{method}</methodName><params>{values}</params></methodCall>"
