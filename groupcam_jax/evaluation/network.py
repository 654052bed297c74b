"""What identifies a network in a run: its code, its weights, and what it may have read from files itself."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from groupcam_jax.evaluation.code import code_of
from groupcam_jax.evaluation.data.examples import digest
from groupcam_jax.evaluation.manifest import fingerprint
from groupcam_jax.program.flat import trace
from groupcam_jax.program.params import is_key
from groupcam_jax.types import Classifier


def known_by(model: str, classifier: Classifier) -> dict[str, str]:
    """What a run's manifest holds of a network: changed, it is another one.

    Args:
      model: its name, or `FILE.py:factory`.
      classifier: what that has made.
    """
    return {"code": code_of(model), "weights": fingerprint(classifier.params), "network": network_of(classifier)}


def network_of(classifier: Classifier) -> str:
    """Identifies numbers and texts in the params, the values that `apply` holds, and what `preprocess` does.

    It is the same in every process. Another version of JAX may write a function with other numbers; then it differs.
    """
    size, leaves = classifier.image_size, jax.tree_util.tree_leaves_with_path(classifier.params)
    kinds = (int, float, complex, str, bytes)
    told = [f"{jax.tree_util.keystr(path)} {leaf!r}" for path, leaf in leaves if isinstance(leaf, kinds)]
    picture = (np.arange(size * size * 3) * 7919 % 251).astype(np.uint8).reshape(size, size, 3)
    image = np.asarray(classifier.preprocess(picture), np.float64)
    shown = np.vdot(image, 1 + np.cos(np.arange(image.size)))  # each pixel counts, in its place
    program = trace(classifier.apply, classifier.params, jax.ShapeDtypeStruct((1, *image.shape), jnp.float32))
    held = [*program.constants.values(), *values_in([equation.eqn for equation in program.equations])]
    # Three decimals, because devices round differently; sorted, because a model may walk through a dictionary.
    return digest(sorted(told), f"{[*image.shape]} {shown:.3e}", sorted(map(hashed, held)))


def values_in(equations: Sequence[JaxprEqn]) -> Iterator[Any]:
    """The numbers and arrays that stand in equations, and in the functions that they call."""
    for eqn in equations:
        yield from (atom.val for atom in eqn.invars if isinstance(atom, Literal))
        for inner in jax.tree.leaves([*eqn.params.values()], is_leaf=lambda one: isinstance(one, ClosedJaxpr)):
            if isinstance(inner, ClosedJaxpr | Jaxpr):
                yield from getattr(inner, "consts", ())
                yield from values_in(inner.eqns)


def hashed(value: Any) -> str:
    """The hash of a number or an array, with its type."""
    array = np.asarray(jax.random.key_data(value) if hasattr(value, "dtype") and is_key(value) else value)
    return hashlib.sha256(f"{array.dtype}{[*array.shape]}".encode() + array.tobytes()).hexdigest()
