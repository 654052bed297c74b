"""Deconvolution: only what excites, whichever units fire (Zeiler and Fergus, arXiv:1311.2901).

    backward of relu   c -> c where c > 0, else 0
    attribution        the backward pass of the class score with that rule
    saliency           its largest magnitude over the channels, rescaled to [0, 1]

The rule is applied to every ReLU of the traced model; the model itself is not changed. Max-pooling passes gradients
back to its maximum, as usual.
"""

from __future__ import annotations

import jax

from groupcam_jax.families.attribution import backward_rule
from groupcam_jax.program.backward import Passes, Values


@backward_rule
def deconvolution(passes: Passes, cotangent: Values) -> Values:
    """Deconvolution: a ReLU passes back positive gradients, active or not."""
    del passes
    return jax.nn.relu(cotangent)
