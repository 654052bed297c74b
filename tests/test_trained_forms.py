"""A trained network in other people's forms: each gets the maps of the plain one, with no option."""

from pathlib import Path

import jax
import numpy as np
import pytest
from jax import lax
from test_goldens import trained_network

from groupcam_jax import grad_cam, group_cam

STRIDES = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
DOGS, CATS = slice(151, 269), slice(281, 286)
TABBY = 281


def channel_first(params, images, freeze=lambda x: x):
    """MobileNetV2 with `NCHW` activations and grouped convolutions."""

    def conv(p, x, stride=1, groups=1):
        y = lax.conv_general_dilated(
            x,
            p["kernel"],
            (stride, stride),
            "SAME",
            dimension_numbers=("NCHW", "HWIO", "NCHW"),
            feature_group_count=groups,
        )
        return y + p["bias"][None, :, None, None]

    x = jax.nn.relu6(conv(params["stem"], images.transpose(0, 3, 1, 2), 2))
    for i, stride in enumerate(STRIDES):
        block = params[f"block{i:02d}"]
        y = jax.nn.relu6(conv(block["expand"], x)) if "expand" in block else x
        y = jax.nn.relu6(conv(block["depthwise"], y, stride, groups=y.shape[1]))
        y = conv(block["project"], y)
        x = x + y if stride == 1 and x.shape[1] == y.shape[1] else y
    x = freeze(jax.nn.relu6(conv(params["head"], x)))
    return x.mean((2, 3)) @ params["classifier"]["kernel"] + params["classifier"]["bias"][None]


def dog_or_cat(logits):
    """One logit: how much more a dog than a cat."""
    return jax.nn.logsumexp(logits[..., DOGS], -1) - jax.nn.logsumexp(logits[..., CATS], -1)


@pytest.fixture(scope="module")
def trained(assets):
    apply, params, _, preprocess = trained_network(assets)
    with np.load(Path(__file__).parent / "golden" / "efficientnet_lite0.npz") as golden:
        return apply, params, preprocess(golden["chelsea/image_u8"])


def methods(apply, params, **options):
    """Both maps, jitted together; the options are Group-CAM's."""
    target = {name: value for name, value in options.items() if name == "target"}
    explain = group_cam(apply, params, groups=8, **options), grad_cam(apply, params, **target)
    return jax.jit(lambda image, label: [one(image, label) for one in explain])


@pytest.fixture(scope="module")
def plain(trained):
    apply, params, image = trained
    maps = methods(apply, params)(image, TABBY)
    assert all(one.max() > 0.99 for one in maps)
    return maps


FORMS = {
    "softmax at its end": lambda apply: lambda params, images: jax.nn.softmax(apply(params, images)),
    "by image": lambda apply: lambda params, images: jax.vmap(lambda one: apply(params, one[None])[0])(images),
    "channel-first": lambda _: channel_first,
    "frozen backbone": lambda _: lambda params, images: channel_first(params, images, lax.stop_gradient),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gets_the_maps_of_the_plain_one(form, trained, plain):
    apply, params, image = trained
    for ours, expected in zip(methods(FORMS[form](apply), params)(image, TABBY), plain, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("label", [0, 1])
def test_a_dog_or_cat_classifier_of_one_logit(label, trained):
    apply, params, image = trained
    sign = 2 * label - 1
    ours = methods(lambda params, images: dog_or_cat(apply(params, images)), params)(image, label)
    expected = methods(
        apply,
        params,
        target=lambda logits: sign * dog_or_cat(logits),
        score=lambda logits: jax.nn.sigmoid(sign * dog_or_cat(logits)),
    )(image, label)
    assert label == 1 or ours[1].max() > 0.99  # nothing of the cat speaks for a dog
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
