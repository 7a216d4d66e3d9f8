"""The codec of frames: whatever pieces they come in, and whatever comes in their place."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher_service.residents.frames import (
    MAX_FAILURE,
    MAX_HELLO,
    MAX_LINE,
    AnswerTooLongError,
    Decoder,
    Frame,
    FrameError,
    concurrency_of,
    frame,
)

OUTPUT = 200
bodies = st.binary(max_size=OUTPUT)
frames = st.lists(
    st.one_of(
        st.builds(Frame, st.sampled_from([b"answer", b"failed", b"hello"]), st.integers(0, 10**16 - 1), bodies),
        st.builds(Frame, st.just(b"pong"), st.integers(0, 10**6), st.just(b"")),
    ),
    max_size=8,
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@settings(deadline=None)
@given(frames, st.lists(st.integers(0, 10**6), max_size=20))
def test_frames_come_out_as_they_went_in(sent: list[Frame], cuts: list[int]) -> None:
    decoder = Decoder(OUTPUT)
    data = b"".join(frame(*one) for one in sent)
    assert [got for piece in pieces(data, cuts) for got in decoder.feed(piece)] == sent
    assert not decoder.within


@settings(deadline=None)
@given(frames, st.integers(1, 10**6))
def test_what_is_cut_off_is_known_to_be(sent: list[Frame], cut: int) -> None:
    data = b"".join(frame(*one) for one in sent)
    if data:
        decoder = Decoder(OUTPUT)
        got = list(decoder.feed(data[: -(cut % len(data)) or None]))
        assert sent[: len(got)] == got
        assert decoder.within == (data[: -(cut % len(data)) or None] != b"".join(frame(*one) for one in got))


@settings(deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 10**6), max_size=5))
def test_anything_is_taken_or_refused(data: bytes, cuts: list[int]) -> None:
    """Whether what came is refused does not depend on the pieces, but for a line that is not complete yet."""
    whole, parted = Decoder(OUTPUT), Decoder(OUTPUT)

    def read(decoder: Decoder, parts: list[bytes]) -> tuple[list[Frame], bool]:
        got: list[Frame] = []
        try:
            for part in parts:
                for one in decoder.feed(part):
                    got.append(one)  # noqa: PERF402  (it may raise between two)
        except FrameError:
            return got, True
        return got, False

    assert read(whole, [data]) == read(parted, pieces(data, cuts))


def test_a_body_in_small_pieces_takes_no_more_memory_than_one_in_large_ones() -> None:
    decoder = Decoder(1 << 20)
    tracemalloc.start()
    try:
        assert not list(decoder.feed(b"answer 1 1000000\n"))
        for number in range(100_000):
            assert not list(decoder.feed(b"%04x" % (number % 4096)))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1 << 20


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"Hello, world!\n", "it has written what is no frame: 'Hello, world!\\n'"),
        (b"answer 1\n", "no frame"),
        (b"answer 01 0\n", "no frame"),
        (b"answer 1 -1\n", "no frame"),
        (b"answer  1 1\n", "no frame"),
        (b"answer 1 1\r\n", "no frame"),
        (b"call 1 0\n", "no frame"),
        (b"answer 1 %d\n" % 10**17, "no frame"),
        (b"\xff" * MAX_LINE, r"no frame: '\xff\xff"),
        (b"pong 1 1\n", "too long, at most 0 bytes: 'pong 1 1\\n'"),
        (b"hello 0 %d\n" % (MAX_HELLO + 1), "too long"),
        (b"failed 1 %d\n" % (MAX_FAILURE + 1), "too long"),
        (b"answer 1 201\n", "it has begun a frame that is too long, at most 200 bytes: 'answer 1 201\\n'"),
    ],
)
def test_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(FrameError) as caught:
        list(Decoder(OUTPUT).feed(data))
    assert says in str(caught.value)
    assert len(str(caught.value)) < 500


def test_an_answer_that_is_too_long_names_its_call() -> None:
    with pytest.raises(AnswerTooLongError) as caught:
        list(Decoder(OUTPUT).feed(b"answer 17 201\n"))
    assert caught.value.call == 17


@pytest.mark.parametrize(
    ("body", "concurrency"),
    [(b"version=1", 1), (b"version=1\nconcurrency=8\n", 8), (b"concurrency=2\nversion=1\nlanguage=Go\n", 2)],
)
def test_hellos(body: bytes, concurrency: int) -> None:
    assert concurrency_of(Frame(b"hello", 0, body)) == concurrency


@pytest.mark.parametrize(
    ("hello", "says"),
    [
        (Frame(b"answer", 1, b"x"), "its first frame is no hello: 'answer 1 1\\nx'"),
        (Frame(b"hello", 1, b"version=1"), "its first frame is no hello"),
        (Frame(b"hello", 0, b""), "its hello has no version=1: ''"),
        (Frame(b"hello", 0, b"version=2"), "its hello has no version=1: 'version=2'"),
        (Frame(b"hello", 0, b"version=1\n\xff"), "not lines of name=value"),
        (Frame(b"hello", 0, b"version=1 concurrency=2"), "not lines of name=value"),
        (Frame(b"hello", 0, b"version=1\nconcurrency=0"), "no number from 1 to 999999"),
        (Frame(b"hello", 0, b"version=1\nconcurrency=1000000"), "no number from 1 to 999999"),
    ],
)
def test_hellos_that_are_none(hello: Frame, says: str) -> None:
    with pytest.raises(FrameError) as caught:
        concurrency_of(hello)
    assert says in str(caught.value)
