"""Maps a function over many inputs in batches: memory is bounded by the batch size, not by the number of inputs.

None as a batch's size leaves it to the device, JAX's default one. On an accelerator all inputs make one batch. In a
program for a CPU it is the largest divisor of their number from 6 to 11, so that no rest is compiled once more; without
one, 11, or all if there are fewer than 22. What a small batch computes stays in the caches: eighteen measurements were
0.93 to 2.1 times as fast as all at once, ten of them at least 1.1 times (2 cores of an AMD EPYC;
experiments/results/user_networks_without_ynnpack_cpu.json).

After every batch `progress`, if given, is called on the host (`jax.debug.callback`) with the number of inputs just done
and the total.
"""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from groupcam_jax.compiler import default_device
from groupcam_jax.loops import entries, is_staged, scan

Inputs = TypeVar("Inputs", bound=PyTree)
Outputs = TypeVar("Outputs", bound=PyTree)
Carry = TypeVar("Carry", bound=PyTree)
Progress: TypeAlias = Callable[[int, int], None] | None

SIZES_ON_CPU = range(6, 12)


def map_batched(
    function: Callable[[Inputs], Outputs], inputs: Inputs, batch: int | None, progress: Progress = None
) -> Outputs:
    """Maps a function over the first axis, `batch` entries at once, fewer in the last batch."""
    run = reporting(traced_once(function), entries(inputs), progress)
    return scan_batches(lambda _, part: (None, run(part)), None, inputs, batch)[1]


def sum_batched(
    function: Callable[[Inputs], Outputs], inputs: Inputs, batch: int | None, progress: Progress = None
) -> Outputs:
    """Sums a function's values over the first axis of its inputs; the values are never all held at once."""
    function = traced_once(function)
    run = reporting(function, entries(inputs), progress)

    def add(totals, part):
        return jax.tree.map(lambda total, values: total + values.sum(0), totals, run(part)), None

    return scan_batches(add, zeros_like_one(function, inputs), inputs, batch)[0]


def moments_batched(
    function: Callable[[Inputs], Outputs], inputs: Inputs, batch: int | None
) -> tuple[Outputs, Outputs]:
    """The mean and the variance of a function's values over the first axis of its inputs, never all held at once.

    Batches are merged as by Chan, Golub and LeVeque (1983): rounding loses no small variance, and equal values have 0.
    """
    function = traced_once(function)
    zeros = zeros_like_one(function, inputs)

    def add(carry, part):
        before, means, spreads = carry
        new = entries(part)
        share = new / (before + new)

        def center(values):
            return values[0] + (values - values[:1]).mean(0)

        def spread(mean, total, values):
            own = ((values - center(values)[None]) ** 2).sum(0)
            return total + own + before * share * (center(values) - mean) ** 2

        values = jax.vmap(function)(part)
        spreads = jax.tree.map(spread, means, spreads, values)
        means = jax.tree.map(lambda mean, values: mean + share * (center(values) - mean), means, values)
        return (before + new, means, spreads), None

    (count, means, spreads), _ = scan_batches(add, (jnp.float32(0), zeros, zeros), inputs, batch)
    return means, jax.tree.map(lambda total: total / count, spreads)


def scan_batches(
    step: Callable[[Carry, Inputs], tuple[Carry, Outputs]], carry: Carry, inputs: Inputs, batch: int | None
) -> tuple[Carry, Outputs]:
    """`jax.lax.scan` whose step takes a batch of inputs and returns the carry and a batch of outputs."""
    count = entries(inputs)
    size = min(count, batch_size(count) if batch is None else batch)
    whole = count // size * size
    stacked = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, size, *leaf.shape[1:]), inputs)
    carry, outputs = scan(step, carry, stacked)
    outputs = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), outputs)
    if whole == count:
        return carry, outputs
    carry, rest = step(carry, jax.tree.map(lambda leaf: leaf[whole:], inputs))
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), outputs, rest)


def batch_size(count: int) -> int:
    """How many of the inputs make a batch, where nobody says it."""
    if not is_staged() or default_device().platform != "cpu":
        return count
    divisors = [size for size in SIZES_ON_CPU if count % size == 0]
    return max(divisors, default=count if count < 2 * SIZES_ON_CPU[-1] else SIZES_ON_CPU[-1])


def zeros_like_one(function: Callable[[Inputs], Outputs], inputs: Inputs) -> Outputs:
    """Zeros of the type that the function's value of one input has, also inside a `shard_map`."""
    one = jax.eval_shape(function, jax.tree.map(lambda leaf: leaf[0], inputs))
    return jax.tree.map(lambda shape: jax.lax.full_like(shape, 0), one)


def traced_once(function: Callable[[Inputs], Outputs]) -> Callable[[Inputs], Outputs]:
    """In a program, a function that is traced at its first call alone: for its shape, a batch or the last one."""
    return jax.jit(function) if is_staged() else function


def reporting(function: Callable[[Inputs], Outputs], total: int, progress: Progress) -> Callable[[Inputs], Outputs]:
    """Maps a function over a batch; it then calls `progress` with the size of the batch and the total."""

    if progress is None:
        return jax.vmap(function)

    def run(part):
        outputs = jax.vmap(function)(part)
        done = entries(part)
        finished = jax.tree.leaves(outputs)[0].ravel()[0]  # so that the host is called once there is an output
        jax.debug.callback(lambda _: progress(done, total), finished)
        return outputs

    return run
