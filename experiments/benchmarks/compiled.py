"""An explanation of a network with random weights, compiled: what is timed. The time does not depend on the weights."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pretrained.catalogue import IMAGENET

SIZE, LABEL = 224, 243  # of the images, and the class that is explained


class Compiled(NamedTuple):
    """A program that explains.

    Attributes:
      run: runs it and waits for the result.
      seconds: to trace and to compile it.
      buffers_mib: what it holds at most besides its arguments and results, as XLA planned them.
      flops: its operations, by the program for a CPU, where some need fewer; the body of a loop counts once.
      bytes_moved: from and to memory, by XLA's estimate of the compiled program; the body of a loop counts once.
    """

    run: Callable[[], jax.Array]
    seconds: dict[str, float]
    buffers_mib: float
    flops: float
    bytes_moved: float


def compile_explanation(network: str, build: Callable[..., Any], batch: Any) -> Compiled:
    """Compiles the explanation of a batch `[n, h, w, 3]`, with the weights as arguments.

    Args:
      network: a name of `pretrained.catalogue.IMAGENET`.
      build: a method with its options, without the model.
      batch: the images; one alone is explained without `vmap`.
    """
    module = IMAGENET[network].build()
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    labels = jnp.full((len(batch),), LABEL)

    def explain(params, batch, labels):
        def one(image, label):
            return build(module.apply, params)(image, label, key=jax.random.key(0))

        return jax.vmap(one)(batch, labels) if len(batch) > 1 else one(batch[0], labels[0])

    arguments = jax.tree.map(jax.typeof, (params, batch, labels))
    with jax.default_device(jax.devices("cpu")[0]):  # a GPU's compiler counts none
        traced_cost: Any = jax.jit(explain).lower(*arguments).cost_analysis()
    started = time.perf_counter()
    lowered = jax.jit(explain).lower(params, batch, labels)
    traced = time.perf_counter()
    compiled = lowered.compile()
    seconds = {"trace": traced - started, "compile": time.perf_counter() - traced}
    buffers: Any = compiled.memory_analysis()
    cost = compiled.cost_analysis() or {}
    return Compiled(
        lambda: compiled(params, batch, labels).block_until_ready(),
        seconds,
        buffers.temp_size_in_bytes / 2**20,
        traced_cost["flops"],
        cost.get("bytes accessed", 0.0),
    )
