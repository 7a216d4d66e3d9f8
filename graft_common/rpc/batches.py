"""What one message of a stream of batched calls holds: as much as is waiting, and not so much that others wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from graft.dispatcher.v1 import dispatcher_pb2 as pb

LARGE = 64 << 10
"""Bytes from which a call goes alone, and an answer in parts."""
MAX_BATCH = 256 << 10
"""Bytes from which on nothing more is added to a message."""
MAX_BATCHED = 256
"""Calls or answers in one message."""


def pieces_of(number: int, response: pb.InvokeResponse, size: int) -> Iterator[pb.BatchedAnswer]:
    """Return what is sent of a response of so many bytes: it alone, or its parts."""
    if size <= LARGE:
        yield pb.BatchedAnswer(number=number, response=response)
        return
    data = response.SerializeToString()
    for start in range(0, size, LARGE):
        yield pb.BatchedAnswer(number=number, part=data[start : start + LARGE], more=start + LARGE < size)


class Pieces:
    """Takes pieces of answers from a queue, fairly: an answer of many parts waits in line for each of them.

    Args:
        queue: where the answers come in; those that are over are removed.
    """

    def __init__(self, queue: deque[Iterator[pb.BatchedAnswer]]) -> None:
        self._queue = queue

    def next(self) -> list[pb.BatchedAnswer]:
        """Return what goes into the next message; nothing where nothing waits."""
        taken: list[pb.BatchedAnswer] = []
        size = 0
        while self._queue and len(taken) < MAX_BATCHED and size < MAX_BATCH:
            pieces = self._queue.popleft()
            piece = next(pieces)
            taken.append(piece)
            size += piece.ByteSize()
            if piece.more:
                self._queue.append(pieces)
        return taken
