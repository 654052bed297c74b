"""Separates the arrays of a parameter tree from its other leaves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from groupcam_jax.types import Params

Leaf: TypeAlias = Any  # an array or a stand-in for one, such as `jax.ShapeDtypeStruct`


def partition(params: Params) -> tuple[list[Leaf], Callable[[Sequence[Leaf]], Params]]:
    """Returns the arrays of a tree, and a function that puts others in their place.

    Other leaves stay in the tree as they are, such as the functions, flags and sizes in Equinox modules: a model may
    branch on them, or shape its activations by them.
    """
    leaves, treedef = jax.tree.flatten(params)
    traced = [hasattr(leaf, "dtype") for leaf in leaves]

    def rebuild(arrays: Sequence[Leaf]) -> Params:
        remaining = iter(arrays)
        return treedef.unflatten(
            next(remaining) if is_traced else leaf for leaf, is_traced in zip(leaves, traced, strict=True)
        )

    return [leaf for leaf, is_traced in zip(leaves, traced, strict=True) if is_traced], rebuild


def by_name(params: Params) -> tuple[dict[str, Leaf], Callable[[Mapping[str, Leaf]], Params]]:
    """As `partition`, with a name for each array; random keys stay in the tree, since no file holds them."""
    arrays, rebuild = partition(params)
    names = array_names(params)
    held = {name: leaf for name, leaf in zip(names, arrays, strict=True) if is_key(leaf)}
    named = {name: leaf for name, leaf in zip(names, arrays, strict=True) if name not in held}
    return named, lambda others: rebuild([{**others, **held}[name] for name in names])


def array_names(params: Params) -> list[str]:
    """The path of each array of a tree, such as "params/conv1/kernel"."""
    paths = jax.tree_util.tree_leaves_with_path(params)
    return [jax.tree_util.keystr(path, simple=True, separator="/") for path, leaf in paths if hasattr(leaf, "dtype")]


def is_key(leaf: Leaf) -> bool:
    """Whether an array holds random keys."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
