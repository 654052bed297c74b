"""The methods by the names that the command line knows them under."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import groupcam_jax as g

METHODS = {
    "group-cam": g.group_cam,
    "group-cam-released": functools.partial(g.group_cam, percentile=None, positive_gain=True, merge_rescaled=False),
    "cam": g.cam,
    "grad-cam": g.grad_cam,
    "grad-cam-pp": g.grad_cam_pp,
    "grad-cam-elementwise": g.grad_cam_elementwise,
    "hires-cam": g.hires_cam,
    "xgrad-cam": g.xgrad_cam,
    "layer-cam": g.layer_cam,
    "eigen-cam": g.eigen_cam,
    "eigen-grad-cam": g.eigen_grad_cam,
    "smooth-grad-cam-pp": g.smooth_grad_cam_pp,
    "integrated-grad-cam": g.integrated_grad_cam,
    "ablation-cam": g.ablation_cam,
    "score-cam": g.score_cam,
    "score-cam-fast": functools.partial(g.score_cam, channels=64),
    "rise": g.rise,
    "occlusion": g.occlusion,
    "gradient": g.gradient,
    "input-x-gradient": g.input_x_gradient,
    "smooth-grad": functools.partial(g.smooth_grad, sample_batch=5),
    "integrated-gradients": functools.partial(g.integrated_gradients, step_batch=5),
    "guided-backprop": g.guided_backprop,
    "deconvolution": g.deconvolution,
    "guided-grad-cam": g.guided_grad_cam,
    "excitation-backprop": functools.partial(g.excitation_backprop, contrastive=False),
    "excitation-backprop-contrastive": g.excitation_backprop,
    "xrai": functools.partial(g.xrai, step_batch=5),
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
