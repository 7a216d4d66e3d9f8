"""What a resource type has, so that a request that names anything else can be refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from gateway.ambari.query.values import prefixes


class Shape(Protocol):
    """A resource type, as far as queries go."""

    @property
    def properties(self) -> Collection[str]:
        """The ids of its properties, `Versions/valid`."""
        ...

    @property
    def children(self) -> Mapping[str, Shape]:
        """Its sub-resources by the name under which they are shown, `versions`."""
        ...


def unsupported(paths: Iterable[str], shape: Shape) -> tuple[str, ...]:
    """Return the paths, in order and each once, that lead to no property, category or sub-resource.

    What lies within a property is let through, because the property may be a map (BaseProvider.checkPropertyIds).
    """
    return tuple(sorted({path for path in paths if not supports(path, shape)}))


def supports(path: str, shape: Shape) -> bool:
    """Tell whether a path leads to a property, a category or a sub-resource."""
    name, _, rest = path.partition("/")
    if name in shape.children:
        return not rest or supports(rest, shape.children[name])
    return any(prefix in shape.properties for prefix in prefixes(path)) or is_category(path, shape)


def is_category(path: str, shape: Shape) -> bool:
    """Tell whether properties lie under a path."""
    category = path + "/"
    return any(name.startswith(category) for name in shape.properties)
