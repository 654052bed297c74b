"""What is measured of one map."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

import groupcam_jax as g
from groupcam_jax.metrics import energy_inside, hit, mask_overlap, road
from groupcam_jax.metrics.insertion_deletion import pixel_curves
from groupcam_jax.types import Classifier, Image, Label, Params, Saliency, Scalar

STEPS, STEP_BATCH, SHIFT = 10, 4, 8
LEVELS = 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6
BLUR, SOFT = g.gaussian_blur(51, 50.0), g.gaussian_blur(31, 10.0)
MOVED = g.gaussian_blur(kernel_size=33, sigma=8.0)


class Pictures(NamedTuple):
    """What a map of a picture is measured on; a batch has one axis more."""

    image: Image
    photograph: Image  # another picture
    for_other: Image  # the picture as the other network wants it
    mask: Bool[Array, "h w"]  # of the object


def build_measure(classifier: Classifier, other: Classifier) -> Callable[..., dict[str, Scalar]]:
    """Everything that is measured of a batch of maps, in one program for all methods."""
    filled_in = functools.partial(road, percentages=(20, 40, 60, 80), step_batch=STEP_BATCH)

    def measure(weights, shown, saliency, label, key):
        params, of_other = weights
        image, photograph, for_other, mask = shown
        noisy, soft = 0.5 * jax.random.normal(key, image.shape), SOFT(image, None)
        mean = jnp.broadcast_to(image.mean((0, 1)), image.shape)
        both = {"noise": noisy, "soft": soft, "photo": photograph, "mean": mean}
        score = functools.partial(areas, classifier, image=image, label=label)
        moved = jnp.roll(saliency, (SHIFT, SHIFT), (0, 1))
        blurred = MOVED(saliency[:, :, None], None)[:, :, 0]
        return {
            **score(params, saliency=saliency, ends=standard(image) | {name: (one, one) for name, one in both.items()}),
            "ROAD": filled_in(classifier.apply, params)(image, saliency, label, key=key).combined,
            "other network": areas(other, of_other, for_other, saliency, label, standard(for_other))["standard"],
            "moved": score(params, saliency=moved, ends=standard(image))["standard"],
            "blurred": score(params, saliency=blurred, ends=standard(image))["standard"],
            "hit": hit(saliency, mask),
            "energy": energy_inside(saliency, mask),
            **{f"IoU above {level}": mask_overlap(saliency, mask, level) for level in LEVELS},
        }

    return jax.jit(jax.vmap(measure, (None, 0, 0, 0, 0)))


def areas(
    classifier: Classifier,
    params: Params,
    image: Image,
    saliency: Saliency,
    label: Label,
    ends: Mapping[str, tuple[Image, Image]],
) -> dict[str, Scalar]:
    """Insertion minus deletion for each pair of where insertion starts and where deletion ends."""

    def confidence(image):
        return jax.nn.softmax(g.faster(classifier.apply)(params, image[None])[0])[label]

    starts = jnp.stack([part for start, _ in ends.values() for part in (start, image)])
    stops = jnp.stack([part for _, stop in ends.values() for part in (image, stop)])
    curves = pixel_curves(confidence, starts, stops, saliency[None], -(-saliency.size // STEPS), STEP_BATCH)
    under = jnp.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1).reshape(-1, 2)
    return dict(zip(ends, under[:, 0] - under[:, 1], strict=True))


def standard(image: Image) -> dict[str, tuple[Image, Image]]:
    """The two ends of the paper's curves."""
    return {"standard": (BLUR(image, None), jnp.zeros_like(image))}
