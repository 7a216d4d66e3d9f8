"""Comments, in the form that gofmt gives to those of declarations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graft_sdk.generation import lines, role_sentence
from graft_sdk.languages.go.slots import Slot
from graft_sdk.view import FieldView, LifecycleView, MethodView, ParamView

WIDTH = 100
_ENDS = tuple(".,:;!?)]}”\"'`…")


def comment(told: list[str], indent: str = "") -> str:
    """Write lines as a comment."""
    return "\n".join(f"{indent}// {line}".rstrip() for line in told)


def doc(text: str, name: str = "", indent: str = "") -> str:
    """Write a text as the comment of what has the name."""
    return comment(list(text_lines(f"{name}: {text}" if name else text)), indent)


def text_lines(text: str, width: int = WIDTH) -> Iterator[str]:
    """Fill a text; lists and code become those of Go's comments."""
    before = ""
    told = lines(text, width)
    for place, line in enumerate(told):
        kind = _kind(line)
        if before not in ("", kind) and kind not in ("", "item", "more") and not (before == "item" and kind == "more"):
            yield ""
        match kind:
            case "item":
                yield f"  - {line[2:].strip()}"
            case "more" if before in ("item", "more"):
                yield f"    {line.strip()}"
            case "more":
                kind = "code"
                if before and before != "code":
                    yield ""
                yield f"\t{line}"
            case "code":
                yield f"\t{line}"
            case "text":
                yield _sentence(line, alone=_alone(told, place))
            case _:
                yield ""
        before = kind


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(("- ", "* ")):
        return "item"
    if line[:1].isspace():
        return "more"
    return "code" if line.startswith(("|", "```")) else "text"


def _alone(told: list[str], place: int) -> bool:
    return not any(told[near].strip() for near in (place - 1, place + 1) if 0 <= near < len(told))


def _sentence(line: str, *, alone: bool) -> str:
    """Write a line so that it is neither taken for a heading nor for the target of a link."""
    line = line.replace("``", "“").replace("''", "”")
    if line.startswith(("#", "[", "+", "•")):
        line = f"\N{ZERO WIDTH SPACE}{line}"
    return f"{line}." if alone and not line.endswith(_ENDS) else line


def method(shown: MethodView, taken: dict[str, str], name: str) -> str:
    """Write the comment of a method; `taken` tells the fields of its options by the parameters' names."""
    return comment(list(_method(shown, taken, name)))


def _method(shown: MethodView, taken: dict[str, str], name: str) -> Iterator[str]:
    yield from text_lines(f"{name}: {shown.doc.strip() or f'Calls {shown.name}.'}")
    yield ""
    yield from text_lines(" ".join([role_sentence(shown), *_history(shown)]))
    if told := [(param.ident, text) for param in shown.required if (text := param_text(param))]:
        yield ""
        yield "Parameters:"
        for ident, text in told:
            yield from _item(ident, text)
    if shown.optional:
        yield ""
        names = ", ".join(taken[param.name] for param in shown.optional)
        yield from text_lines(f"What may be left out is in options, which may be nil: {names}.")
    if shown.result is not None and shown.result.doc:
        yield ""
        yield from text_lines(f"Result: {shown.result.doc}")
    if shown.errors:
        yield ""
        yield "Errors:"
        for use in shown.errors:
            yield from _item(f"*{use.error.ident}", use.doc or use.error.doc or use.error.code)
    if shown.lifecycle.deprecated is not None:
        yield ""
        yield from text_lines(deprecation(shown.lifecycle))


def deprecation(lifecycle: LifecycleView) -> str:
    """Write the paragraph by which tools know what is deprecated."""
    release = lifecycle.deprecated
    assert release is not None  # noqa: S101 - asked of deprecated things only
    reason = " ".join(release.doc.split())
    return f"Deprecated: since {release.name}{f': {reason}' if reason else '.'}"


def _history(shown: MethodView) -> Iterator[str]:
    lifecycle = shown.lifecycle
    if lifecycle.prototype:
        yield f"A prototype since {lifecycle.since}: it may change without notice."
    elif lifecycle.since:
        yield f"Since {lifecycle.since}."
    if shown.idempotent:
        yield "Calling it twice is as good as once."


def param_text(param: ParamView) -> str:
    """Say what is known of a parameter."""
    told = [" ".join(param.doc.split())] if param.doc.strip() else []
    if param.default is not None and param.secret:
        told.append("It has a default.")
    elif param.default is not None:
        told.append(f"Default: {' '.join(param.default.split()) or 'empty'}.")
    if param.since:
        told.append(f"Since {param.since}.")
    return " ".join(told)


def _item(name: str, text: str) -> Iterator[str]:
    told = lines(" ".join(f"{name}: {text}".split()), WIDTH - 4)
    yield from (f"{'    ' if place else '  - '}{line}" for place, line in enumerate(told))


def slot(shown: Slot) -> str:
    """Write the comment of a field of a struct; empty where nothing is known of it."""
    of = shown.of
    told = list(text_lines(of.doc))
    more = _field(shown, of) if isinstance(of, FieldView) else param_text(replace(of, doc=""))
    deprecated = deprecation(of.lifecycle) if isinstance(of, FieldView) and of.lifecycle.deprecated else ""
    for text in (more, deprecated):
        told += [*([""] if told and text else []), *text_lines(text)]
    return comment(told, "\t")


def _field(shown: Slot, field: FieldView) -> str:
    told = []
    if field.qualifier == "RO/runtime":
        told.append("Set by the platform.")
    if field.default is not None and shown.sent_if != "always":
        default = " It has a default." if field.secret else f" Default: {' '.join(field.default.split()) or 'empty'}."
        told.append(f"Left out if nil.{default}")
    return " ".join(told)
