"""Separates the arrays of a parameter tree from its other leaves."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax

from groupcam_jax.types import Params

Leaf: TypeAlias = Any  # an array or a stand-in for one, such as `jax.ShapeDtypeStruct`


def partition(params: Params) -> tuple[list[Leaf], Callable[[Sequence[Leaf]], Params]]:
    """Returns the arrays of a tree, and a function that puts others in their place.

    Leaves that JAX cannot trace stay in the tree, such as the activation functions in Equinox modules.
    """
    leaves, treedef = jax.tree.flatten(params)
    traced = [hasattr(leaf, "dtype") or isinstance(leaf, bool | int | float | complex) for leaf in leaves]

    def rebuild(arrays: Sequence[Leaf]) -> Params:
        remaining = iter(arrays)
        return treedef.unflatten(
            next(remaining) if is_traced else leaf for leaf, is_traced in zip(leaves, traced, strict=True)
        )

    return [leaf for leaf, is_traced in zip(leaves, traced, strict=True) if is_traced], rebuild
