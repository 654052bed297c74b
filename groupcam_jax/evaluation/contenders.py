"""The methods that experiments compare: those of the command line, and the controls."""

import functools
from collections.abc import Mapping, Sequence

from groupcam_jax.evaluation import controls
from groupcam_jax.evaluation.code import version_of
from groupcam_jax.evaluation.data.examples import digest
from groupcam_jax.methods import METHODS, fix_options
from groupcam_jax.spelled import spelled
from groupcam_jax.types import Classifier, Explainer

CONTROLS = {"centre": controls.centre, "random": controls.random, "random-pixels": controls.random_pixels}


def build_methods(
    names: Sequence[str], classifier: Classifier, options: Mapping[str, object]
) -> dict[str, functools.partial[Explainer]]:
    """The builders of methods, with the options of the classifier and of the run.

    Args:
      names: keys of METHODS and CONTROLS.
      classifier: see `groupcam_jax.types`.
      options: for all methods that have them; None keeps the method's default.

    Raises:
      ValueError: no such method.
    """
    for name in names:
        if name not in METHODS and name not in CONTROLS:
            raise ValueError(f"--methods: there is no {name!r}; there are {', '.join([*METHODS, *CONTROLS])}")
    known = fix_options([name for name in names if name in METHODS], {}, {**options, "layer": classifier.layer})
    return {name: known[name] if name in known else functools.partial(CONTROLS[name]) for name in names}


def method_version(experiment: str, name: str) -> str:
    """The version of a method and of the metrics that an experiment applies to it.

    Args:
      experiment: the module of the experiment.
      name: of the rows, which begins with that of the method; the version of an unknown method is empty.
    """
    method = {**METHODS, **CONTROLS}.get(name.partition(", ")[0])
    if method is None:
        return ""
    options = getattr(method, "keywords", {})
    settings = {option: spelled(value) for option, value in options.items()}
    return digest(version_of(experiment, getattr(method, "func", method).__module__), settings)
