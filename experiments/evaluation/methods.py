"""The methods that experiments compare: those of the command line, and the controls."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evaluation import controls
from groupcam_jax.cli.methods import METHODS, fix_options

CONTROLS = {"centre": controls.centre, "random": controls.random, "random-pixels": controls.random_pixels}


def build_methods(
    names: Sequence[str], classifier: Any, options: Mapping[str, Any], mask_batch: int
) -> dict[str, functools.partial[Any]]:
    """The builders of methods, with the options that come with a classifier and those asked for.

    Args:
      names: of METHODS and CONTROLS.
      classifier: see `pretrained.classifier`.
      options: not None for what was asked for; at least one of the methods has to have it.
      mask_batch: for all methods that have it.

    Raises:
      ValueError: no such method, or an option that none of them has.
    """
    for name in names:
        if name not in METHODS and name not in CONTROLS:
            raise ValueError(f"--methods: there is no {name!r}; there are {', '.join([*METHODS, *CONTROLS])}")
    attributes = ("layer", "tokens_to_grid", "data_format")
    defaults = {"mask_batch": mask_batch, **{name: getattr(classifier, name, None) for name in attributes}}
    known = fix_options([name for name in names if name in METHODS], options, defaults)
    return {name: known[name] if name in known else functools.partial(CONTROLS[name]) for name in names}
