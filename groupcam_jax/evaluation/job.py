"""What a run is to do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from groupcam_jax.evaluation.data import Dataset, Example
from groupcam_jax.evaluation.study import Experiment, Study


class Job(NamedTuple):
    """What to run, and in which process.

    Attributes:
      experiment: what is measured.
      study: the network and the methods.
      dataset: the pictures; only the first `limit` of them, if that is not None.
      transform: brings the pictures to one size.
      manifest: what distinguishes this run from others.
      options: other settings, written beside the table.
      folder: where the results go.
      process: which of `processes` this is.
    """

    experiment: Experiment
    study: Study
    dataset: Dataset
    transform: Callable[[Example], Example]
    limit: int | None
    manifest: Mapping[str, object]
    options: Mapping[str, object]
    folder: Path
    process: int
    processes: int

    @property
    def pictures(self) -> int:
        """How many pictures are measured."""
        return min(len(self.dataset), self.limit or len(self.dataset))
