"""The methods by the names that the command line knows them under."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from groupcam_jax.explainers.grad_cam import grad_cam
from groupcam_jax.explainers.group_cam import group_cam

METHODS = {
    "group-cam": group_cam,
    "group-cam-released": functools.partial(group_cam, percentile=None, positive_gain=True, merge_rescaled=False),
    "grad-cam": grad_cam,
}


def find_method(name: str, options: Mapping[str, Any]) -> Any:
    """Finds the builder of a method and fixes the options that were given (those not None).

    Raises:
      ValueError: no such method, or an option that it does not have.
    """
    if name not in METHODS:
        raise ValueError(f"--method {name}: there is none of this name; there are {', '.join(METHODS)}")
    known = inspect.signature(METHODS[name]).parameters
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in known:
            raise ValueError(f"--{option.replace('_', '-')} is no option of --method {name}")
    return functools.partial(METHODS[name], **given)
