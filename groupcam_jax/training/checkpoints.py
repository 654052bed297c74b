"""Checkpoints by Orbax: the last two, each complete or not there at all."""

import contextlib
import io
import time
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from groupcam_jax.training.step import State


def open_checkpoints(folder: Path) -> ocp.CheckpointManager:
    """Opens a folder of checkpoints."""
    # Written at once: a step gives the arrays of the state away, which on CPU a writer in the background still reads.
    options = ocp.CheckpointManagerOptions(
        max_to_keep=2, cleanup_tmp_directories=True, enable_async_checkpointing=False
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def save(manager: ocp.CheckpointManager, state: State, step: int) -> None:
    """Writes the state, unless that step is there already."""
    if manager.latest_step() != step:
        manager.save(step, args=ocp.args.StandardSave(jax.tree.leaves(state)))


def restore(manager: ocp.CheckpointManager, like: State) -> State:
    """Reads the last checkpoint, in the shapes and on the devices of another state.

    Raises:
      ValueError: it is damaged.
    """
    (leaves, tree), step = jax.tree.flatten(like), manager.latest_step()
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return tree.unflatten(manager.restore(step, args=ocp.args.StandardRestore(leaves)))
        except (MemoryError, jax.errors.JaxRuntimeError):
            raise
        except Exception as error:  # Orbax raises anything for damaged files, and tells a page of each
            time.sleep(1)  # until the threads that read the other arrays have printed their tracebacks
            told = str(error).partition("\n")[0]
            raise ValueError(
                f"{manager.directory / str(step)} cannot be read ({type(error).__name__}: {told:.200}); "
                "if it is damaged, move it away, and the run goes on from the one before"
            ) from error
