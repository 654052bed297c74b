"""A torch state dict as Flax variables, and back.

The Flax scopes are torch's names with `_` before the digits, so one rule, `_torch_name`, serves both ways:

    params/layer1_0/downsample_0/kernel [h, w, i, o]    layer1.0.downsample.0.weight [o, i, h, w]
    params/fc/kernel [i, o]                             fc.weight [o, i]
    params/layer4_2/bn3/scale, bias                     layer4.2.bn3.weight, bias
    batch_stats/layer4_2/bn3/mean, var                  layer4.2.bn3.running_mean, running_var
    (nothing)                                           layer4.2.bn3.num_batches_tracked
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

_LEAVES = {
    ("params", "kernel"): "weight",
    ("params", "scale"): "weight",
    ("params", "bias"): "bias",
    ("batch_stats", "mean"): "running_mean",
    ("batch_stats", "var"): "running_var",
}


def to_flax(state_dict: Mapping[str, np.ndarray], template: Mapping[str, Any]) -> dict[str, Any]:
    """Arranges a torch state dict as the variables of a Flax module.

    Args:
      state_dict: torch name -> array, from `read_state_dict`.
      template: the module's variables or their shapes, from `jax.eval_shape(module.init, key, image)`.

    Returns:
      `{"params": ..., "batch_stats": ...}` like the template, in its dtypes, as arrays on the default device.

    Raises:
      ValueError: names are missing, unexpected, of the wrong shape or no floating-point numbers (the message lists the
        first of each), weights that are not finite, negative variances, or a variable that torch has no name for.
    """
    shapes = torch_shapes(template)
    counters = {_counter_name(name) for name in shapes if name.endswith("running_mean")}
    given = {name: list(array.shape) for name, array in state_dict.items() if name not in counters}
    both = [name for name in shapes if name in given]
    problems = [
        *_first([f"missing: {name} {shape}" for name, shape in shapes.items() if name not in given]),
        *_first([f"unexpected: {name} {shape}" for name, shape in given.items() if name not in shapes]),
        *_first(
            [
                f"wrong shape: {name} {given[name]}, expected {shapes[name]}"
                for name in both
                if given[name] != shapes[name]
            ]
        ),
        *_first(
            [
                f"wrong type: {name} is {state_dict[name].dtype}, expected floating-point numbers"
                for name in both
                if not jnp.issubdtype(state_dict[name].dtype, jnp.floating)
            ]
        ),
    ]
    if problems:
        raise ValueError("the state dict is not of this model:\n  " + "\n  ".join(problems))
    flat: Any = flatten_dict(template)
    variables = {}
    for path, leaf in flat.items():
        array = state_dict[_torch_name(path)]
        array = np.moveaxis(array, (0, 1), (-1, -2)) if path[-1] == "kernel" else array
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and told below
            variables[path] = np.asarray(array, leaf.dtype)
    broken = [
        f"{_torch_name(path)} has {count} of {array.size}"
        for path, array in variables.items()
        if (count := int((~np.isfinite(array) | ((array < 0) & (path[-1] == "var"))).sum()))
    ]
    if broken:
        raise ValueError("weights are NaN or infinite, or a variance negative:\n  " + "\n  ".join(_first(broken)))
    return unflatten_dict(jax.device_put(variables))


def torch_shapes(template: Mapping[str, Any]) -> dict[str, list[int]]:
    """The names of a module's variables in torch, and their shapes there.

    Raises:
      ValueError: a variable that torch has no name for.
    """
    flat: Any = flatten_dict(template)
    return {_torch_name(path): _torch_shape(path, leaf.shape) for path, leaf in flat.items()}


def _first(lines: list[str]) -> list[str]:
    """The first five, and how many more."""
    return [*lines[:5], *([f"... and {len(lines) - 5} more"] if lines[5:] else [])]


def to_torch(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arranges Flax variables as a torch state dict; the inverse of `to_flax`.

    Args:
      variables: `{"params": ..., "batch_stats": ...}` of a module of `resnet.py` or `vgg.py`.

    Returns:
      Torch name -> array. Each batch norm gets a `num_batches_tracked` of 0, so that torch's
      `load_state_dict(strict=True)` takes it.

    Raises:
      ValueError: a variable that torch has no name for.
    """
    flat: Any = flatten_dict(variables)
    state_dict = {}
    for path, leaf in flat.items():
        name, array = _torch_name(path), np.asarray(leaf)
        state_dict[name] = np.moveaxis(array, (-1, -2), (0, 1)) if path[-1] == "kernel" else array
        if path[-1] == "mean":
            state_dict[_counter_name(name)] = np.zeros((), np.int64)
    return state_dict


def _torch_name(path: tuple[str, ...]) -> str:
    """Names a variable as torch does: `("params", "layer1_0", "conv1", "kernel")` is `layer1.0.conv1.weight`."""
    collection, *scopes, leaf = path
    if (collection, leaf) not in _LEAVES:
        known = ", ".join(f"{collection}/.../{leaf}" for collection, leaf in _LEAVES)
        raise ValueError(f"{'/'.join(path)}: torch has no name for it; known are {known}")
    dotted = (re.sub(r"_(?=\d+(_\d+)*$)", ".", scope) for scope in scopes)
    return ".".join([*dotted, _LEAVES[collection, leaf]])


def _torch_shape(path: tuple[str, ...], shape: Sequence[int]) -> list[int]:
    return [shape[-1], shape[-2], *shape[:-2]] if path[-1] == "kernel" else list(shape)


def _counter_name(running_mean: str) -> str:
    return running_mean.removesuffix("running_mean") + "num_batches_tracked"
