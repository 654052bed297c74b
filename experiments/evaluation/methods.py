"""The methods that experiments compare: those of the command line, and the controls."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evaluation import controls
from groupcam_jax.cli.methods import METHODS, fix_options

CONTROLS = {"centre": controls.centre, "random": controls.random, "random-pixels": controls.random_pixels}


def build_methods(
    names: Sequence[str], classifier: Any, options: Mapping[str, Any]
) -> dict[str, functools.partial[Any]]:
    """The builders of methods, with the options that come with a classifier and those of the run.

    Args:
      names: of METHODS and CONTROLS.
      classifier: see `pretrained.classifier`.
      options: for all methods that have them; None leaves what the method does by itself.

    Raises:
      ValueError: no such method.
    """
    for name in names:
        if name not in METHODS and name not in CONTROLS:
            raise ValueError(f"--methods: there is no {name!r}; there are {', '.join([*METHODS, *CONTROLS])}")
    attributes = ("layer", "tokens_to_grid", "data_format")
    defaults = {**options, **{name: getattr(classifier, name, None) for name in attributes}}
    known = fix_options([name for name in names if name in METHODS], {}, defaults)
    return {name: known[name] if name in known else functools.partial(CONTROLS[name]) for name in names}
