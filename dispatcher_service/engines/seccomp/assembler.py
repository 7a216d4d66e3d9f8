"""A small assembler for seccomp's classic BPF: decisions over one number become a binary tree of jumps.

A binary tree and not a list, because the kernel runs the filter over every system call number when it is installed (to
build its cache), so the length of the longest path is paid for at every call that Graft serves.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LD_ABS, JMP_JA, JMP_JEQ, JMP_JGE, JMP_JSET, RET = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
"""Operation codes, as in linux/bpf_common.h: load a word, jump (always, equal, not less, bits set), return."""

OFFSET_NR, OFFSET_ARCH, OFFSET_ARGS = 0, 4, 16
"""Where the parts of `struct seccomp_data` lie; each argument takes 8 bytes, its low word first."""

MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS: the kernel takes no longer program."""

_INSTRUCTION = struct.Struct("=HBBI")


class Action(enum.IntEnum):
    """What a filter answers (linux/seccomp.h), with the error number in the low half of an ERRNO."""

    ALLOW = 0x7FFF0000
    KILL_PROCESS = 0x80000000
    EPERM = 0x00050000 | 1
    ENOSYS = 0x00050000 | 38


@dataclass(frozen=True, slots=True)
class Condition:
    """Something about one argument of a call, of which the low 32 bits count: the kernel's `int`."""

    argument: int
    values: tuple[int, ...] = ()
    """Holds when the argument is one of these…"""
    forbidden_bits: int = 0
    """…or, where this is set instead, when none of these bits is."""

    def holds(self, value: int) -> bool:
        """Tell it for one argument, as the compiled filter does."""
        value &= 0xFFFFFFFF
        return not value & self.forbidden_bits if self.forbidden_bits else value in self.values


@dataclass(frozen=True, slots=True)
class Check:
    """Allows a call when every condition of one of the alternatives holds, and answers EPERM otherwise."""

    alternatives: tuple[tuple[Condition, ...], ...]

    def holds(self, arguments: Sequence[int]) -> bool:
        """Tell it for a call's arguments, as the compiled filter does."""
        return any(all(c.holds(arguments[c.argument]) for c in conditions) for conditions in self.alternatives)


Decision = Action | Check


@dataclass(frozen=True, slots=True)
class Range:
    """The system calls from `first` up to the next range's first, and what becomes of them."""

    first: int
    decision: Decision


class _Program:
    """Instructions written from the last to the first, so that every jump knows how far its target is.

    A place in the program is named by its distance from the end.
    """

    def __init__(self) -> None:
        self._reversed: list[tuple[int, int, int, int]] = []
        self._returns: dict[Action, int] = {}

    def __len__(self) -> int:
        return len(self._reversed)

    def _put(self, code: int, jt: int, jf: int, k: int) -> int:
        self._reversed.append((code, jt, jf, k))
        return len(self)

    def answer(self, action: Action) -> int:
        """The place of a return with this answer; each answer is written once."""
        if action not in self._returns:
            self._returns[action] = self._put(RET, 0, 0, action)
        return self._returns[action]

    def load(self, offset: int) -> int:
        return self._put(LD_ABS, 0, 0, offset)

    def branch(self, code: int, k: int, yes: int, no: int) -> int:
        """Jump to `yes` or `no`; a conditional jump reaches 255 instructions, so far targets get a stepping stone."""
        if len(self) + 1 - yes > 255:
            yes = self._put(JMP_JA, 0, 0, len(self) - yes)
        if len(self) - no > 255:
            no = self._put(JMP_JA, 0, 0, len(self) - no)
        return self._put(code, len(self) - yes, len(self) - no, k)

    def assemble(self) -> bytes:
        if len(self) > MAX_INSTRUCTIONS:
            raise ValueError(f"the filter has {len(self)} instructions; the kernel takes {MAX_INSTRUCTIONS}")
        return b"".join(_INSTRUCTION.pack(*instruction) for instruction in reversed(self._reversed))


def merge(decisions: Mapping[int, Decision], otherwise: Decision, beyond: tuple[int, Decision]) -> list[Range]:
    """Turn decisions about single numbers into ranges that cover everything from 0 on.

    Args:
        decisions: what becomes of a number.
        otherwise: what becomes of a number that is not listed.
        beyond: the first number that is newer than the table, and what becomes of it and of all above.
    """
    ranges = [Range(0, decisions.get(0, otherwise))]
    last, newest = beyond
    for number in range(1, last):
        decision = decisions.get(number, otherwise)
        if decision != ranges[-1].decision:
            ranges.append(Range(number, decision))
    if newest != ranges[-1].decision:
        ranges.append(Range(last, newest))
    return ranges


def compile_filter(arch: int, ranges: Sequence[Range], foreign_from: int | None = None) -> bytes:
    """Compile a whole filter.

    Args:
        arch: the AUDIT_ARCH value of the only architecture served; calls of any other kill the process.
        ranges: what becomes of the numbers, in ascending order from 0.
        foreign_from: numbers from here on are another ABI's (x32) and kill the process.

    Returns:
        The instructions as the kernel and bubblewrap's `--seccomp` read them, 8 bytes each.
    """
    if not ranges or ranges[0].first != 0:
        raise ValueError("the ranges must begin at 0")
    program = _Program()
    for action in (Action.KILL_PROCESS, Action.ENOSYS, Action.EPERM, Action.ALLOW):
        program.answer(action)
    places = {decision: _compile_check(program, decision) for decision in dict.fromkeys(r.decision for r in ranges)}
    place = _compile_tree(program, ranges, places)
    kill = program.answer(Action.KILL_PROCESS)
    if foreign_from is not None:
        place = program.branch(JMP_JGE, foreign_from, kill, place)
    place = program.load(OFFSET_NR)
    program.branch(JMP_JEQ, arch, place, kill)
    program.load(OFFSET_ARCH)
    return program.assemble()


def _compile_check(program: _Program, decision: Decision) -> int:
    if isinstance(decision, Action):
        return program.answer(decision)
    place = program.answer(Action.EPERM)
    for conditions in reversed(decision.alternatives):
        otherwise, place = place, program.answer(Action.ALLOW)
        for condition in reversed(conditions):
            place = _compile_condition(program, condition, place, otherwise)
    return place


def _compile_condition(program: _Program, condition: Condition, yes: int, no: int) -> int:
    if condition.forbidden_bits:
        program.branch(JMP_JSET, condition.forbidden_bits, no, yes)
    else:
        place = no
        for value in condition.values:
            place = program.branch(JMP_JEQ, value, yes, place)
    return program.load(OFFSET_ARGS + 8 * condition.argument)


def _compile_tree(program: _Program, ranges: Sequence[Range], places: Mapping[Decision, int]) -> int:
    if len(ranges) == 1:
        return places[ranges[0].decision]
    middle = len(ranges) // 2
    upper = _compile_tree(program, ranges[middle:], places)
    lower = _compile_tree(program, ranges[:middle], places)
    return program.branch(JMP_JGE, ranges[middle].first, upper, lower)
