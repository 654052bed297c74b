"""Checkpoints by Orbax: the last two, each complete or not there at all."""

import os
from pathlib import Path

import jax
import orbax.checkpoint as ocp
import tensorstore

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
    folder = manager.directory / str(step)
    try:
        _read_one_by_one(folder / "default", len(leaves))
        return tree.unflatten(manager.restore(step, args=ocp.args.StandardRestore(leaves)))
    except (MemoryError, jax.errors.JaxRuntimeError):
        raise
    except Exception as error:  # TensorStore and Orbax raise anything for damaged files
        told = str(error).partition("\n")[0]
        raise ValueError(
            f"{folder} cannot be read ({type(error).__name__}: {told:.200}); "
            "if it is damaged, move it away, and the run goes on from the one before"
        ) from error


def _read_one_by_one(folder: os.PathLike[str], count: int) -> None:
    """Raises what is wrong with the first damaged array.

    Orbax reads all arrays at once and leaves at the first error, which the threads of the others do not survive: each
    prints a traceback.
    """
    store = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{folder}/"}}  # a URL would need escapes
    for number in range(count):
        tensorstore.open({"driver": "zarr", "kvstore": {**store, "path": f"{number}/"}}).result().read().result()
