"""Errors say what was expected, what came, and what to do."""

import jax.numpy as jnp
import pytest
from table import IMAGES, KEYS, build, every_method


@every_method
@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (IMAGES, 3, r"explain takes one image \[h, w, c\], got \[3, 12, 12, 3\]; for a batch use jax.vmap"),
        (jnp.zeros((12, 12)), 3, r"explain takes one image \[h, w, c\], got \[12, 12\]"),
        (jnp.zeros((12, 12, 3), jnp.uint8), 3, "the image must be floating.*got uint8"),
        (IMAGES[0], 5, "label=5 but the model has 5 classes; choose 0 <= label < 5"),
        (IMAGES[0], -1, "label=-1 but the model has 5 classes"),
        (IMAGES[0], 1.5, "label must be one class index, got float32"),
    ],
)
def test_bad_input_says_what_to_do(name, image, label, message):
    with pytest.raises(ValueError, match=message):
        build(name)(image, label, key=KEYS[0])
