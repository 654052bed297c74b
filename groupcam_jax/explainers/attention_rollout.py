"""Attention rollout: how much of each token the tokens that are read have seen (Abnar and Zuidema, arXiv:2005.00928).

    A_l        attention of block l, [tokens, tokens], the mean over its heads
    R          product over the blocks of (A_l + I) / 2, the last one first: half of a token stays what it was
    saliency   the rows of R of the tokens that the logits read, their mean, on the grid, enlarged, rescaled to [0, 1]

The class plays no part. The logits of a vision transformer read its class token, or all tokens; where they ask by an
attention of their own (a probe, the MAP head), its weights take the place of the mean. Attention in windows is refused,
for no product of the blocks is defined there, and so is whatever else mixes tokens: heads side by side, loops.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.families.class_activation import show_heat
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.attention import Attention, find_attention
from groupcam_jax.program.cut import cut_program_at_image
from groupcam_jax.program.inline import Equation, equations_for, shape_of
from groupcam_jax.program.layers import operation
from groupcam_jax.program.output import trace_logits
from groupcam_jax.program.source import place_of
from groupcam_jax.types import Explainer, HasAux, Heat, Model, Params


def attention_rollout(model_apply: Model, params: Params, *, has_aux: HasAux = False) -> Explainer[HasAux, Aux]:
    """Builds the attention rollout of a transformer: one forward pass. The label changes nothing.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.

    Raises:
      ValueError: in the explainer: the model has no attention, or not between all tokens of one grid.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """

    def explain(image, label, key):
        del key  # deterministic
        program, attentions, unread = find_attention(trace_logits(model_apply, params, image[None]))
        check(attentions, unread)
        weights = [attention.weights for attention in attentions]
        run = program.function(equations_for(program.equations, weights), [program.images], weights)
        arrays = run(params, image[None])
        maps = [mean_of_heads(one, array) for one, array in zip(attentions, arrays, strict=True)]
        cut = cut_program_at_image(program, params, image)
        return show_heat(on_grid(attentions[0], roll(attentions, maps)), image), Aux(*cut.classify(label))

    return make_explainer(explain, has_aux=has_aux)


def check(attentions: list[Attention], unread: list[Equation]) -> None:
    """Raises ValueError where the product of the attentions is not defined, or not all of it."""
    other = "Explain by grad_cam(libragrad(model_apply), params), say"
    if unread:
        scope, eqn, _ = unread[0]
        raise ValueError(
            f"attention_rollout cannot follow {operation(eqn)} at {place_of(scope, eqn)}: "
            f"tokens are mixed there in another way than by softmax(scores) @ values, or beside that. {other}"
        )
    if not attentions:
        raise ValueError(f"attention_rollout is for transformers, and the model has no softmax over tokens. {other}")
    *inner, last = attentions
    sizes = {shape_of(one.weights)[axis] for one in inner for axis in (one.query, one.key) if axis is not None}
    sizes.add(shape_of(last.weights)[last.key])
    if len(sizes) > 1 or attentions[0].grid is None or any(one.query is None for one in inner):
        raise ValueError(
            "attention_rollout needs attention between all tokens of one grid in every block; here it is within "
            f"windows, or between {' and '.join(map(str, sorted(sizes)))} tokens. {other}"
        )


def mean_of_heads(attention: Attention, weights: Array) -> Float[Array, "queries keys"]:
    """The attention of one image, averaged over all other axes."""
    kept = [axis for axis in (attention.query, attention.key) if axis is not None]
    mean = weights.astype(jnp.float32).mean([axis for axis in range(weights.ndim) if axis not in kept])
    if attention.query is None:
        return mean[None]
    return mean if attention.query < attention.key else mean.T


def roll(attentions: list[Attention], maps: list[Float[Array, "_ _"]]) -> Float[Array, " tokens"]:
    """Follows what the logits read down through the blocks."""
    read = jnp.asarray(attentions[-1].read, jnp.float32)
    seen = read / read.sum()
    for matrix in reversed(maps):
        through = jnp.matmul(seen, matrix, precision=jax.lax.Precision.HIGHEST)
        seen = (through + seen) / 2 if matrix.shape[0] == matrix.shape[1] else through
    return seen


def on_grid(attention: Attention, seen: Float[Array, " tokens"]) -> Heat:
    """The tokens of the grid, without class tokens and registers."""
    assert attention.grid is not None
    shape = shape_of(attention.values)
    along = jnp.expand_dims(seen, [axis for axis in range(len(shape)) if axis != attention.tokens])
    places, _ = attention.grid.take(jnp.broadcast_to(along, shape))
    return places[0, :, :, 0]
