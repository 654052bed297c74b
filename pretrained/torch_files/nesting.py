"""Bounds what a pickle nests, before it is unpickled.

C code walks nested values without a limit: the hash of a key that is a million tuples within each other overflows the
stack, and that of `t = (t, t)`, sixty times over, takes for ever. A memo numbered in billions takes all memory. So the
opcodes are run here first on pairs of numbers instead of values:

    depth   values within each other; of a list or a dict, that of its deepest item and 1
    size    values of a tuple or a call, shared ones counted each time, as a hash visits them; lists and dicts have no
            hash and count as 1

Checkpoints reach a depth of a dozen, and a size of 630 in the state of Python's random numbers.
"""

import pickletools
from typing import BinaryIO

DEPTH, SIZE = 100, 100_000
GROWING = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
MARK = (-1, 0)


def check_nesting(file: BinaryIO) -> None:
    """Reads one pickle to its end.

    Raises:
      ValueError: it nests too much, or is broken.
      IndexError, KeyError: it takes values that are not there.
    """
    stack: list[tuple[int, int]] = []
    memo: dict[int | None, tuple[int, int]] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        name, before = opcode.name, opcode.stack_before
        if "PUT" in name or name == "MEMOIZE":
            index = len(memo) if argument is None else argument
            if index > count:
                raise ValueError(f"its memo has a number {index} after {count} operations")
            memo[index] = stack[-1]
        elif "GET" in name:
            stack.append(memo[argument])
        elif name in ("MARK", "DUP"):
            stack.append(MARK if name == "MARK" else stack[-1])
        else:
            items = []
            if pickletools.markobject in before:
                before = before[: before.index(pickletools.markobject)]
                while (item := stack.pop()) != MARK:
                    items.append(item)
            items = [stack.pop() for _ in before][::-1] + items
            if opcode.stack_after:
                stack.append(_result(name, items))
        if len(stack) > SIZE:  # lists that are opened and not yet filled, each within the one before
            raise ValueError(f"it holds more than {SIZE:,} values that are not done, as no checkpoint does")


def _result(name: str, items: list[tuple[int, int]]) -> tuple[int, int]:
    """Depth and size of what an opcode makes of the items."""
    grown = items.pop(0) if name in GROWING else (0, 1)
    depth = max([grown[0], *(1 + depth for depth, _ in items)])
    size = grown[1] if name in GROWING or name in ("LIST", "DICT") else 1 + sum(size for _, size in items)
    if depth > DEPTH or size > SIZE:
        raise ValueError(f"it nests values more than {DEPTH} deep, or {SIZE:,} in one, as no checkpoint does")
    return depth, size
