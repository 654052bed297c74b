"""Loops and branches that are JAX's own in a program and Python's outside of one.

Outside of a program `jax.lax.scan` and `jax.lax.switch` would be compiled again at every call.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

Carry = TypeVar("Carry", bound=PyTree)
Inputs = TypeVar("Inputs", bound=PyTree)
Outputs = TypeVar("Outputs", bound=PyTree)


def is_staged() -> bool:
    """Whether JAX is tracing now (in `jax.jit`, the body of a loop, ...)."""
    return isinstance(jnp.zeros(()), jax.core.Tracer)


def scan(step: Callable[[Carry, Inputs], tuple[Carry, Outputs]], carry: Carry, inputs: Inputs) -> tuple[Carry, Outputs]:
    """`jax.lax.scan`, without a loop for a single step."""
    if is_staged() and entries(inputs) > 1:
        return jax.lax.scan(step, carry, inputs)
    outputs = []
    for number in range(entries(inputs)):
        carry, output = step(carry, jax.tree.map(lambda leaf, number=number: leaf[number], inputs))
        outputs.append(output)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)


def switch(index: Int[Array, ""], branches: Sequence[Callable[..., Outputs]], *inputs: Any) -> Outputs:
    """`jax.lax.switch`."""
    return jax.lax.switch(index, branches, *inputs) if is_staged() else branches[int(index)](*inputs)


def entries(inputs: PyTree) -> int:
    """The length of the first axis, which all leaves share."""
    return jax.tree.leaves(inputs)[0].shape[0]
