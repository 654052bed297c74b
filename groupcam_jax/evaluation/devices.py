"""Spreads pictures over devices and processes with JAX alone.

Within a process a batch is split over the local devices (`jax.shard_map`). Each runs the single-device program, calls
to the host included. Processes share only the results folder: process p of P takes every P-th batch. A process that
dies does not stop the others. The next run takes up its share.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from groupcam_jax.compiler import compiler_options


def connect(coordinator: str | None, processes: int, process: int) -> None:
    """Makes this process one of several; call it before JAX is first used. Does nothing for a single process.

    Args:
      coordinator: host and port of process 0.
      processes: how many there are.
      process: which of them this is. When one dies, the others do too.

    Raises:
      ValueError: a process number out of range, or no coordinator.
    """
    if not 0 <= process < processes:
        raise ValueError(f"--process {process} of --processes {processes}: processes count from 0")
    if processes == 1:
        return
    if coordinator is None:
        raise ValueError("--processes needs --coordinator HOST:PORT, an address of process 0 that all of them reach")
    jax.distributed.initialize(coordinator, processes, process)


def meet(coordinator: str | None, processes: int, process: int) -> None:
    """Waits until all processes have begun; from then on each is alone. See `connect`."""
    connect(coordinator, processes, process)
    if processes > 1:
        jax.distributed.shutdown()


def spread(function: Callable[[Any, Any], Any], size: int) -> Callable[[Any, Any], Any]:
    """Compiles a function of the weights and one picture for a batch, split over the local devices.

    Args:
      function: `(arrays, item) -> outputs`, any pytrees.
      size: pictures per batch; the program is compiled for it, and the last batch is padded with copies.

    Returns:
      `(arrays, items) -> outputs` in NumPy; items and outputs have the pictures on their first axis.
    """
    devices = jax.local_devices()
    size = -(-size // len(devices)) * len(devices)
    pictures = P("pictures")
    program = jax.jit(
        jax.shard_map(
            jax.vmap(function, in_axes=(None, 0)),
            mesh=Mesh(np.array(devices), "pictures"),
            in_specs=(P(), pictures),
            out_specs=pictures,
        ),
        compiler_options=compiler_options(),
    )

    def run(arrays: Any, items: Any) -> Any:
        count = len(jax.tree.leaves(items)[0])
        filled = jax.tree.map(lambda leaf: np.concatenate([leaf, np.repeat(leaf[-1:], size - count, axis=0)]), items)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], program(arrays, filled))

    return run
