"""The arrays of a tree of parameters, and what else it holds."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax

from groupcam_jax.types import Params

Leaf: TypeAlias = Any  # an array, or what stands for one, such as `jax.ShapeDtypeStruct`


def partition(params: Params) -> tuple[list[Leaf], Callable[[Sequence[Leaf]], Params]]:
    """Takes the arrays out of a tree; the function returned puts others in their place.

    What is left behind are leaves that JAX cannot trace, such as the activation functions in Equinox modules.
    """
    leaves, treedef = jax.tree.flatten(params)
    traced = [hasattr(leaf, "dtype") or isinstance(leaf, bool | int | float | complex) for leaf in leaves]

    def rebuild(arrays: Sequence[Leaf]) -> Params:
        remaining = iter(arrays)
        return treedef.unflatten(
            next(remaining) if is_traced else leaf for leaf, is_traced in zip(leaves, traced, strict=True)
        )

    return [leaf for leaf, is_traced in zip(leaves, traced, strict=True) if is_traced], rebuild
