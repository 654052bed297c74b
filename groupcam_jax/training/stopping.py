"""Asks a run to stop between two steps, instead of anywhere."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

import jax
from jax.experimental import multihost_utils


class Stopped(Exception):
    """The user has stopped the run at this step, and a checkpoint of it is left."""


@contextlib.contextmanager
def stop_requests() -> Iterator[Callable[[int], bool]]:
    """Turns the first SIGINT or SIGTERM into a request to stop between two steps; a second one stops at once.

    Yields a function of the step, whether to stop at it. Of several processes all are asked by a SIGTERM to one of
    them, and agree on the step (JAX's preemption notice); a SIGINT is passed on as that.
    """
    asked = []
    several = jax.process_count() > 1
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, *(() if several else (signal.SIGTERM,)))}

    def restore_handlers():
        for one, handler in before.items():
            signal.signal(one, handler)

    def ask(number, frame):
        asked.append(number)
        restore_handlers()
        if several:
            os.kill(os.getpid(), signal.SIGTERM)

    for one in before:
        signal.signal(one, ask)
    try:
        yield multihost_utils.reached_preemption_sync_point if several else lambda step: bool(asked)
    finally:
        restore_handlers()
