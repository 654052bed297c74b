"""LRP: the logit is handed down from neuron to neuron, to each in proportion to what it added (Bach et al., 2015).

    R_j        relevance of neuron j; of the class its logit, of others 0
    t_ij       a_i w_ij, the term of input i in the sum of neuron j
    R_i        sum over j of R_j times the share of t_ij, by the rule of the layer:
               epsilon   t / (z_j + epsilon sign z_j), z_j the sum of all terms and the bias
               gamma     (t + gamma t+) / (z_j + gamma z_j+), t+ positive terms, z+ their sum and a positive bias
               z-plus    t+ / (sum of t+)
    attribution  R of the pixels' values
    saliency   the sum of its magnitudes over the channels, rescaled to [0, 1]

doi:10.1371/journal.pone.0130140; the rules and composites are those of Montavon et al. (2019),
doi:10.1007/978-3-030-28954-6_10; z-plus and its form for pixels in a box is arXiv:1512.02479. Relevance is conserved:
without biases and with epsilon 0 the attribution sums to the logit, and under z-plus in any case where some term is
positive. Without biases, epsilon 0 is input x gradient.

A layer is what lies between two neurons. Batch norm and pooling by a mean belong to the layer of their convolution, and
the two branches of a residual sum are terms of one neuron. Of a maximum the largest takes all. Published code applies
its rules module by module: with gamma and z-plus a batch norm that is not folded, or a residual sum, differs. Captum's
gamma and z-plus clip weights, not terms, which is not what they are for where inputs are negative, as pixels are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from groupcam_jax.families.attribution import AttributionAux, attributing_explainer
from groupcam_jax.families.reductions import Reduction, total_magnitude
from groupcam_jax.program.cut import cut_program_at_image
from groupcam_jax.program.excitation import excite
from groupcam_jax.program.excitation_rules import Excitation, Values, from_both_signs
from groupcam_jax.program.inline import Equation
from groupcam_jax.program.output import trace_logits
from groupcam_jax.program.relevance import Rule, epsilon, gamma, sharing
from groupcam_jax.program.relus import no_rule
from groupcam_jax.stages.perturb import Baseline, hide
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, Logits, Model, Params, Scalar


def lrp(
    model_apply: Model,
    params: Params,
    *,
    dense: Rule = epsilon(1e-6),
    convolution: Rule = gamma(0.25),
    box: tuple[Baseline, Baseline] | None = None,
    target: Target = logit,
    reduce: Reduction = total_magnitude,
    has_aux: HasAux = False,
) -> Explainer[HasAux, AttributionAux]:
    """Builds the layer-wise relevance propagation of a classifier: about five forward passes, and four backward.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      dense: the rule of layers whose neurons lie on no grid: `epsilon(...)`, `gamma(...)`, `z_plus`, or a function.
      convolution: the rule of all other layers.
      box: the lowest and the highest image, such as `(darkest, brightest)`: the first layer has the rule of pixels
        between them, for images that lie there. None treats it as the others.
      target: the score that is shared out, a function of the logits and the label that is linear in the logits, such as
        `logit`, `contrast(other)` or `finer()`.
      reduce: how the attribution becomes a saliency: `largest_magnitude`, `total_magnitude`, `signed` (in [-1, 1]).
      has_aux: whether the explainer returns `(saliency, AttributionAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.

    Raises:
      TypeError: a box that is not a pair, what is no rule.
      ValueError: in the explainer: an operation that has no rule, such as gelu, silu or a gate; a target that does not
        double where the logits do, such as a probability; an image outside of the box, of which a traced one has a map
        of NaN.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    if box is not None and not (isinstance(box, tuple) and len(box) == 2):
        raise TypeError(f"box={box!r:.80}: expected the lowest and the highest image, such as (darkest, brightest)")
    for name, rule in {"dense": dense, "convolution": convolution}.items():
        try:
            inspect.signature(rule).bind("positive", "negative", "bias")
        except TypeError:
            raise TypeError(
                f"{name}={rule!r:.80}: expected a rule (positive, negative, bias) -> sum, such as epsilon(1e-6), "
                "gamma(0.25) or z_plus"
            ) from None
    neuron = sharing(dense, convolution, boxed=box is not None)

    def attribute(image, label, key):
        program = trace_logits(model_apply, params, image[None])
        cut = cut_program_at_image(program, params, image)
        label, logits = cut.classify(label)
        for one in (0, 1):  # a contrast to one of them is nothing
            check_doubles(cut.bind(target, one), len(logits))
        start = from_both_signs(image[None])
        if box is not None:
            low, high = (hide(bound, image, key)[None] for bound in box)
            start = in_box(image[None], low, high)

        def score(positive, negative):
            excitation = Excitation(positive, negative)
            handed = excite(program, params, image[None], excitation, neuron, refusal)
            return cut.bind(target, label)((handed.positive - handed.negative)[0])

        above, below = jax.grad(score, argnums=(0, 1))(start.positive, start.negative)
        relevance = start.positive * above + start.negative * below
        return AttributionAux(label, logits, relevance[0].astype(jnp.float32), Partial(reduce))

    return attributing_explainer(attribute, has_aux=has_aux)


def check_doubles(score: Callable[[Logits], Scalar], classes: int) -> None:
    """Raises ValueError for a score that does not double with the logits z, as far as it is known while tracing.

    What lrp shares out is the sum of z_j dy/dz_j. It is the score y if y is homogeneous (Euler).
    """
    with jax.ensure_compile_time_eval():
        logits = jnp.sin(jnp.arange(classes).astype(jnp.float32))
        expected, doubled = 2 * score(logits), score(2 * logits)
    known = not isinstance(doubled, jax.core.Tracer)
    if known and not np.allclose(doubled, expected, rtol=1e-3, atol=1e-6, equal_nan=True):
        raise ValueError(
            "lrp shares out a score that is linear in the logits, and this target, a probability or the like, is not; "
            "choose logit, contrast(other) or finer()"
        )


def in_box(images: Values, low: Values, high: Values) -> Excitation:
    """How far pixels lie above the lowest and below the highest images; NaN where they do not lie between them.

    A thousandth of the range is left to bounds that were rounded.

    Raises:
      ValueError: known pixels that do not lie between them.
    """
    slack = (high - low) / jnp.asarray(1000, low.dtype)
    outside = ((images < low - slack) | (images > high + slack)).any()
    if not isinstance(outside, jax.core.Tracer) and outside:
        raise ValueError(
            f"the image, of pixels from {images.min():.4g} to {images.max():.4g}, does not lie in the box from "
            f"{low.min():.4g} to {high.max():.4g}; give the lowest and the highest image, normalised as it is"
        )
    nan = jnp.asarray(jnp.nan, images.dtype)
    return Excitation(jnp.where(outside, nan, images - low), jnp.where(outside, nan, high - images))


def refusal(equation: Equation) -> str:
    """Says which operation has no rule."""
    return no_rule("lrp", equation)
