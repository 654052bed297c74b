"""Maps that explain nothing, as controls: a method that does not beat them has shown nothing."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from groupcam_jax.checks import require_key
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.types import Explainer, HasAux, Image, Model, Params, PRNGKey, Saliency

GRID = 7  # cells along a side, as in the last layer of the usual networks at 224 x 224


def centre(model_apply: Model, params: Params, *, has_aux: HasAux = False) -> Explainer[HasAux, Aux]:
    """Builds an explainer that always points to the middle: 1 there, falling to 0 in the corners."""

    def draw(image, key):
        del key  # deterministic
        y, x = (jnp.abs(jnp.linspace(-1.0, 1.0, length, dtype=jnp.float32)) for length in image.shape[:2])
        return 1 - jnp.hypot(*jnp.meshgrid(y, x, indexing="ij")) / 2**0.5

    return control(model_apply, params, draw, has_aux)


def random(model_apply: Model, params: Params, *, has_aux: HasAux = False) -> Explainer[HasAux, Aux]:
    """Builds an explainer of random maps as coarse as class activation maps: 7 x 7 cells, enlarged bilinearly."""

    def draw(image, key):
        cells = jax.random.uniform(require_key(key, "random"), (GRID, GRID), jnp.float32)
        return jax.image.resize(cells, image.shape[:2], "bilinear")

    return control(model_apply, params, draw, has_aux)


def random_pixels(model_apply: Model, params: Params, *, has_aux: HasAux = False) -> Explainer[HasAux, Aux]:
    """Builds an explainer of random maps with independent pixels."""

    def draw(image, key):
        return jax.random.uniform(require_key(key, "random_pixels"), image.shape[:2], jnp.float32)

    return control(model_apply, params, draw, has_aux)


def control(
    model_apply: Model, params: Params, draw: Callable[[Image, PRNGKey | None], Saliency], has_aux: HasAux
) -> Explainer[HasAux, Aux]:
    """An explainer that draws a map without looking at the network."""

    def explain(image, label, key):
        return draw(image, key), Aux(*cut_at_image(model_apply, params, image).classify(label))

    return make_explainer(explain, has_aux=has_aux)
