"""LibraGrad: a model with the same values and better gradients (Mehri et al., CVPR 2025, arXiv:2411.16760).

In a transformer the input times the gradient is far from the output: softmax, normalisation, gelu and gates are not
linear. Here each has the derivative of the linear function that it is for this image, see `program.balance`. It costs
no further pass, and every method that differentiates gains by it.
"""

import jax

from groupcam_jax.program.balance import run_balanced
from groupcam_jax.program.output import trace_logits
from groupcam_jax.types import Model


def libragrad(model_apply: Model) -> Model:
    """Balances the derivatives of a model.

        explain = grad_cam(libragrad(model.apply), params)

    Args:
      model_apply: `logits = model_apply(params, images)`.

    Returns:
      The model, whose logits are the same. Without biases they are the sum of the image times their gradient in it.

    Raises:
      ValueError: when it is called, an operation without a rule, such as a loop; the message names it.
    """

    def apply(params, images):
        program = trace_logits(model_apply, params, images)
        logits = run_balanced(program, params, images)
        return jax.nn.sigmoid(logits) if program.independent else logits

    return apply
