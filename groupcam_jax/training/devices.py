"""Where training runs: the state on all devices of all processes, each batch split over them."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import PyTree


def shardings(batch: int) -> tuple[NamedSharding, NamedSharding]:
    """Of what every device holds, and of what is split over all of them along the first axis.

    Raises:
      ValueError: they cannot share a batch of this size.
    """
    devices = jax.devices()
    if batch % len(devices):
        raise ValueError(f"--batch {batch}: expected a multiple of the {len(devices)} devices")
    mesh = Mesh(np.array(devices), "pictures")
    return NamedSharding(mesh, P()), NamedSharding(mesh, P("pictures"))


def put(mine: PyTree, sharding: NamedSharding) -> Any:
    """The arrays on the devices, of the part of them that this process has."""
    return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(sharding, np.asarray(leaf)), mine)
