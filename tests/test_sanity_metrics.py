"""The randomisation of a network's modules, and what it does to explanations."""

import itertools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import grad_cam
from groupcam_jax.metrics import cascading, efficient_mprt, independent, modules, sanity_check, similarity

APPLY, PARAMS = models.plain()
ORDER = ["['stem']", "['conv1']", "['conv2']", "['fc']"]
KEY = jax.random.key(0)


@pytest.mark.parametrize("form", ["plain", "linen", "equinox"])
def test_modules_come_in_the_order_in_which_the_model_reads_them(form):
    bundle = models.ALL[form]()
    found = modules(bundle.apply, bundle.params, jax.ShapeDtypeStruct((1, 12, 12, 3), jnp.float32))
    names = [path.rsplit("'", 2)[-2] if "'" in path else path.removeprefix(".") for path in found]
    assert names == ["stem", "conv1", "conv2", "fc"]


def test_cascading_and_independent_randomisation():
    def changed(params):
        return [name for name in PARAMS if not np.array_equal(params[name]["kernel"], PARAMS[name]["kernel"])]

    assert modules(APPLY, PARAMS, jnp.zeros((1, 12, 12, 3))) == ORDER
    steps = [(path, changed(params)) for path, params in cascading(PARAMS, ORDER, KEY)]
    assert steps[0] == ("['fc']", ["fc"])
    assert steps[-1] == ("['stem']", [*PARAMS])
    assert [path for path, _ in steps] == ORDER[::-1]
    assert all(set(before) < set(after) for (_, before), (_, after) in itertools.pairwise(steps))
    for path, params in independent(PARAMS, ORDER, KEY):
        assert [f"['{name}']" for name in changed(params)] == [path]
        for name in PARAMS:
            np.testing.assert_allclose(*(jnp.sort(tree[name]["kernel"].ravel()) for tree in (params, PARAMS)))


def test_a_module_loses_its_weights_in_the_same_way_in_both():
    alone = dict(independent(PARAMS, ORDER, KEY))
    *_, (_, all_of_them) = cascading(PARAMS, ORDER, KEY)
    for path in ORDER:
        name = path[2:-2]
        np.testing.assert_array_equal(all_of_them[name]["kernel"], alone[path][name]["kernel"])


@pytest.mark.parametrize("randomization", [cascading, independent])
def test_an_explanation_of_the_weights_changes_with_them_in_one_program(randomization):
    image = models.image(32, 32)
    explain = jax.jit(lambda params: grad_cam(APPLY, params)(image, 2))
    paths, found = sanity_check(explain, PARAMS, randomization(PARAMS, ORDER, KEY))
    assert explain._cache_size() == 1
    assert paths == ORDER[::-1]
    trained, compare = explain(PARAMS), jax.jit(similarity)
    for place, (_, params) in enumerate(randomization(PARAMS, ORDER, KEY)):
        expected = compare(trained, explain(params))
        np.testing.assert_allclose([values[place] for values in found], expected, atol=1e-5)
    for values in found:
        assert values.shape == (4,)
        assert (values < 0.99).all()


def test_an_explanation_of_the_image_alone_does_not_change():
    edges = jnp.abs(models.image(32, 32)).mean(2)
    _, found = sanity_check(lambda params: edges, PARAMS, cascading(PARAMS, ORDER, KEY))
    np.testing.assert_allclose(jnp.stack(found), 1, atol=1e-5)


def test_a_constant_map_of_the_trained_weights_does_not_pass():
    def explain(params):
        return jnp.eye(16) * jnp.any(params["fc"]["kernel"] != PARAMS["fc"]["kernel"]).astype(jnp.float32)

    _, found = sanity_check(explain, PARAMS, cascading(PARAMS, ORDER, KEY))
    assert jnp.isnan(jnp.stack(found)).all()


def test_nothing_to_randomise():
    with pytest.raises(ValueError, match="randomized is empty: expected cascading"):
        sanity_check(lambda params: jnp.zeros((16, 16)), PARAMS, cascading(PARAMS, [], KEY))


@pytest.mark.parametrize("randomize", [cascading, independent, efficient_mprt])
def test_what_is_no_module_is_refused_instead_of_left_as_trained(randomize):
    """Nothing would be randomised, and every map would look as if it did not depend on the weights."""

    def start(order):
        if randomize is efficient_mprt:
            efficient_mprt(lambda params: jnp.eye(16), PARAMS, order, KEY)
        else:
            next(randomize(PARAMS, order, KEY))

    for order in (["stem", *ORDER], ["['conv1']['kernel']"]):
        known = r"order has \S+: no such module; there are: \['conv1'\], \['conv2'\], \['fc'\], \['stem'"
        with pytest.raises(ValueError, match=known):
            start(order)
