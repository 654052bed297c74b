"""What to write when a model returns something else than logits `[n, classes]`."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

MODEL = "lambda params, images: model_apply(params, images)"


def how_called(images: Sequence[int]) -> str:
    """What to add to an error that a model raises, called with images of this shape."""
    return (
        f"The model was called as model_apply(params, images) with images {[*images]}, which are [n, h, w, c] of an "
        "image [h, w, c]. If it takes them otherwise, wrap it: "
        "`lambda params, images: model_apply(params, images.transpose(0, 3, 1, 2))` for channels first, "
        "`lambda params, images: model(images)` for a model that holds its weights."
    )


def no_logits(output: Any, images: Sequence[int]) -> str:
    """Says what came instead of logits, and how to make logits of it.

    Args:
      output: what the model returns, as shapes.
      images: the shape of the images.
    """
    came = jax.tree.map(lambda leaf: f"{leaf.dtype}{[*leaf.shape]}", output)
    return (
        f"the model must return logits [{images[0]}, classes] for images {[*images]}, got "
        f"{str(came).replace(chr(39), '')}; {advice(output, images[0])}"
    )


def advice(output: Any, batch: int) -> str:
    """How to make logits of this output."""
    if not hasattr(output, "shape"):
        found = next(((path, leaf) for path, leaf in parts(output) if is_logits(leaf, batch)), None)
        if found is not None:
            return f"take the logits out: `{MODEL}{found[0]}`"
        return "wrap the model in a function that returns the array of its logits"
    if not jnp.issubdtype(output.dtype, jnp.floating):
        return "return the scores of the classes, not the class itself"
    if output.ndim == 4:
        return (
            "these are maps, as of segmentation: say what to explain, for example the mean over a region, "
            f"`{MODEL}[:, top:bottom, left:right].mean((1, 2))`"
        )
    if output.ndim == 3:
        return f"these are features of tokens or boxes: put a head on them, or say which to explain, `{MODEL}[:, 0]`"
    if output.ndim == 2 and output.shape[1] == batch:
        return f"put the images first: `{MODEL}.T`"
    if output.ndim < 3:
        return (
            "if the model takes one image, `lambda params, images: "
            "jax.vmap(lambda image: model_apply(params, image))(images)`"
        )
    return "wrap the model in a function that returns the scores of the classes"


def is_logits(leaf: Any, batch: int) -> bool:
    """Whether an array could be logits."""
    return leaf.ndim == 2 and leaf.shape[0] == batch and bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def parts(output: Any) -> Iterator[tuple[str, Any]]:
    """The arrays of an output and how Python reaches them, those called logits first."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(output)
    named = [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves]
    yield from sorted(named, key=lambda pair: "logits" not in pair[0])
