"""One run of a fine-tuning: trains, measures after each epoch, and can be stopped and resumed anywhere."""

import contextlib
import time
from collections.abc import Iterator

import jax
import numpy as np
from rich.console import Console

from groupcam_jax.bundled import bundled
from groupcam_jax.evaluation.manifest import claim
from groupcam_jax.progress_line import progress_line
from groupcam_jax.training.checkpoints import open_checkpoints, restore, save
from groupcam_jax.training.feed import Examples, evaluation_batches, steps_per_epoch, training_batches
from groupcam_jax.training.job import Job
from groupcam_jax.training.log import Epoch, described, epoch_of, read_log, write_events, write_log
from groupcam_jax.training.programs import compile_programs
from groupcam_jax.training.step import Outcome, State, params_of
from groupcam_jax.training.stopping import Stopped, stop_requests

WEIGHTS = "weights.safetensors"


def fine_tune(job: Job, console: Console, errors: Console) -> list[Epoch]:
    """Trains until the last epoch, from the last checkpoint on if there is one. Returns what was measured.

    After each epoch the folder has its weights (`weights.safetensors`) and all figures (`epochs.jsonl`).

    Raises:
      ValueError: the folder holds another run, the loss is not finite, or a label is no class.
      Stopped: after SIGINT or SIGTERM.
    """
    per_epoch, batch = steps_per_epoch(job.training), job.training.batch
    programs = compile_programs(
        job.classifier, job.network, job.optimizer, job.augment, batch=batch, steps_per_epoch=per_epoch
    )
    with (
        enter(job),
        open_checkpoints(job.folder / "checkpoints") as manager,
        # What is printed must not cut the bar in two: on a terminal both are of one console.
        progress_line(console if console.is_terminal else errors, "pictures", digits=2) as bar,
        stop_requests() as asked_to_stop,
    ):
        state, first = programs.start(job.seed), manager.latest_step() or 0
        if first:
            state = restore(manager, state)
        at, last = first, job.epochs * per_epoch
        if 0 < at < last:
            console.print(f"going on after step {at}, in epoch {at // per_epoch + 1}")
        log = read_log(job.folder / "epochs.jsonl", at // per_epoch)
        if len(log) > job.epochs:
            console.print(f"nothing is left to do: epoch {job.epochs} was the last; more --epochs go on from it")
        task = bar.add_task("", total=last * batch, completed=at * batch)
        told: set[str] = set()

        def tell(examples: Examples) -> Examples:
            for message in {*examples.broken} - told:
                bar.console.print(f"left out {message}", style="red", markup=False)
            told.update(examples.broken)
            return examples

        def keep() -> None:
            require_finite(outcome, at, manager.latest_step())
            save(manager, state, at)

        def stop() -> None:
            keep()
            raise Stopped(f"stopped after step {at}; the same command goes on from there")

        def held_out() -> Iterator[Examples]:
            for examples in evaluation_batches(job.validation):
                if asked_to_stop(at):
                    stop()
                yield tell(examples)

        feed = training_batches(job.training, range(at, last), job.seed, job.smallest)
        outcome, began, started = None, at, time.perf_counter()
        while True:
            if at % per_epoch == 0 and len(log) <= at // per_epoch:
                keep()
                seconds = time.perf_counter() - started
                bar.update(task, description="measuring")
                measured = programs.measure(state, held_out())
                if not np.isfinite(measured.loss):
                    manager.delete(at)
                    raise ValueError(diverged(at, manager.latest_step(), "on the pictures held out "))
                speed = (at - began) * batch / seconds if at > began else None
                log.append(epoch_of(job.rate, at // per_epoch, at, state.sums, measured, speed, len(told)))
                if jax.process_index() == 0:
                    publish(job, state, log)
                console.print(described(log[-1], job.epochs))
                began, started = at, time.perf_counter()
            if at >= last:
                return log
            if asked_to_stop(at):
                stop()
            try:
                examples = tell(next(feed))
            except (ValueError, OSError):  # of a label or a disk; what is learnt so far is not lost
                keep()
                raise
            previous = outcome
            state, outcome = programs.train(state, examples)
            at += 1
            require_finite(previous, at - 1, manager.latest_step())  # one step late, so that the device need not wait
            if previous is not None:
                bar.update(task, advance=batch, description=f"loss {float(previous.loss):.3f}")
            if job.every and at % job.every == 0:
                keep()


@contextlib.contextmanager
def enter(job: Job) -> Iterator[None]:
    """Holds the folder; process 0, which alone writes weights, removes the unfinished ones that a killed run left."""
    with claim(job.folder, job.manifest, jax.process_index()):
        if jax.process_index() == 0:
            for unfinished in job.folder.glob(f".{WEIGHTS}.*.part"):
                unfinished.unlink()
        yield


def require_finite(outcome: Outcome | None, step: int, kept: int | None) -> None:
    """Stops a run that has diverged, before anything of it is saved."""
    if outcome is not None and not bool(outcome.finite):
        raise ValueError(diverged(step, kept, "or its update "))


def diverged(step: int, kept: int | None, where: str) -> str:
    """What is told of it."""
    return (
        f"step {step}: the loss {where}is not finite. The checkpoint of step {kept or 0} is kept, and the weights of "
        "the last whole epoch; a smaller --rate may help, into another --output"
    )


def publish(job: Job, state: State, log: list[Epoch]) -> None:
    """Writes the weights and the log."""
    params = params_of(job.network, jax.device_get(state))
    bundled("fine_tuned").write_fine_tuned(job.folder / WEIGHTS, job.classifier._replace(params=params))
    write_log(job.folder / "epochs.jsonl", log)
    write_events(job.folder / "events", log[-1])
