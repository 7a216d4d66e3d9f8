from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.errors import GraftError
from registry_service.mpacks.replay import line_of, parse, without
from registry_service.mpacks.values import Operation

INSTALLED = Operation(
    "install-mpack", "/r/mpacks/cache/foo-1.0.tar.gz", False, ("stack-definitions", "mpacks"), False, False
)


def test_a_line_is_what_ambari_writes() -> None:
    assert line_of(INSTALLED) == (
        "{'mpack_command': 'install-mpack', 'mpack_path': '/r/mpacks/cache/foo-1.0.tar.gz', 'purge': False, "
        "'purge_list': 'stack-definitions,mpacks', 'force': False, 'verbose': False}"
    )
    assert "'purge_list': []" in line_of(Operation("upgrade-mpack", "/x", False, (), True, False))


def test_what_is_written_is_read() -> None:
    upgraded = Operation("upgrade-mpack", '/it\'s "quoted"\n', False, (), True, True)
    assert parse(f"{line_of(INSTALLED)}\n\n{line_of(upgraded)}\n", "log") == [INSTALLED, upgraded]


def test_lines_of_older_ambari() -> None:
    old = "{u'mpack_command': u'install-mpack', 'mpack_path': '/x.tar.gz', 'purge': True, 'force': 0, 'verbose': None}"
    assert parse(old, "log") == [
        Operation("install-mpack", "/x.tar.gz", True, ("stack-definitions", "mpacks"), False, False)
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "Line 1 of mpack replay log log cannot be read"),
        ("__import__('os').system('true')", "cannot be read"),
        ("{'mpack_command': 'install-mpack'}", "cannot be read"),
        ("(" * 5000, "cannot be read"),
        ("{" + "'a': 1," * 10_000 + "}", "cannot be read"),
        ("{'mpack_command': 'eat', 'mpack_path': '/x'}", "Invalid mpack command eat in mpack replay log log!"),
    ],
)
def test_lines_that_are_refused(line: str, said: str) -> None:
    with pytest.raises(GraftError) as caught:
        parse(line, "log")
    assert caught.value.code == "MPACK_REPLAY_LOG_INVALID"
    assert said in caught.value.params[0]


def test_lines_of_an_archive_are_left_out_and_others_stay_as_they_are() -> None:
    other = line_of(Operation("install-mpack", "/r/mpacks/cache/foo-1.0.0.1.tar.gz", False, (), False, False))
    text = f"{line_of(INSTALLED)}\nnonsense\n{other}\n"
    assert without(text, {"foo-1.0.tar.gz"}) == f"nonsense\n{other}\n"


@given(st.text(max_size=100))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        parse(text, "log")
    except GraftError as error:
        assert error.code == "MPACK_REPLAY_LOG_INVALID"  # noqa: PT017  (either is well)
