"""Measuring on noisy machines: contenders take turns, and what is compared is their ratio within one run."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp


def alternate(contenders: Mapping[str, Callable[[], Any]], runs: int) -> dict[str, list[float]]:
    """Seconds of each contender's runs, in turns (A B A B ...) after one warm-up; each must wait for its own result."""
    turn(contenders)
    turns = [turn(contenders) for _ in range(runs)]
    return {name: [seconds[name] for seconds in turns] for name in contenders}


def alternate_within(
    contenders: Mapping[str, Callable[[], Any]], budget: float, most: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Seconds of the warm-up, and of as many turns as the budget of seconds has room for, at most `most`.

    Contenders that the budget has no room for again have their warm-up for their only run: they must be compiled.
    """
    first = turn(contenders)
    affordable = min(most, int(budget / sum(first.values())))
    turns = [turn(contenders) for _ in range(affordable)] or [first]
    return first, {name: [seconds[name] for seconds in turns] for name in contenders}


def median_within(run: Callable[[], Any], budget: float, most: int) -> float:
    """The median seconds of a function alone: after a warm-up, what the budget has room for, at most `most` runs."""
    _, seconds = alternate_within({"alone": run}, budget, most)
    return statistics.median(seconds["alone"])


def turn(contenders: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of one run of each contender, one after the other."""
    seconds = {}
    for name, run in contenders.items():
        started = time.perf_counter()
        run()
        seconds[name] = time.perf_counter() - started
    return seconds


def ratio(slower: list[float], faster: list[float]) -> float:
    """How many times as fast: the median of the ratios of runs made in the same turn."""
    return statistics.median(s / f for s, f in zip(slower, faster, strict=True))


def matrix_product_rate() -> float:
    """The rate of a large float32 matrix product, in operations a second: the machine's practical ceiling."""
    size = 2048
    matrix = jnp.ones((size, size))
    product = jax.jit(lambda a: jnp.dot(a, a, precision=jax.lax.Precision.HIGHEST))
    seconds = alternate({"product": lambda: product(matrix).block_until_ready()}, 5)["product"]
    return 2 * size**3 / min(seconds)


def peak_memory_of(arguments: list[str]) -> float:
    """The peak resident memory in MiB of a Python command in a process of its own."""
    code = (
        "import resource, subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    output = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True).stdout
    return float(output.split()[-1])
