"""Attribution methods: a share of the score for every pixel and channel, then reduced to a saliency.

The gradient is that of the model itself, or one with another backward rule for its ReLUs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import jax.numpy as jnp
from jax.tree_util import Partial

from groupcam_jax.families.contract import described
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.families.reductions import Reduction, largest_magnitude
from groupcam_jax.program.backward import BackwardRule, replace_relu_rule
from groupcam_jax.program.cut import cut_program_at_image
from groupcam_jax.program.flat import Program
from groupcam_jax.program.output import trace_logits
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Attribution, Explainer, HasAux, Image, Label, Logits, Model, Params, PRNGKey

Share = Callable[[Image, Attribution], Attribution]
A = TypeVar("A", bound=Any)


class AttributionAux(NamedTuple):
    """What attribution methods return besides the saliency with `has_aux=True`.

    Attributes:
      label: the class that is explained.
      logits: of all classes.
      attribution: the signed share of each pixel and channel, `[h, w, c]`.
      reduce: turns it into the saliency. SmoothGrad averages attributions before it reduces them.
    """

    label: Label
    logits: Logits
    attribution: Attribution
    reduce: Partial


@runtime_checkable
class AttributionMethod(Protocol):
    """The builder of an attribution method."""

    def __call__(
        self,
        model_apply: Model,
        params: Params,
        *,
        target: Target = logit,
        reduce: Reduction = ...,
        has_aux: HasAux = False,
    ) -> Explainer[HasAux, AttributionAux]:
        """Builds the explainer of a classifier: one forward and one backward pass.

        Args:
          model_apply: the classifier, see `Model`.
          params: its weights, any pytree; may be traced.
          target: the score that is differentiated, a function of the logits and the label.
          reduce: how the attribution `[h, w, c]` becomes a saliency: `largest_magnitude`, `total_magnitude` or
            `signed`, whose range is [-1, 1].
          has_aux: whether the explainer returns `(saliency, AttributionAux)`.

        Returns:
          `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.

        Raises:
          ValueError: in the explainer of a method with a backward rule of its own: the model has a smooth activation
            such as gelu or silu, a ReLU inside a loop or branch, or no ReLU.
          ValueError, TypeError: in the explainer, see `Explainer`.
        """
        ...


def attribution_method(reduce: Reduction) -> Callable[[Share], AttributionMethod]:
    """Turns a function `share(image, gradient) -> attribution` into an attribution method.

    All three are `[h, w, c]`, float32. `reduce` is how the attribution becomes a saliency by default.
    `inspect.unwrap(builder)` returns the function itself.
    """
    return lambda share: build_attribution(share, lambda program: program, share, reduce)


def backward_rule(rule: BackwardRule) -> AttributionMethod:
    """Turns a backward rule for the model's ReLUs into an attribution method; the model is not changed.

    Args:
      rule: `rule(passes, cotangent) -> cotangent`: maps where the ReLU passes gradients, and the cotangent of its
        output, to that of its input. `inspect.unwrap(builder)` returns it.
    """
    name = getattr(rule, "__name__", "this method")
    replace = functools.partial(replace_relu_rule, rule=rule, method=name)
    return build_attribution(rule, replace, lambda image, gradient: gradient, largest_magnitude)


def build_attribution(
    method: Callable[..., Any], replace: Callable[[Program], Program], share: Share, usual: Reduction
) -> AttributionMethod:
    """The builder of a method that differentiates a program once."""

    def build(model_apply, params, *, target=logit, reduce=usual, has_aux: HasAux = False):
        def attribute(image, label, key):
            del key  # deterministic
            program = replace(trace_logits(model_apply, params, image[None]))
            label, logits, gradient = cut_program_at_image(program, params, image).gradient(target, label)
            return AttributionAux(label, logits, share(image.astype(jnp.float32), gradient), Partial(reduce))

        return attributing_explainer(attribute, has_aux=has_aux)

    return cast(AttributionMethod, described(build, method, AttributionMethod, reduce=usual))


def attributing_explainer(
    attribute: Callable[[Image, int | Label | None, PRNGKey | None], A], *, has_aux: HasAux
) -> Explainer[HasAux, A]:
    """Turns a method `(image, label, key) -> aux` into an `Explainer`; aux has `attribution` and `reduce`."""

    def method(image, label, key):
        aux = attribute(image, label, key)
        return aux.reduce(aux.attribution), aux

    return make_explainer(method, has_aux=has_aux)
