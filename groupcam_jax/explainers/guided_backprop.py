"""Guided backpropagation: only what excites, through units that fire (Springenberg et al., arXiv:1412.6806).

    backward of relu   c -> c where x > 0 and c > 0, else 0
    attribution        the backward pass of the class score with that rule
    saliency           its largest magnitude over the channels, rescaled to [0, 1]

The rule is applied to every ReLU of the traced model; the model itself is not changed. The method fails the sanity
check of Adebayo et al. (arXiv:1810.03292): it shows edges more than reasons.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from groupcam_jax.families.attribution import backward_rule
from groupcam_jax.program.backward import Passes, Values


@backward_rule
def guided_backprop(passes: Passes, cotangent: Values) -> Values:
    """Guided backpropagation: an active ReLU passes back positive gradients, others nothing."""
    return jnp.where(passes, jax.nn.relu(cotangent), 0)
