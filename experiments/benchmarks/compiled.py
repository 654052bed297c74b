"""An explanation of a network with random weights, compiled: what is timed. The time does not depend on the weights."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pretrained.catalogue import IMAGENET

SIZE, LABEL = 224, 243  # of the images, and the class that is explained


class Compiled(NamedTuple):
    """A function that explains and waits for the result, the seconds to trace and to compile it, and XLA's buffers.

    The buffers are what the compiled program holds at most besides its arguments and results, as XLA planned them.
    """

    run: Callable[[], jax.Array]
    seconds: dict[str, float]
    buffers_mib: float


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

    started = time.perf_counter()
    lowered = jax.jit(explain).lower(params, batch, labels)
    traced = time.perf_counter()
    compiled = lowered.compile()
    seconds = {"trace": traced - started, "compile": time.perf_counter() - traced}
    buffers: Any = compiled.memory_analysis()
    return Compiled(
        lambda: compiled(params, batch, labels).block_until_ready(), seconds, buffers.temp_size_in_bytes / 2**20
    )
