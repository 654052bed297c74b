"""What is measured per picture and how it is summarised: one study per table or figure."""

import importlib
from typing import Any

from groupcam_jax.evaluation.study import Experiment

EXPERIMENTS = (
    "insertion-deletion",
    "ablation",
    "pointing-game",
    "localization",
    "sanity-check",
    "class-discrimination",
    "measures",
)


def find_experiment(name: str) -> Experiment:
    """The experiment with this name, which alone is imported."""
    module: Any = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return module.EXPERIMENT
