"""Checkpoints by Orbax: the last two, each complete or not there at all."""

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
    """Reads the last checkpoint, in the shapes and on the devices of another state."""
    leaves, tree = jax.tree.flatten(like)
    return tree.unflatten(manager.restore(manager.latest_step(), args=ocp.args.StandardRestore(leaves)))
