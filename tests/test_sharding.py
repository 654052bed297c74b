"""Every explainer and metric within `jax.shard_map`, with its default checks: each device explains its own images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from table import IMAGES, KEYS, LABELS, PARAMS, PLAIN, build, every_method, saliency

import groupcam_jax.metrics as m
from groupcam_jax import gradient

IMAGE_COUNT = 8  # images; four of the simulated devices have two each
KEY = jax.random.key(0)
MASK = jnp.zeros((12, 12), bool).at[2:9, 3:7].set(True)
METRICS = {
    "confidence_change": m.confidence_change(PLAIN, PARAMS),
    "faithfulness": lambda image, heat: m.sensitivity_n(PLAIN, PARAMS, percentages=(9, 40), samples=4, sample_batch=3)(
        image, heat, 2, key=KEY
    ),
    "infidelity": lambda image, heat: m.infidelity(PLAIN, PARAMS, samples=4, sample_batch=2)(
        image, image * heat[:, :, None], 2, key=KEY
    ),
    "insertion_deletion": m.insertion_deletion(PLAIN, PARAMS, pixels_per_step=50, step_batch=2),
    "performance_information": lambda image, heat: m.performance_information(PLAIN, PARAMS, shares=(0.2, 0.5))(
        image, heat, 2, key=KEY
    ),
    "road": lambda image, heat: m.road(PLAIN, PARAMS, percentages=(30, 60), step_batch=1)(image, heat, 2, key=KEY),
    "single_deletion": m.single_deletion(PLAIN, PARAMS, patch_batch=5),
    "symmetric_relevance_gain": m.symmetric_relevance_gain(PLAIN, PARAMS, pixels_per_step=50, step_batch=2),
    "max_sensitivity": lambda image, heat: m.max_sensitivity(gradient(PLAIN, PARAMS), samples=3)(image, 2, key=KEY),
    "local_lipschitz": lambda image, heat: m.local_lipschitz(gradient(PLAIN, PARAMS), samples=3)(image, 2, key=KEY),
    "localization": lambda image, heat: m.best_overlap(m.salient_box(heat, 0.3), jnp.array([[2.0, 1.0, 9.0, 8.0]])),
    "mask_overlap": lambda image, heat: m.mask_overlap(heat, MASK, 0.3),
    "pointing_game": lambda image, heat: (m.hit(heat, MASK, 1.0), m.energy_inside(heat, MASK)),
    "ranking": lambda image, heat: (
        m.relevance_rank_accuracy(heat, MASK),
        m.top_k_intersection(heat, MASK, 9),
        m.roc_auc(heat, MASK),
    ),
    "cell_energy": lambda image, heat: m.cell_energy(heat, 3),
    "concentration": lambda image, heat: (m.sparseness(heat), m.complexity(heat)),
    "similarity": lambda image, heat: (
        m.spearman(heat, heat.T),
        m.ssim(heat, heat.T),
        m.hog_similarity(heat, heat.T, 4),
    ),
}


def spread(function):
    """The function of a batch, cut over the simulated devices."""
    mesh = Mesh(np.array(jax.devices()[:4]), "images")
    cut = P("images")
    return jax.jit(jax.shard_map(jax.vmap(function), mesh=mesh, in_specs=cut, out_specs=cut))


@every_method
def test_a_batch_is_a_vmap_on_any_number_of_devices(name):
    explain = build(name)
    looped = jnp.stack([saliency(name, *arguments) for arguments in zip(IMAGES, LABELS, KEYS, strict=True)])
    places = jnp.arange(IMAGE_COUNT) % 3
    maps = spread(lambda image, label, key: explain(image, label, key=key))(
        IMAGES[places], LABELS[places], KEYS[places]
    )
    np.testing.assert_allclose(maps, looped[places], atol=2e-5)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_in_a_shard_map(name):
    images = jax.random.normal(KEY, (IMAGE_COUNT, 12, 12, 3))
    maps = jax.random.uniform(jax.random.key(1), (IMAGE_COUNT, 12, 12))
    alone = jax.jit(jax.vmap(METRICS[name]))(images, maps)
    for sharded, expected in zip(
        jax.tree.leaves(spread(METRICS[name])(images, maps)), jax.tree.leaves(alone), strict=True
    ):
        np.testing.assert_allclose(sharded, expected, atol=1e-5, rtol=1e-5)
