"""Trains all arms of a task from several seeds.

python -m experiments.fine_tuning leeds --seeds 5 --output DIR        (or cub20, or scenes)
"""

from pathlib import Path
from typing import Annotated

import typer

from experiments.fine_tuning.arms import ARMS
from experiments.fine_tuning.report import write_figures
from experiments.fine_tuning.tasks import open_task
from experiments.fine_tuning.train import train_all
from groupcam_jax.evaluation.manifest import claim


def main(
    task: Annotated[str, typer.Argument(help="leeds, cub20 or scenes.")],
    output: Annotated[Path, typer.Option(help="Folder for the results; a run that was stopped goes on there.")],
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each arm.")] = 5,
    arms: Annotated[str, typer.Option(help="Separated by commas.")] = ",".join(ARMS),
    mask_batch: Annotated[int | None, typer.Option(min=1, help="Masks at once; fewer need less memory.")] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate; the task has its own.")] = None,
) -> None:
    """Train all arms of a task from several seeds."""
    learnt = open_task(task)
    if rate is not None:
        learnt = learnt._replace(rate=rate)
    chosen = [arm for arm in arms.split(",") if arm != "true mask" or learnt.outlined]
    with claim(output, {"task": task, "rate": learnt.rate, "mask_batch": mask_batch}):
        train_all(learnt, chosen, range(seeds), mask_batch, output)
        write_figures(output, learnt)


if __name__ == "__main__":
    typer.run(main)
