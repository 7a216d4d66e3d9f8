"""Writing resources directories for tests."""

from __future__ import annotations

from pathlib import Path

from registry_service.catalog.catalog import Catalog, read_catalog
from registry_service.catalog.resolved import ResolvedExtension, ResolvedService


class Resources:
    """A resources directory that a test fills; contents are bodies of the root element unless they begin with `<?`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def extension(self, key: str, metainfo: str = "", **services: str) -> Path:
        """Write an extension version: `extension("EXT/1.0", "<extends>0.9</extends>", OOZIE="<version>1</version>")`."""
        return self._version(f"extensions/{key}", metainfo, services)

    def stack(self, key: str, metainfo: str = "", **services: str) -> Path:
        return self._version(f"stacks/{key}", metainfo, services)

    def _version(self, path: str, metainfo: str, services: dict[str, str]) -> Path:
        self.write(f"{path}/metainfo.xml", f"<metainfo>{metainfo}</metainfo>")
        for name, body in services.items():
            self.write(f"{path}/services/{name}/metainfo.xml", service_file(name, body))
        return self.root / path

    def common(self, key: str, body: str = "", name: str | None = None) -> Path:
        folder, _, version = key.partition("/")
        content = service_file(name or folder, f"<version>{version}</version>{body}")
        return self.write(f"common-services/{key}/metainfo.xml", content)

    def method_files(self, key: str, files: dict[str, str], executable: tuple[str, ...] = ()) -> None:
        """Write files of an extension version's `methods/`."""
        for path, content in files.items():
            file = self.write(f"extensions/{key}/methods/{path}", content)
            if path in executable:
                file.chmod(0o755)

    def configuration(self, folder: str, config_type: str, body: str, attributes: str = "") -> Path:
        content = f"<configuration {attributes}>{body}</configuration>"
        return self.write(f"{folder}/configuration/{config_type}.xml", content)

    def read(self, previous: Catalog | None = None) -> Catalog:
        return read_catalog(self.root, previous)

    def read_extension(self, key: str) -> ResolvedExtension:
        name, _, version = key.partition("/")
        extension = self.read().extension(name, version)
        assert extension is not None
        return extension

    def read_service(self, key: str, service: str) -> ResolvedService:
        return self.read_extension(key).services[service]


def service_file(name: str, body: str) -> str:
    return f"<metainfo><services><service><name>{name}</name>{body}</service></services></metainfo>"


def declarations(*content: str) -> str:
    return f'<methods xmlns="urn:graft:methods:1">{"".join(content)}</methods>'


def method(name: str, body: str = "", executable: str = "") -> str:
    attribute = f' executable="{executable}"' if executable else ""
    return f'<method name="{name}"{attribute}>{body}</method>'


def component(name: str, body: str = "") -> str:
    return f"<components><component><name>{name}</name>{body}</component></components>"


def config_property(name: str, value: str, body: str = "") -> str:
    return f"<property><name>{name}</name><value>{value}</value>{body}</property>"
