"""What the methods of class activation share: an activation, its gradient, and a heat map made of the two."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.explainer import Aux, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.channels import score_gradient
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.targets import Target
from groupcam_jax.types import Explainer, Model, Params

Heat = Callable[[Any, Any], Float[Array, "u v"]]


def explain_by_heat(
    heat: Heat,
    model_apply: Model,
    params: Params,
    *,
    layer: Layer,
    tokens_to_grid: tuple[int, int] | None,
    data_format: str,
    target: Target,
    has_aux: bool,
) -> Explainer:
    """Builds the explainer that enlarges `heat(activation, gradient)`, both float32 `[u, v, k]`, and rescales it."""

    def explain(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        label, logits, gradient = score_gradient(head, params, activation, skips, target, label)
        warm = heat(activation[0].astype(jnp.float32), gradient.astype(jnp.float32))
        return unit_range(upsample(warm, image.shape[:2])), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
