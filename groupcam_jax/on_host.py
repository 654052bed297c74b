"""Parts of a method that NumPy computes on the host, in the middle of a compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir


def on_host(part: str, function: Callable[..., np.ndarray], result: Any, *arrays: Any) -> jax.Array:
    """Computes on the host, under `jit` and `vmap`.

    Args:
      part: what is computed, for the message where that is impossible.
      function: of NumPy arrays.
      result: of the shape and dtype of what the function returns.
      *arrays: its arguments.

    Raises:
      NotImplementedError: while the program is exported: no other process has the function.
    """
    first, *rest = arrays
    return jax.pure_callback(function, result, here_p.bind(first, part=part), *rest, vmap_method="sequential")


def lower(context: Any, operand: Any, *, part: str) -> list[Any]:
    """Leaves the operand as it is, unless the program is to run elsewhere."""
    if context.module_context.lowering_parameters.for_export:
        raise NotImplementedError(
            f"{part} runs in Python on the host, which an exported program does not have: export another method, "
            "or explain in this process"
        )
    return [operand]


here_p = Primitive("runs_here")  # the identity; JAX would name a callback of nobody's
here_p.def_impl(lambda operand, *, part: operand)
here_p.def_abstract_eval(lambda operand, *, part: operand)
batching.defvectorized(here_p)
ad.deflinear2(here_p, lambda cotangent, operand, *, part: [cotangent])
mlir.register_lowering(here_p, lower)
