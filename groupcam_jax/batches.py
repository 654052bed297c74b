"""Maps a function over many inputs in batches: memory is bounded by the batch size, not by the number of inputs.

Under tracing the batches run in a `jax.lax.scan`. Outside of it they run in a Python loop, because a scan would be
compiled again at every call.

After every batch `progress`, if given, is called on the host (`jax.debug.callback`) with the number of inputs just done
and the total.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

Inputs = TypeVar("Inputs", bound=PyTree)
Outputs = TypeVar("Outputs", bound=PyTree)
Carry = TypeVar("Carry", bound=PyTree)
Progress: TypeAlias = Callable[[int, int], None] | None


def map_batched(
    function: Callable[[Inputs], Outputs], inputs: Inputs, batch: int | None, progress: Progress = None
) -> Outputs:
    """Maps a function over the first axis, `batch` entries at once, fewer in the last batch; None takes all."""
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

    one = jax.eval_shape(function, jax.tree.map(lambda leaf: leaf[0], inputs))
    zeros = jax.tree.map(lambda shape: jax.lax.full_like(shape, 0), one)  # of its type, also inside a `shard_map`
    return scan_batches(add, zeros, inputs, batch)[0]


def moments_batched(
    function: Callable[[Inputs], Outputs], inputs: Inputs, batch: int | None
) -> tuple[Outputs, Outputs]:
    """The mean and the variance of a function's values over the first axis of its inputs, never all held at once.

    Batches are merged as by Chan, Golub and LeVeque (1983): rounding loses no small variance, and equal values have 0.
    """
    function = traced_once(function)
    one = jax.eval_shape(function, jax.tree.map(lambda leaf: leaf[0], inputs))
    zeros = jax.tree.map(lambda shape: jax.lax.full_like(shape, 0), one)

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
    if batch is None or batch >= count:
        return step(carry, inputs)
    outputs, whole = [], 0
    if is_staged():
        whole = count // batch * batch
        batches = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, batch, *leaf.shape[1:]), inputs)
        carry, stacked = jax.lax.scan(step, carry, batches)
        outputs.append(jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), stacked))
    for start in range(whole, count, batch):
        carry, part = step(carry, jax.tree.map(lambda leaf, at=start: leaf[at : at + batch], inputs))
        outputs.append(part)
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), *outputs)


def is_staged() -> bool:
    """Whether JAX is tracing now (in `jax.jit`, the body of a loop, ...)."""
    return isinstance(jnp.zeros(()), jax.core.Tracer)


def call_one(index: Int[Array, ""], branches: Sequence[Callable[..., Outputs]], *inputs: Any) -> Outputs:
    """`jax.lax.switch`; outside of a program a Python call, because a switch would be compiled again every time."""
    return jax.lax.switch(index, branches, *inputs) if is_staged() else branches[int(index)](*inputs)


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


def entries(inputs: PyTree) -> int:
    """The length of the first axis, which all leaves share."""
    return jax.tree.leaves(inputs)[0].shape[0]
