"""A function mapped over many inputs, so many at a time: memory is bounded by the batch, not by the count.

With `progress`, a function of the number of inputs just done and of all, the host hears of every batch
(`jax.debug.callback`).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import check_count

Progress = Callable[[int, int], Any] | None


def map_batched(function: Callable[[Any], Any], inputs: Any, batch: int | None, progress: Progress = None) -> Any:
    """Maps a function over the first axis, `batch` entries at once, the last ones fewer; None takes all at once."""
    run = reporting(function, entries(inputs), progress)
    return scan_batches(lambda _, part: (None, run(part)), None, inputs, batch)[1]


def sum_batched(function: Callable[[Any], Any], inputs: Any, batch: int | None, progress: Progress = None) -> Any:
    """The sum of a function's values over the first axis of its inputs; the values are never held all at once."""
    function = jax.jit(function)  # or it were traced three times: for its shape, in whole batches, in the rest
    run = reporting(function, entries(inputs), progress)

    def add(totals, part):
        return jax.tree.map(lambda total, values: total + values.sum(0), totals, run(part)), None

    one = jax.eval_shape(function, jax.tree.map(lambda leaf: leaf[0], inputs))
    zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), one)
    return scan_batches(add, zeros, inputs, batch)[0]


def scan_batches(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any, batch: int | None) -> Any:
    """`jax.lax.scan` whose step takes a batch of inputs and returns the carry and a batch of outputs."""
    count = entries(inputs)
    if batch is None or batch >= count:
        return step(carry, inputs)
    whole = count // batch * batch
    batches = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, batch, *leaf.shape[1:]), inputs)
    carry, outputs = jax.lax.scan(step, carry, batches)
    outputs = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), outputs)
    if whole == count:
        return carry, outputs
    carry, last = step(carry, jax.tree.map(lambda leaf: leaf[whole:], inputs))
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), outputs, last)


def reporting(function: Callable[[Any], Any], total: int, progress: Progress) -> Callable[[Any], Any]:
    """The function of a whole batch, which then calls `progress` with the size of the batch and the total."""

    if progress is None:
        return jax.vmap(function)

    def run(part):
        outputs = jax.vmap(function)(part)
        done = entries(part)
        finished = jax.tree.leaves(outputs)[0].ravel()[0]  # so that the host is called when there is an output
        jax.debug.callback(lambda _: progress(done, total), finished)
        return outputs

    return run


def entries(inputs: Any) -> int:
    """The length of the first axis, which all leaves share."""
    return jax.tree.leaves(inputs)[0].shape[0]


def check_batch(name: str, batch: int | None) -> None:
    """Raises ValueError or TypeError unless a batch is None or an integer of at least 1."""
    if batch is not None:
        check_count(name, batch, ", or None for all at once")
