"""A benchmark with a budget goes on after what fails, skips what has no room, and tells both by name."""

import pytest

from experiments.benchmarks import budget
from experiments.benchmarks.budget import Piece, within


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a piece says so."""
    now = [0.0]
    monkeypatch.setattr(budget.time, "perf_counter", lambda: now[0])
    return now


def piece(clock, kind, seconds, error=None):
    def measure():
        clock[0] += seconds
        if error is not None:
            raise error
        return {"seconds": seconds}

    return Piece({"contender": kind, "images": 1}, measure)


def test_what_fails_is_told_and_does_not_stop_the_rest(clock):
    pieces = [piece(clock, "a", 2, MemoryError("out of memory\nat 0x1")), piece(clock, "b", 3), piece(clock, "a", 1)]
    told = []
    failed, *others = within(100, pieces, told.append)
    assert failed == {"contender": "a", "images": 1, "left_out": "MemoryError: out of memory", "took": 2}
    assert [one["seconds"] for one in others] == [3, 1]
    assert told == ["0 s: a, 1", "2 s: b, 1", "5 s: a, 1"]


def test_an_interruption_is_no_failure(clock):
    with pytest.raises(KeyboardInterrupt):
        list(within(100, [piece(clock, "a", 1, KeyboardInterrupt())], print))


def test_what_has_no_room_is_skipped_and_what_has_is_not(clock):
    pieces = [piece(clock, "long", 80), piece(clock, "short", 5), piece(clock, "long", 1), piece(clock, "short", 4)]
    rows = list(within(145, pieces, lambda line: None))
    assert ["left_out" in row for row in rows] == [False, False, True, False]
    assert rows[2]["left_out"] == "no time: about 80 s needed, 60 s left"


def test_a_kind_that_nobody_knows_needs_a_minute(clock):
    rows = list(within(100, [piece(clock, "a", 41), piece(clock, "b", 1), piece(clock, "a", 1)], lambda line: None))
    assert ["left_out" in row for row in rows] == [False, True, False]


def test_pieces_are_made_one_at_a_time(clock):
    """So that what was written after a piece is there although the next one never ends."""
    rows = within(100, [piece(clock, "a", 1), piece(clock, "a", 1, KeyboardInterrupt())], lambda line: None)
    assert next(rows)["seconds"] == 1
