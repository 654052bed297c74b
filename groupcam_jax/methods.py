"""The methods by their names on the command line."""

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence

import groupcam_jax as g
from groupcam_jax.types import Explainer

METHODS = {
    "group-cam": g.group_cam,
    "group-cam-released": g.released_group_cam,
    "refined": g.refined,
    "refined-fast": functools.partial(g.refined, method=g.grad_cam, feature_steps=8, steps=3, pull=0.1),
    "refined-far": functools.partial(g.refined, method=g.grad_cam, feature_steps=36, steps=16, pull=0.05),
    "cam": g.cam,
    "grad-cam": g.grad_cam,
    "finer-cam": functools.partial(g.grad_cam, target=g.finer()),
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
    "recipro-cam": g.recipro_cam,
    "score-cam": g.score_cam,
    "score-cam-fast": functools.partial(g.score_cam, channels=64),
    "opti-cam": g.opti_cam,
    "rise": g.rise,
    "occlusion": g.occlusion,
    "lime": g.lime,
    "kernel-shap": g.kernel_shap,
    "gradient": g.gradient,
    "input-x-gradient": g.input_x_gradient,
    "smooth-grad": functools.partial(g.smooth_grad, sample_batch=5),
    "smooth-grad-squared": functools.partial(g.smooth_grad, statistic=g.mean_square, sample_batch=5),
    "var-grad": functools.partial(g.smooth_grad, statistic=g.variance, sample_batch=5),
    "integrated-gradients": functools.partial(g.integrated_gradients, step_batch=5),
    "guided-integrated-gradients": g.guided_integrated_gradients,
    "expected-gradients": functools.partial(g.expected_gradients, sample_batch=5),
    "guided-backprop": g.guided_backprop,
    "deconvolution": g.deconvolution,
    "guided-grad-cam": g.guided_grad_cam,
    "excitation-backprop": functools.partial(g.excitation_backprop, contrastive=False),
    "excitation-backprop-contrastive": g.excitation_backprop,
    "lrp": g.lrp,
    "attention-rollout": g.attention_rollout,
    "xrai": functools.partial(g.xrai, step_batch=5),
}


def find_methods(names: Sequence[str]) -> list[str]:
    """Lists the requested methods, each once and in order; "all" stands for all of METHODS.

    Raises:
      ValueError: no such method.
    """
    names = [name.replace("_", "-") for name in names]  # as in Python
    for name in names:
        if name != "all" and name not in METHODS:
            raise ValueError(f"--method {name}: there is none of this name; there are {', '.join(METHODS)}")
    return list(dict.fromkeys(found for name in names for found in (METHODS if name == "all" else [name])))


def fix_options(
    names: Sequence[str], options: Mapping[str, object], defaults: Mapping[str, object]
) -> dict[str, functools.partial[Explainer]]:
    """Fixes the options of each method's builder: those that are not None and that the method has.

    `mask_batch` stands for whatever a method batches: masks, channels, steps or samples.

    Args:
      names: keys of METHODS.
      options: the requested options; each must be one of at least one method.
      defaults: options that come with the classifier.

    Raises:
      ValueError: an option that no method has.
    """
    parameters = {name: inspect.signature(METHODS[name]).parameters for name in names}
    asked = {option: value for option, value in options.items() if value is not None}
    for option in asked:
        if not any(meant(option, known) for known in parameters.values()):
            raise ValueError(f"--{option.replace('_', '-')} is no option of --method {', '.join(names)}")
    fixed = {**{option: value for option, value in defaults.items() if value is not None}, **asked}
    return {
        name: functools.partial(
            METHODS[name], **{one: fixed[option] for option in fixed for one in meant(option, known)}
        )
        for name, known in parameters.items()
    }


def meant(option: str, parameters: Iterable[str]) -> list[str]:
    """The parameters of a method that an option sets."""
    return [one for one in parameters if one == option or (option == "mask_batch" and one.endswith("_batch"))]
