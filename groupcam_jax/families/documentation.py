"""What the docstrings of all builders say alike, written once: `{layer}` in a docstring stands for its line here."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Builder = TypeVar("Builder", bound=Callable[..., Any])

SHARED = {
    "model": """
  model_apply: `logits = model_apply(params, images)`, see `types.Model`.
  params: the model's weights, any pytree; may be traced.
""",
    "layer": """
  layer: where to cut the model: a scope name, an index of `list_layers`, `(features, head)`, a `Layer(...)`, or None
    for the last spatial activation that everything flows through.
""",
    "target": """
  target: the score that is differentiated, a function of the logits and the label.
""",
    "score": """
  score: the score that is taken of each image shown to the model, a function of the logits and the label.
""",
    "baseline": """
  baseline: the image without its evidence, `(image, key) -> image`, in the units of the normalised image.
""",
    "mask_batch": """
  mask_batch: images scored at once; None scores all, fewer need less memory.
""",
    "step_batch": """
  step_batch: points differentiated at once; None takes all, fewer need less memory.
""",
    "progress": """
  progress: called on the host after every batch, with the number of images just scored and of all to score.
""",
    "reduce": """
  reduce: how the attribution `[h, w, c]` becomes a saliency: `largest_magnitude`, `total_magnitude` or `signed`,
    whose range is [-1, 1].
""",
    "explain": """
  `explain(image, label=None, *, key=None)`, see `Explainer`: of one image `[h, w, c]` a saliency `[h, w]` in [0, 1],
  float32, all NaN for an image that is not finite or a traced label out of range.
""",
    "errors": """
  ValueError: in the explainer: no such layer or class, not one floating image `[h, w, c]`.
  TypeError: in the explainer: a key is needed and missing, or is no key.
""",
}


def documented(builder: Builder) -> Builder:
    """Fills in the lines of a builder's docstring that are shared."""
    text = inspect.getdoc(builder) or ""
    for name, lines in SHARED.items():
        text = text.replace(f"  {{{name}}}", lines.strip("\n"))
    builder.__doc__ = text
    return builder
