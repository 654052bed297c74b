"""A method made of its mathematics: it looks like a function that somebody wrote, and does what it says."""

import functools
import inspect

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import groupcam_jax as g
from groupcam_jax.stages.masks import unit_range

APPLY, PARAMS = models.plain()
IMAGE = models.image()
ACTIVATION = models.below(PARAMS, IMAGE[None])[0][0]
SLOPE = PARAMS["fc"]["kernel"][:, 2] / 144  # of the score of class 2, the same in every place


def test_a_cam_of_ones_own():
    @g.class_activation_map
    def squared_cam(activation, gradient):
        """Squared CAM: the squared gradient weighs each channel."""
        return ((gradient**2).mean((0, 1))[None, None] * (activation - 1)).sum(2)

    saliency, aux = squared_cam(APPLY, PARAMS, layer="block", has_aux=True)(IMAGE, 2)
    np.testing.assert_allclose(saliency, unit_range(jax.nn.relu((ACTIVATION - 1) @ SLOPE**2)), atol=1e-5)
    assert aux.label == 2
    assert jnp.isnan(jax.jit(squared_cam(APPLY, PARAMS))(IMAGE, 5)).all()
    assert squared_cam.__doc__.startswith(
        "Squared CAM: the squared gradient weighs each channel.\n\nBuilds the explainer"
    )


def test_an_attribution_and_a_backward_rule_of_ones_own():
    @g.attribution_method(g.signed)
    def negative(image, gradient):
        return -image * gradient

    @g.backward_rule
    def halved(passes, cotangent):
        return jnp.where(passes, cotangent / 2, 0)

    plain = jax.grad(lambda image: APPLY(PARAMS, image[None])[0, 2])(IMAGE)
    saliency, aux = negative(APPLY, PARAMS, has_aux=True)(IMAGE, 2)
    np.testing.assert_allclose(aux.attribution, -IMAGE * plain, atol=1e-6)
    np.testing.assert_array_equal(saliency, g.signed(aux.attribution))
    one_relu = jax.jit(lambda params, images: models.above(params, jax.nn.relu(models.conv(params["stem"], images))))
    slope = jax.grad(lambda image: one_relu(PARAMS, image[None])[0, 2])(IMAGE)
    np.testing.assert_allclose(halved(one_relu, PARAMS, has_aux=True)(IMAGE, 2)[1].attribution, slope / 2, atol=1e-6)


@pytest.mark.parametrize("build", [g.layer_cam, g.grad_cam, g.gradient, g.guided_backprop])
def test_signature_help_and_source_are_those_of_a_function(build):
    names = [*inspect.signature(build).parameters]
    assert names[:2] == ["model_apply", "params"]
    assert names[-1] == "has_aux"
    assert ("layer" in names) != ("reduce" in names)
    assert f"def {build.__name__}(" in inspect.getsource(inspect.unwrap(build))
    assert inspect.getmodule(build).__name__ == f"groupcam_jax.explainers.{build.__name__}"
    with pytest.raises(TypeError, match="layr"):
        build(APPLY, PARAMS, layr=0)
    assert inspect.signature(g.gradient).parameters["reduce"].default is g.largest_magnitude
    assert inspect.signature(g.input_x_gradient).parameters["reduce"].default is g.total_magnitude


def test_a_cam_without_a_docstring_has_that_of_its_family():
    assert g.class_activation_map(lambda activation, gradient: gradient.sum(2)).__doc__.startswith("Builds the")


def test_smooth_grad_of_a_wrapped_method_is_that_of_the_method():
    def wrapped(*model, **options):
        explain = g.gradient(*model, **options)
        return lambda image, label=None, *, key=None: explain(image, label, key=key)

    maps = [
        g.smooth_grad(APPLY, PARAMS, method=method, samples=4)(IMAGE, 2, key=jax.random.key(0))
        for method in (g.gradient, wrapped, functools.partial(g.gradient, reduce=g.signed))
    ]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert maps[2].min() < 0, "the reduction of the method inside counts"
