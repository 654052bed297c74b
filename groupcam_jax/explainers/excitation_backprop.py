"""Excitation backpropagation: who wins the vote, passed down from winner to winner (Zhang et al., arXiv:1608.00507).

    P(A)          the probability that a winner-take-all walk from the class passes through A: from a unit to those
                  below it with odds proportional to their activation times the positive part of the weight
    contrastive   relu(P(A) - the same walk from a dual unit of the class, whose weights change their signs)
    saliency      the sum of P(A_k) over the channels of the layer, enlarged, rescaled to [0, 1]

The contrastive form (c-MWP) distinguishes classes; the plain form hardly does. Biases are ignored. Constant factors
after a convolution, such as the scale of a batch norm, count as part of its weights, folded or not. Negative values of
the layer itself count as 0, so choose a layer after a ReLU. The paper uses middle layers; the default is the last,
which is coarser.

Below a residual sum we differ from TorchRay. We follow the paper's definition of a neuron: relu(sum of w_j a_j + x) has
the inputs a_j and x, with the weights w_j and 1. TorchRay treats the sum as a layer of its own, over the positive parts
of the two branches, and the weights of the branches as another layer.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from groupcam_jax.families.class_activation import show_heat
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.program.excitation import excite, winning
from groupcam_jax.program.excitation_rules import unweighted
from groupcam_jax.program.flat import trace
from groupcam_jax.program.inline import Equation
from groupcam_jax.program.relus import no_rule
from groupcam_jax.program.split import split_as_written
from groupcam_jax.targets import class_logits, resolve_label
from groupcam_jax.types import Explainer, HasAux, LayerLike, Model, Params


def excitation_backprop(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    contrastive: bool = True,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the excitation backpropagation explainer of a classifier: one forward pass, and one or two backward.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      contrastive: whether to subtract what excites the opposite of the class (c-MWP).
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if nothing excites the class.

    Raises:
      ValueError: in the explainer: an operation above the layer that has no rule, such as gelu or silu.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """

    def explain(image, label, key):
        del key  # deterministic
        cut = cut_at(model_apply, params, image, layer)
        written = split_as_written(cut.program, layer)

        def head(params, grid):
            return jax.vmap(class_logits)(written.head(params, grid, cut.skips))

        above = trace(head, params, cut.value[None])
        logits = above(params, cut.value[None])[0]
        label = resolve_label(label, logits)
        activation = jax.nn.relu(cut.value[None])

        def won(*, negate_last):
            """The probability that the walk passes through each place."""

            def votes_for(activation):
                start = unweighted(activation)
                excited = excite(above, params, activation, start, winning, refusal, negate_last=negate_last)
                return excited.positive[0]

            votes, pull_back = jax.vjp(votes_for, activation)
            here = jnp.arange(logits.shape[0]) == label
            (gradient,) = pull_back(jnp.where(here & (votes > 0), 1 / jnp.where(votes > 0, votes, 1), 0))
            return (activation * gradient)[0].astype(jnp.float32).sum(2)

        heat = won(negate_last=False)
        if contrastive:
            heat -= won(negate_last=True)
        return show_heat(heat, image), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)


def refusal(equation: Equation) -> str:
    """Says which operation has no rule."""
    return no_rule("excitation_backprop", equation) + "; or choose a layer above it"
