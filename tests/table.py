"""Every explainer once, with options for the toy network and its images of 12 x 12, and what is true of it.

Each property is a test file of its own over `every_method`, and they share one program a method (`saliency`); a method
that is not in the table fails `test_predicted_class.py`.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import groupcam_jax as g

PLAIN, PARAMS = models.plain()
IMAGES = jnp.stack([models.image(seed=seed) for seed in range(3)])
LABEL = 2  # of which no method's map is blank
LABELS = jnp.array([LABEL, 4, LABEL])
KEYS = jax.random.split(jax.random.key(0), 3)


class Method(NamedTuple):
    """A builder with its options, and its properties."""

    build: Callable[..., Any]
    stochastic: bool = False
    # Whether it draws without a key too, always the same.
    seeded: bool = False
    signed: bool = False
    # Whether the saliency depends on the class.
    labelled: bool = True
    # Whether part of it runs on the host, where no gradient passes.
    on_host: bool = False
    # How its map of a bfloat16 model correlates with that in float32, at least.
    in_bfloat16: float = 0.95


def smooth_grad_cam(model_apply, params, *, layer=None, **options):
    """SmoothGrad around a method that has no attribution."""
    method = functools.partial(g.grad_cam, layer=layer)
    return g.smooth_grad(model_apply, params, method=method, samples=4, **options)


SEGMENTS = np.zeros((4, 12, 12), bool)
for quarter, corner in enumerate([(0, 0), (0, 6), (6, 0), (6, 6)]):
    SEGMENTS[quarter, corner[0] : corner[0] + 6, corner[1] : corner[1] + 6] = True
SIXTHS = np.eye(6, dtype=bool).repeat(2, 1)[:, :, None].repeat(12, 2)

METHODS = {
    "ablation_cam": Method(g.ablation_cam),
    "cam": Method(g.cam),
    "deconvolution": Method(g.deconvolution),
    "eigen_cam": Method(g.eigen_cam, labelled=False),
    "eigen_grad_cam": Method(g.eigen_grad_cam),
    "excitation_backprop": Method(functools.partial(g.excitation_backprop, contrastive=False)),
    "excitation_backprop contrastive": Method(g.excitation_backprop),
    "expected_gradients": Method(
        functools.partial(g.expected_gradients, samples=4, sample_batch=2), stochastic=True, in_bfloat16=0.9
    ),
    "grad_cam": Method(g.grad_cam),
    "grad_cam finer": Method(functools.partial(g.grad_cam, target=g.finer())),
    "grad_cam_elementwise": Method(g.grad_cam_elementwise),
    "grad_cam_pp": Method(g.grad_cam_pp),
    "gradient": Method(g.gradient),
    "gradient signed": Method(functools.partial(g.gradient, reduce=g.signed), signed=True),
    "group_cam": Method(functools.partial(g.group_cam, groups=4)),
    "released_group_cam": Method(functools.partial(g.released_group_cam, groups=4)),
    "group_cam without gradients": Method(
        functools.partial(g.group_cam, groups=4, channel_weights=None, percentile=None)
    ),
    "group_cam of two layers": Method(functools.partial(g.group_cam, groups=4, layer=[0, "block"])),
    "group_cam kmeans": Method(functools.partial(g.group_cam, groups=3, grouping=g.kmeans(1)), stochastic=True),
    "group_cam ward": Method(functools.partial(g.group_cam, groups=4, grouping=g.ward()), on_host=True),
    "guided_backprop": Method(g.guided_backprop),
    "guided_integrated_gradients": Method(functools.partial(g.guided_integrated_gradients, steps=4)),
    "guided_grad_cam": Method(g.guided_grad_cam),
    "hires_cam": Method(g.hires_cam),
    "input_x_gradient": Method(g.input_x_gradient),
    "integrated_grad_cam": Method(functools.partial(g.integrated_grad_cam, steps=4, step_batch=2)),
    "integrated_gradients": Method(functools.partial(g.integrated_gradients, steps=4, step_batch=2)),
    "kernel_shap": Method(functools.partial(g.kernel_shap, segments=g.superpixels(9), samples=40), stochastic=True),
    "kernel_shap given segments": Method(
        functools.partial(g.kernel_shap, segments=SIXTHS, samples=24, mask_batch=4), stochastic=True
    ),
    "layer_cam": Method(g.layer_cam),
    "lime": Method(functools.partial(g.lime, segments=g.superpixels(9), samples=40), stochastic=True),
    "lrp": Method(g.lrp),
    "lrp in a box": Method(functools.partial(g.lrp, box=(g.darkest, g.brightest))),
    "lrp signed": Method(functools.partial(g.lrp, convolution=g.epsilon(), reduce=g.signed), signed=True),
    "occlusion": Method(functools.partial(g.occlusion, window=4, stride=3, mask_batch=3)),
    "opti_cam": Method(functools.partial(g.opti_cam, steps=4)),
    "refined": Method(
        functools.partial(g.refined, method=functools.partial(g.group_cam, groups=4), feature_steps=2, steps=2),
        stochastic=True,
        seeded=True,
        in_bfloat16=0.9,  # four gradients of rounded features one after the other, and the order of 144 pixels by them
    ),
    "recipro_cam": Method(functools.partial(g.recipro_cam, mask_batch=50)),
    "recipro_cam gaussian": Method(functools.partial(g.recipro_cam, gaussian=True, layer=0, mask_batch=50)),
    "rise": Method(functools.partial(g.rise, masks=48, cells=3), stochastic=True),
    "score_cam": Method(functools.partial(g.score_cam, mask_batch=3)),
    "score_cam fast": Method(functools.partial(g.score_cam, channels=3)),
    "smooth_grad": Method(functools.partial(g.smooth_grad, samples=4, sample_batch=2), stochastic=True),
    "smooth_grad variance": Method(
        functools.partial(g.smooth_grad, samples=5, sample_batch=2, statistic=g.variance), stochastic=True
    ),
    "smooth_grad grad_cam": Method(smooth_grad_cam, stochastic=True),
    # Above the last layer the toy network is linear: its gradient does not notice the noise.
    "smooth_grad_cam_pp": Method(
        functools.partial(g.smooth_grad_cam_pp, layer=0, samples=4, sample_batch=2), stochastic=True
    ),
    "xgrad_cam": Method(g.xgrad_cam),
    "xrai": Method(functools.partial(g.xrai, steps=5), on_host=True, in_bfloat16=0.8),
    "xrai given segments": Method(functools.partial(g.xrai, steps=5, segments=SEGMENTS), on_host=True, in_bfloat16=0.8),
}
every_method = pytest.mark.parametrize("name", METHODS)


def build(name, **options):
    """A method's explainer of the toy network."""
    return METHODS[name].build(PLAIN, PARAMS, **options)


@functools.cache
def compiled(name):
    """One program a method for most tests, `(image, label, key) -> saliency`, and how often its model was traced."""
    traced = []

    def counted(params, images):
        traced.append(images.shape)
        return PLAIN(params, images)

    explain = METHODS[name].build(counted, PARAMS)
    return jax.jit(lambda image, label, key: explain(image, label, key=key)), traced


def saliency(name, image=IMAGES[0], label=LABEL, key=KEYS[0]):
    """The saliency of an image of the toy network."""
    return compiled(name)[0](image, jnp.int32(label), key)
