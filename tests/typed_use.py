"""What a type checker knows of a user's code. Pyright reads this file, and complains of an unneeded `ignore`.

Nothing here is run.
"""

from typing import assert_type

import jax

import groupcam_jax as g
import pretrained
from groupcam_jax.explainers.group_cam import GroupCamAux
from groupcam_jax.families.explainer import Aux
from groupcam_jax.metrics import InsertionDeletion, insertion_deletion


def use(apply: g.Model, params: object, image: jax.Array, key: jax.Array) -> None:
    """Explains an image in several ways."""
    assert_type(g.grad_cam(apply, params)(image, 3), jax.Array)
    assert_type(g.layer_cam(apply, params, layer="block", has_aux=True)(image), tuple[jax.Array, Aux])
    assert_type(g.group_cam(apply, params, has_aux=True)(image), tuple[jax.Array, GroupCamAux])
    assert_type(g.rise(apply, params, masks=100)(image, key=key), jax.Array)
    assert_type(g.gradient(apply, params, reduce=g.signed, has_aux=True)(image)[1].attribution, jax.Array)
    model = pretrained.load("resnet50")
    assert_type(g.grad_cam(model.apply, model.params, layer=model.layer)(image), jax.Array)
    assert_type(insertion_deletion(apply, params)(image, g.grad_cam(apply, params)(image)), InsertionDeletion)

    g.layer_cam(apply, params, layr="block")  # pyright: ignore[reportCallIssue]
    g.grad_cam_pp(apply, params, coeficients=g.joint)  # pyright: ignore[reportCallIssue]
    g.gradient(apply, params, layer="block")  # pyright: ignore[reportCallIssue]
    g.grad_cam(apply, params)(image, lable=3)  # pyright: ignore[reportCallIssue]
    g.group_cam(apply, params, baseline=0.0)  # pyright: ignore[reportArgumentType]


@g.class_activation_map
def squared_cam(activation: jax.Array, gradient: jax.Array) -> jax.Array:
    """A method of a user's own."""
    return (gradient**2 * activation).sum(2)


assert_type(squared_cam, g.ClassActivationMap)
