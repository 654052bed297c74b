"""Refined: any map, moved up the gradient of insertion and deletion (ours; these are of RISE, arXiv:1806.07421).

    z0         the map of the inner method on a grid of `cells` on the shorter side, of mean 0 and deviation 1
    q, b       a share of the pixels and a substrate; both change from step to step
    S          z smoothed along both axes by (1, 2, 1) / 4
    U          S enlarged to the image, by cubic interpolation
    t          the (1 - q) quantile of S                                           no gradient
    m          sigmoid((U - t) / (softness std S))                                 the q most salient pixels, softly
    J          p_c(m x + (1 - m) b) - p_c((1 - m) x + m b) - price TV(S)           TV: mean step between neighbours
               in the first steps x and b are features of an early layer of theirs, and p_c is what lies above it
    price      smoothness min(1, |p_c(x)| / 0.1)
    z          z + r (dJ/dz / rms dJ/dz + pull (z0 - z))                           r falls from step_size to 0
    saliency   the values of the inner map, in the order of U

A map can be made to score well on one substrate and mean nothing: from a flat start, with the blurred image alone, it
is confetti. Three things keep it true: a start that means something, several substrates, and a price of variation. Of a
class that the picture hardly has, the curves change by little: at the full price its map would be the smoothest one,
whatever the model. The pull back to the start is decoupled from the gradient, as AdamW's decay of weights is
(arXiv:1711.05101). Early features of a blend are nearly the blend of their features: the first steps need not run what
lies below, where much of a network's time goes; the others correct what that misses. The curves tell which pixels come
first, and nothing of values: these stay those of the inner method. `experiments.refined` measures by what no step saw.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from groupcam_jax.checks import check_count, check_positive, check_saliency
from groupcam_jax.explainers.group_cam import group_cam
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.program.early import split_early
from groupcam_jax.stages.blends import blend_features, blend_pixels
from groupcam_jax.stages.climb import climb, make_plan
from groupcam_jax.stages.grid import enlarged, grid_sides, smooth, unit_power
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.stages.order import reordered
from groupcam_jax.stages.perturb import Baseline, constant, gaussian_blur, noise
from groupcam_jax.targets import Target, class_logits, probability, resolve_label
from groupcam_jax.types import Explainer, HasAux, Label, LayerLike, Logits, Model, Params, Saliency

PROBABLE = 0.1  # of the score of the whole picture, from which on variation has its full price
SUBSTRATES = (gaussian_blur(kernel_size=51, sigma=50.0), constant(0.0), noise(0.5))


class RefinedAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: the map that was refined, `[h, w]`."""

    label: Label
    logits: Logits
    start: Saliency


def refined(
    model_apply: Model,
    params: Params,
    *,
    method: Callable[..., Explainer[Any, Any]] = group_cam,
    layer: LayerLike = None,
    feature_steps: int = 24,
    steps: int = 14,
    substrates: Sequence[Baseline] = SUBSTRATES,
    cells: int = 56,
    softness: float = 0.15,
    smoothness: float = 1.0,
    step_size: float = 0.5,
    pull: float = 0.3,
    score: Target = probability,
    has_aux: HasAux = False,
) -> Explainer[HasAux, RefinedAux]:
    """Builds the explainer that refines another's map: that method, and two forward and two backward passes a step.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      method: the builder of the inner method, called as `method(model_apply, params)`, with `layer` if there is one.
      layer: of the inner method; None leaves it its own.
      feature_steps: how often the map is moved by blends of features, at the model's last early layer with at least a
        place for each cell, see `split_early`; by blends of pixels, if there is none, which takes longer. A random
        substrate is drawn once for all of these steps.
      steps: how often it is moved by blends of pixels after that.
      substrates: what takes the place of pixels, each in its turn, `(image, key) -> image`.
      cells: of the grid on the shorter side of the image; no more than it has pixels.
      softness: of the border of what is shown, in standard deviations of the map.
      smoothness: how much a map that varies costs, in units of the score; in proportion less of a class whose score of
        the whole picture is below 0.1.
      step_size: of the first step, in standard deviations of the map.
      pull: the share of the way back to the start that a step of size 1 takes; 0 gives wilder maps, of higher score.
      score: the score that is followed, a function of the logits and the label.
      has_aux: whether the explainer returns `(saliency, RefinedAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32, all 0 if the map
      of the inner method is flat. The key draws the substrates and is passed to the inner method; without one
      `jax.random.key(0)` draws, so that the map is always the same.

    Raises:
      ValueError: cells below 2, no substrates or fewer steps than substrates, softness or step_size not positive,
        smoothness negative, pull not from 0 to 1 / step_size.
      TypeError: in the explainer: the inner method returns more than a map.
      ValueError, TypeError: in the explainer, as in the inner method, and see `Explainer`.
    """
    check_count("steps", steps)
    check_count("feature_steps", feature_steps, least=0)
    check_count("cells", cells)
    if cells == 1:
        raise ValueError("cells=1: expected at least 2, one cell alone has no order")
    if not isinstance(substrates, Sequence):
        raise TypeError(f"substrates={substrates!r:.80}: expected several, such as [constant(0.0), noise(0.5)]")
    if not 1 <= len(substrates) <= feature_steps + steps:
        raise ValueError(
            f"{len(substrates)} substrates in feature_steps={feature_steps} and steps={steps}: expected at least one, "
            "and a step for each"
        )
    for name, value in {"softness": softness, "step_size": step_size}.items():
        check_positive(name, value, " of standard deviations of the map")
    if not 0 <= smoothness < math.inf:
        raise ValueError(f"smoothness={smoothness}: expected at least 0, in units of the score")
    if not 0 <= pull * step_size <= 1:
        raise ValueError(f"pull={pull}: expected 0 to 1 / step_size={1 / step_size}, more would step past the start")
    inner = method(model_apply, params) if layer is None else method(model_apply, params, layer=layer)

    def explain(image, label, key):
        method_key, draw_key = jax.random.split(jax.random.key(0) if key is None else key)
        cut = cut_at_image(model_apply, params, image)
        logits = cut.logits
        label = resolve_label(label, logits)
        start = inner(image, label, key=method_key)
        if isinstance(start, tuple):
            raise TypeError("method gives a tuple: expected explainers that return a map alone, without has_aux=True")
        check_saliency(image, start)
        start = start.astype(jnp.float32)
        price = smoothness * jnp.minimum(1, jnp.abs(cut.bind(score, label)(logits)) / PROBABLE)
        sides = grid_sides(image.shape, cells)
        first = jax.image.resize(start, sides, "linear")
        z = first = unit_power(first - first.mean())
        plan = make_plan(feature_steps + steps, len(substrates), step_size, draw_key)
        in_pixels = blend_pixels(cut, image, substrates, score, label)
        blends = [(in_pixels, slice(None))]
        if feature_steps and (parts := split_early(cut.program, sides)):
            in_features = blend_features(cut, parts, image, substrates, plan.key, score, label)
            blends = [(in_features, slice(feature_steps)), (in_pixels, slice(feature_steps, None))]
        for blend, part in blends:
            planned = jax.tree.map(operator.itemgetter(part), plan)
            z = climb(z, planned, blend, softness=softness, price=price, pull=pull, home=first)
        saliency = reordered(unit_range(start), enlarged(smooth(z), image.shape))
        saliency = jnp.where(start.max() == start.min(), 0, saliency)
        return saliency, RefinedAux(label, class_logits(logits), start)

    return make_explainer(explain, has_aux=has_aux)
