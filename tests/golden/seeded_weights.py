"""Seeded weights for a torchvision-layout state dict, the same in every framework (NumPy only).

`seeded_state_dict(shapes)` maps parameter names (as in torchvision's `state_dict()`) to float32 arrays. Each array
depends only on its own name and shape, so a torch model and a JAX model filled from it hold identical weights.
"""

import zlib

import numpy as np


def seeded_array(name, shape):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.rsplit(".", 1)[-1]
    noise = rng.standard_normal(shape)
    if kind == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if kind == "running_mean":
        return (0.1 * noise).astype(np.float32)
    if kind == "running_var":
        return (1.0 + 0.5 * rng.random(shape)).astype(np.float32)
    if len(shape) == 4:  # convolution, OIHW: He-normal
        return (noise * np.sqrt(2.0 / np.prod(shape[1:]))).astype(np.float32)
    if len(shape) == 2:  # linear, OI
        return (noise * np.sqrt(2.0 / shape[1])).astype(np.float32)
    if kind == "weight":  # batch-norm scale; the residual branch's last one is kept small
        return ((0.5 if "bn3" in name else 1.0) + 0.1 * noise).astype(np.float32)
    return (0.1 * noise).astype(np.float32)  # every bias


def seeded_state_dict(shapes):
    """shapes: {name: shape tuple} -> {name: array}."""
    return {name: seeded_array(name, tuple(shape)) for name, shape in shapes.items()}
