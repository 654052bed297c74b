"""Weakly supervised localization: a box around what is salient (CAM, arXiv:1512.04150; Grad-CAM, arXiv:1610.02391).

    region   where the saliency is at least `threshold` times its maximum: 0.2 in the CAM paper, 0.15 in Grad-CAM's
    box      around the largest connected component of the region (pixels that touch by a side or a corner)
    located  the box and an object's box have an intersection over union of at least 0.5

An image is right in the top k if its class is among the k highest logits and the box for that class is located; the
error is the share of the others. MaxBoxAcc (Choe et al., arXiv:2001.07437) is the share located at the best threshold
for the whole data set, whatever class is predicted.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from groupcam_jax.metrics.pointing_game import ObjectMask
from groupcam_jax.types import Saliency, Scalar

Box = Float[Array, " 4"]


def salient_box(saliency: Saliency, threshold: float) -> Box:
    """The box around the largest salient component: left, top, right, bottom from edge to edge, as in `mask_of_boxes`.

    All 0 for a map that is nowhere positive.
    """
    region = largest_component((saliency >= threshold * saliency.max()) & (saliency > 0))
    left, right = ends(region.any(0))
    top, bottom = ends(region.any(1))
    return jnp.stack([left, top, right, bottom]).astype(jnp.float32)


def largest_component(region: ObjectMask) -> ObjectMask:
    """The largest set of pixels that touch by a side or a corner; of equals the one whose last pixel comes last."""
    numbers = jnp.where(region, jnp.arange(1, region.size + 1, dtype=jnp.int32).reshape(region.shape), 0)

    def spread(state):
        numbers, _ = state
        around = jax.lax.reduce_window(numbers, 0, jax.lax.max, (3, 3), (1, 1), "SAME")
        spreading = jnp.where(region, around, 0)
        return spreading, (spreading != numbers).any()

    numbers, _ = jax.lax.while_loop(lambda state: state[1], spread, (numbers, region.any()))
    sizes = jnp.zeros(region.size + 1, jnp.int32).at[numbers.ravel()].add(1).at[0].set(0)
    largest = region.size - sizes[::-1].argmax()
    return region & (numbers == largest)


def ends(marked: Bool[Array, " n"]) -> tuple[Array, Array]:
    """Where the marked places begin, and one past where they end; 0 and 0 if there are none."""
    last = marked.size - marked[::-1].argmax()
    return marked.argmax(), jnp.where(marked.any(), last, 0)


def best_overlap(box: Box, boxes: Float[Array, "n 4"]) -> Scalar:
    """The highest intersection over union of a box with any of the objects'; boxes without an area have none."""
    left, top, right, bottom = jnp.moveaxis(boxes.astype(jnp.float32), 1, 0)
    width = jnp.minimum(right, box[2]) - jnp.maximum(left, box[0])
    height = jnp.minimum(bottom, box[3]) - jnp.maximum(top, box[1])
    shared = jax.nn.relu(width) * jax.nn.relu(height)
    both = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1]) - shared
    return jnp.where(shared > 0, shared / jnp.where(shared > 0, both, 1), 0).max()


def mask_overlap(saliency: Saliency, mask: ObjectMask, threshold: float) -> Scalar:
    """The intersection over union of an object's mask and of where the saliency reaches `threshold` of its maximum."""
    region = (saliency >= threshold * saliency.max()) & (saliency > 0)
    return (region & mask).sum() / jnp.maximum((region | mask).sum(), 1)


def max_box_accuracy(overlaps: Float[Array, "n thresholds"], least: float = 0.5) -> tuple[Scalar, Array]:
    """MaxBoxAcc and the place of its threshold, from the best overlap of every image at every threshold."""
    accuracy = (overlaps >= least).mean(0)
    return accuracy.max(), accuracy.argmax()
