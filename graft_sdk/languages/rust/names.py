"""Names as Rust writes them."""

from __future__ import annotations

from functools import lru_cache

from graft_sdk.naming import Scope, Style, pascal, snake
from graft_sdk.view import ApiView


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYWORDS = _set(
    "as async await break const continue crate dyn else enum extern false fn for gen if impl in let loop match mod "
    "move mut pub ref return self Self static struct super trait true type unsafe use where while abstract become "
    "box do final macro override priv try typeof unsized virtual yield"
)
_PRELUDE = _set(
    "AsMut AsRef Box Clone Copy Debug Default DoubleEndedIterator Drop Eq Err ExactSizeIterator Extend Fn FnMut FnOnce "
    "From FromIterator Hash Into IntoIterator Iterator None Ok Option Ord PartialEq PartialOrd Result Send Sized Some "
    "String Sync ToOwned ToString TryFrom TryInto Vec BTreeMap"
)
_RUNTIME = _set(
    "Answer AnswerError Api ApiError Call Client ClientBuilder Connect DateTime Decode Encode Error FloatKey "
    "HttpTransport Json Key Members Misfit Object Request Response Stream Task TaskInfo TaskStatus TcpConnect "
    "Transport TransportError Unfinished Usage"
)
"""What the SDK's own parts bring into scope."""
ERROR_MEMBERS = frozenset({"api"})


def local(name: str) -> str:
    """Write `resize_disk`; what begins like the functions that write calls is told from them."""
    written = snake(name)
    return f"{written}_" if written.startswith("call_") else written


def _number(name: str, count: int) -> str:
    # Lints want no two underscores beside each other.
    return f"{name.rstrip('_')}{count}" if name[:1].isupper() else f"{name.rstrip('_')}_{count}"


STYLE = Style(
    types=pascal,
    members=snake,
    class_types={"methods": "{}_methods"},
    methods=snake,
    params=local,
    fields=snake,
    values=pascal,
    reserved=KEYWORDS,
    taken_types=_PRELUDE | _RUNTIME,
    taken_members=_set(
        "borrow borrow_mut builder call clone clone_into close fmt into login logout new session_ref start "
        "to_owned try_into type_id"
    ),
    taken_methods=_set("new"),
    taken_params=_set("call client options"),
    taken_fields=_set("default from_json to_json"),
    taken_values=_set("Unrecognized"),
    number=_number,
)


@lru_cache(maxsize=16)
def options_of(api: ApiView) -> dict[str, str]:
    """Name the types of what may be left out, by the methods' names."""
    taken = STYLE.taken_types | {item.ident for item in api.enums} | {item.ident for item in api.records}
    taken |= {item.ident for item in api.refs} | {item.ident for item in api.errors}
    taken |= {name for class_ in api.classes for name in class_.types.values()}
    scope = Scope(STYLE, pascal, taken)
    methods = (method for class_ in api.classes for method in class_.methods if method.optional)
    return {method.name: scope.name(f"{method.name}_options") for method in methods}
