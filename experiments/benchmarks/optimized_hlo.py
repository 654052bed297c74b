"""What XLA's text of a compiled program says of its cost: the cycles that it estimates for each operation.

A TPU's compiler writes `"estimated_cycles":"1600481"` into the backend configuration of its fusions. Operations within
a fusion are part of it. The body of a loop counts as often as the loop runs.
"""

import re
from typing import NamedTuple

_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\{$")
_OPERATION = re.compile(r"^(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([\w-]+)\(")
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_SCOPE = re.compile(r'op_name="([^"]*)"')
_BODY = re.compile(r"body=%?([\w.-]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
# They move nothing and compute nothing.
_FREE = {"parameter", "constant", "bitcast", "tuple", "get-tuple-element", "after-all", "partition-id", "while"}


class Operation(NamedTuple):
    """An operation of a compiled program.

    Attributes:
      name: XLA's name.
      kind: such as `fusion` or `all-reduce`.
      shape: of the result, with its dtype, without its layout.
      scope: where the model's code has it; "" if the compiler made it.
      cycles: that XLA estimates for all of its runs; None if it estimates none.
      runs: how often it runs.
    """

    name: str
    kind: str
    shape: str
    scope: str
    cycles: int | None
    runs: int


def operations(text: str) -> list[Operation]:
    """The operations that a compiled program runs, in its order; those that cost nothing are left out.

    Args:
      text: `compiled.as_text()`.

    Raises:
      ValueError: the text has no entry, calls another computation, or has a loop whose number of runs is not known.
    """
    computations, entry = _computations(text)
    if entry is None:
        raise ValueError("expected the text of a compiled program, with a computation ENTRY; got none")
    return _run(computations, entry, 1)


def _computations(text: str) -> tuple[dict[str, list[str]], str | None]:
    """The lines of each computation, and the name of the first to run."""
    computations, entry, lines = {}, None, []
    for line in text.splitlines():
        if found := _COMPUTATION.match(line):
            lines = computations[found[2]] = []
            entry = found[2] if found[1] else entry
        else:
            lines.append(line.strip())
    return computations, entry


def _run(computations: dict[str, list[str]], name: str, runs: int) -> list[Operation]:
    """The operations of a computation that runs so often, and of the loops in it."""
    found = []
    for line in computations[name]:
        operation = _OPERATION.match(line)
        if operation is None:
            continue
        kind = operation[3]
        if kind == "while":
            trips = _TRIPS.search(line)
            if trips is None:
                raise ValueError(f"{operation[1]}: the loop's number of runs is not known when it is compiled")
            found += _run(computations, _BODY.findall(line)[0], runs * int(trips[1]))
        if kind in ("call", "conditional"):
            raise ValueError(f"{operation[1]}: the operations of a {kind} are not counted; see `_run`")
        if kind not in _FREE:
            cycles, scope = _CYCLES.search(line), _SCOPE.search(line)
            shape = re.sub(r"\{[^}]*\}", "", operation[2])
            known = None if cycles is None else runs * int(cycles[1])
            found.append(Operation(operation[1], kind, shape, "" if scope is None else scope[1], known, runs))
    return found
