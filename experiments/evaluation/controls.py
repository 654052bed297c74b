"""Maps that explain nothing, for controls: what does not beat them has measured nothing."""

from typing import Any

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import Aux, make_explainer, require_key
from groupcam_jax.program.flat import trace
from groupcam_jax.targets import resolve_label
from groupcam_jax.types import Explainer, Model, Params

GRID = 7  # cells along a side, as in the last layer of the usual networks at 224 x 224


def centre(model_apply: Model, params: Params, *, has_aux: bool = False) -> Explainer:
    """Builds the explainer of those who always look at the middle: 1 there, falling to 0 in the corners."""

    def draw(image, key):
        del key  # deterministic
        y, x = (jnp.abs(jnp.linspace(-1.0, 1.0, length)) for length in image.shape[:2])
        return 1 - jnp.hypot(*jnp.meshgrid(y, x, indexing="ij")) / 2**0.5

    return control(model_apply, params, draw, has_aux)


def random(model_apply: Model, params: Params, *, has_aux: bool = False) -> Explainer:
    """Builds the explainer that guesses as coarsely as a class activation map: 7 x 7 cells, enlarged bilinearly."""

    def draw(image, key):
        cells = jax.random.uniform(require_key(key, "random"), (GRID, GRID))
        return jax.image.resize(cells, image.shape[:2], "bilinear")

    return control(model_apply, params, draw, has_aux)


def random_pixels(model_apply: Model, params: Params, *, has_aux: bool = False) -> Explainer:
    """Builds the explainer that guesses every pixel by itself."""

    def draw(image, key):
        return jax.random.uniform(require_key(key, "random_pixels"), image.shape[:2])

    return control(model_apply, params, draw, has_aux)


def control(model_apply: Model, params: Params, draw: Any, has_aux: bool) -> Explainer:
    """The explainer that draws a map without looking at the network."""

    def explain(image, label, key):
        logits = trace(model_apply, params, image[None])(params, image[None])[0]
        return draw(image, key), Aux(resolve_label(label, logits), logits)

    return make_explainer(explain, has_aux=has_aux)
