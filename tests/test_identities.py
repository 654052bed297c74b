"""Where two methods are one, and where a method's result can be written down."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import METHODS

import groupcam_jax as g
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.stages.merge import merge

APPLY, PARAMS = models.plain()
IMAGE = models.image()
ACTIVATION = models.below(PARAMS, IMAGE[None])[0][0]
WEIGHTS = PARAMS["fc"]["kernel"]
FRIENDLY = {**PARAMS, "fc": jax.tree.map(jnp.abs, PARAMS["fc"])}  # no channel speaks against any class
BIAS_FREE = {name: {"kernel": w["kernel"], "bias": jnp.zeros_like(w["bias"])} for name, w in PARAMS.items()}
# Gradients beside which what guards the denominators of Grad-CAM++ is nothing.
STEEP = {**PARAMS, "fc": jax.tree.map(lambda leaf: 1000 * leaf, PARAMS["fc"])}
close = functools.partial(np.testing.assert_allclose, atol=2e-5)


@pytest.mark.parametrize("label", range(5))
def test_cam_is_what_the_head_weighs_and_grad_cam_its_positive_part(label):
    heat = ACTIVATION @ WEIGHTS[:, label]
    saliency = g.cam(APPLY, PARAMS)(IMAGE, label)
    close(saliency, unit_range(heat))
    nothing = -heat.min() / jnp.ptp(heat)  # where the heat is 0
    close(unit_range(jax.nn.relu(saliency - nothing)), g.grad_cam(APPLY, PARAMS)(IMAGE, label))


@pytest.mark.parametrize("other", [g.hires_cam, g.xgrad_cam])
def test_on_a_pooled_linear_head_they_are_grad_cam(other):
    for label in range(5):
        close(other(APPLY, PARAMS)(IMAGE, label), g.grad_cam(APPLY, PARAMS)(IMAGE, label))


@pytest.mark.parametrize("other", [g.layer_cam, g.grad_cam_elementwise, g.cam])
def test_where_gradients_are_constant_and_not_negative_they_are_grad_cam(other):
    close(other(APPLY, FRIENDLY)(IMAGE, 2), g.grad_cam(APPLY, FRIENDLY)(IMAGE, 2))


def test_element_wise_grad_cam_is_layer_cam_after_a_relu():
    close(g.grad_cam_elementwise(APPLY, PARAMS, layer=0)(IMAGE, 2), g.layer_cam(APPLY, PARAMS, layer=0)(IMAGE, 2))


@pytest.mark.parametrize("name", ["grad_cam", "hires_cam", "xgrad_cam", "layer_cam"])
def test_they_differ_where_the_gradient_varies_in_space(name):
    build = getattr(g, name)
    others = [getattr(g, other) for other in ("grad_cam", "hires_cam", "xgrad_cam", "layer_cam") if other != name]
    saliency = build(APPLY, PARAMS, layer=0)(IMAGE, 2)
    for other in others:
        assert not np.allclose(saliency, other(APPLY, PARAMS, layer=0)(IMAGE, 2), atol=1e-2)


def test_weightings_of_grad_cam_pp_are_one_where_the_gradient_is_constant_in_space():
    close(*(g.grad_cam_pp(APPLY, STEEP, coefficients=c)(IMAGE, 2) for c in (g.joint, g.separate)), atol=1e-3)
    inner = [g.grad_cam_pp(APPLY, PARAMS, layer=0, coefficients=c)(IMAGE, 2) for c in (g.joint, g.separate)]
    assert not np.allclose(*inner, atol=1e-2)


def test_grad_cam_pp_by_hand():
    slope = jnp.broadcast_to(WEIGHTS[:, 2][None, None] / 144, ACTIVATION.shape)
    alpha = slope**2 / (2 * slope**2 + (ACTIVATION * slope**3).sum((0, 1), keepdims=True) + 1e-7)
    weights = (alpha * jnp.exp(1.5) * jax.nn.relu(slope)).sum((0, 1))  # exp(S) is a factor like any other
    close(g.grad_cam_pp(APPLY, PARAMS)(IMAGE, 2), unit_range(jax.nn.relu(ACTIVATION @ weights)), atol=1e-4)


def test_smooth_grad_cam_pp_without_noise_is_grad_cam_pp():
    smooth = g.smooth_grad_cam_pp(APPLY, STEEP, samples=3, noise=0.0)(IMAGE, 2, key=jax.random.key(0))
    close(smooth, g.grad_cam_pp(APPLY, STEEP, coefficients=g.separate)(IMAGE, 2), atol=1e-3)


def test_integrated_grad_cam_with_one_step_is_grad_cam():
    for label in range(5):
        one = g.integrated_grad_cam(APPLY, PARAMS, steps=1)(IMAGE, label)
        close(one, g.grad_cam(APPLY, PARAMS)(IMAGE, label))
    assert not np.allclose(one, g.integrated_grad_cam(APPLY, PARAMS, steps=8)(IMAGE, 4), atol=1e-2)


@pytest.mark.parametrize(
    "name",
    [
        *("deconvolution", "grad_cam", "gradient", "gradient signed", "guided_backprop", "guided_grad_cam"),
        *("input_x_gradient", "integrated_gradients", "xrai given segments"),
    ],
)
def test_smooth_grad_without_noise_is_the_method_inside(name):
    method = METHODS[name].build
    smooth = g.smooth_grad(APPLY, PARAMS, method=method, samples=3, noise=0.0)
    close(jax.jit(smooth)(IMAGE, 2, key=jax.random.key(0)), method(APPLY, PARAMS)(IMAGE, 2))


def test_smooth_grad_averages_with_signs_and_for_the_class_of_the_clean_image():
    key, samples = jax.random.key(3), 6
    label = 3  # by a hair, on the clean image
    bias = PARAMS["fc"]["bias"] - APPLY(PARAMS, IMAGE[None])[0] + 1e-3 * jax.nn.one_hot(label, 5)
    params = {**PARAMS, "fc": {**PARAMS["fc"], "bias": bias}}
    explain = g.smooth_grad(
        APPLY, params, method=functools.partial(g.gradient, reduce=g.signed), samples=samples, noise=2.0
    )
    keys = [jax.random.split(one)[0] for one in jax.random.split(key, samples)]
    noise = jnp.stack([jax.random.normal(one, IMAGE.shape) for one in keys])
    noisy = IMAGE[None] + 2.0 * (IMAGE.max() - IMAGE.min()) * noise
    assert (APPLY(params, noisy).argmax(1) != label).any(), "or the test tells nothing"
    slopes = jax.vmap(jax.grad(lambda x: APPLY(params, x[None])[0, label]))(noisy)
    close(explain(IMAGE, key=key), g.signed(slopes.mean(0)))


def test_statistics_of_smooth_grad_by_hand():
    key, samples = jax.random.key(3), 7
    keys = [jax.random.split(one)[0] for one in jax.random.split(key, samples)]
    noisy = [IMAGE + 0.15 * (IMAGE.max() - IMAGE.min()) * jax.random.normal(one, IMAGE.shape) for one in keys]
    slopes = jax.vmap(jax.grad(lambda x: APPLY(PARAMS, x[None])[0, 2]))(jnp.stack(noisy))
    slopes = np.asarray(slopes, np.float64)
    for statistic, expected in ((g.mean_square, (slopes**2).mean(0)), (g.variance, slopes.var(0))):
        for batch in (None, 3):
            explain = g.smooth_grad(APPLY, PARAMS, samples=samples, statistic=statistic, sample_batch=batch)
            saliency = jax.jit(explain)(IMAGE, 2, key=key)
            close(saliency, g.largest_magnitude(jnp.asarray(expected, jnp.float32)))
    maps = g.smooth_grad(APPLY, PARAMS, samples=samples, statistic=g.variance, method=g.grad_cam)(IMAGE, 2, key=key)
    close(maps, np.var([g.grad_cam(APPLY, PARAMS)(one, 2) for one in noisy], axis=0))


@pytest.mark.parametrize("batch", [None, 2])
def test_copies_that_agree_have_no_variance(batch):
    """Rounding would be drawn as a map: it is rescaled to [0, 1]."""
    explain = g.smooth_grad(APPLY, PARAMS, samples=6, noise=0.0, statistic=g.variance, sample_batch=batch)
    assert not jax.jit(explain)(IMAGE, 2, key=jax.random.key(0)).any()


@pytest.mark.parametrize("rule", [g.riemann_left, g.riemann_right, g.riemann_middle, g.trapezoid, g.gauss_legendre])
def test_integrated_gradients_are_complete_up_to_the_error_they_state(rule):
    def score(image):
        return APPLY(PARAMS, image[None])[0, 2]

    for baseline in (g.constant(0.3), g.gaussian_blur(5, 2.0)):
        gap = score(IMAGE) - score(baseline(IMAGE, None))
        errors = []
        for steps in (3, 100):
            explain = g.integrated_gradients(APPLY, PARAMS, baseline=baseline, rule=rule, steps=steps, has_aux=True)
            _, aux = jax.jit(explain)(IMAGE, 2)
            close(aux.attribution.sum() - aux.completeness_error, gap, rtol=1e-4)
            errors.append(abs(float(aux.completeness_error)))
        assert errors[1] < 0.05 * abs(gap)
        assert errors[1] < errors[0]


def test_integrated_gradients_from_zero_are_input_x_gradient_without_biases():
    _, path = g.integrated_gradients(APPLY, BIAS_FREE, rule=g.riemann_right, steps=4, has_aux=True)(IMAGE, 2)
    _, point = g.input_x_gradient(APPLY, BIAS_FREE, has_aux=True)(IMAGE, 2)
    close(path.attribution, point.attribution)
    assert abs(path.completeness_error) < 1e-5


def test_expected_gradients_are_the_mean_of_integrated_gradients_from_the_background():
    images = jnp.stack([models.image(seed=seed) for seed in (1, 2, 3)])
    explain = g.expected_gradients(
        APPLY, PARAMS, baseline=g.background(images), samples=4000, sample_batch=500, has_aux=True
    )
    _, aux = jax.jit(explain)(IMAGE, 2, key=jax.random.key(0))
    path = functools.partial(g.integrated_gradients, steps=50, has_aux=True)
    paths = [path(APPLY, PARAMS, baseline=lambda image, key, one=one: one)(IMAGE, 2)[1].attribution for one in images]
    expected = sum(paths) / 3
    assert np.corrcoef(aux.attribution.ravel(), expected.ravel())[0, 1] > 0.99
    gap = (APPLY(PARAMS, IMAGE[None]) - APPLY(PARAMS, images))[:, 2].mean()
    assert aux.attribution.sum() == pytest.approx(float(gap), abs=0.05 * float(jnp.abs(expected).sum()))


def test_expected_gradients_from_one_baseline_without_biases_are_input_x_gradient():
    explain = g.expected_gradients(APPLY, BIAS_FREE, baseline=g.constant(), samples=3, has_aux=True)
    _, point = g.input_x_gradient(APPLY, BIAS_FREE, has_aux=True)(IMAGE, 2)
    close(explain(IMAGE, 2, key=jax.random.key(0))[1].attribution, point.attribution)


@pytest.mark.parametrize("options", [{"fraction": 0.25, "max_distance": 0.1}, {"fraction": 0.07, "max_distance": 1.0}])
def test_guided_integrated_gradients_by_hand(options):
    """The loop of the paper's algorithm, value by value in float64."""
    steps, image = 12, IMAGE.at[:4, 1].set(0)  # where the image is its baseline there is no way
    slope_at = jax.jit(jax.grad(lambda x: APPLY(PARAMS, x[None])[0, 2]))
    explain = g.guided_integrated_gradients(APPLY, PARAMS, steps=steps, has_aux=True, **options)
    _, aux = jax.jit(explain)(image, 2)

    end = np.asarray(image, np.float64)
    point, shares = np.zeros_like(end), np.zeros_like(end)
    for step in range(1, steps + 1):
        slope = np.asarray(slope_at(jnp.asarray(point, jnp.float32)), np.float64)
        low, high = (max(step / steps - options["max_distance"], 0), min(step / steps + options["max_distance"], 1))
        before = point.copy()
        behind = (end != 0) & (point / np.where(end == 0, 1, end) < low - 1e-9)
        point[behind] = low * end[behind]
        free = [index for index in np.ndindex(end.shape) if abs(point[index] - high * end[index]) > 1e-9]
        while free and (missing := np.abs(point - end).sum() - np.abs(end).sum() * (1 - step / steps)) > 1e-6:
            padded = sorted(abs(slope[index]) for index in free) + [np.inf] * (end.size - len(free))
            bound = padded[int(options["fraction"] * (end.size - 1))]
            chosen = [index for index in free if abs(slope[index]) <= bound]
            ratio = missing / sum(abs(high * end[index] - point[index]) for index in chosen)
            for index in chosen:
                point[index] += min(ratio, 1) * (high * end[index] - point[index])
            free = [] if ratio <= 1 else [index for index in free if index not in {*chosen}]
        shares += (point - before) * slope
    close(aux.attribution, shares, atol=1e-4 * np.abs(shares).max())


def test_guided_integrated_gradients_are_complete_up_to_the_error_they_state():
    gap = float((APPLY(PARAMS, IMAGE[None]) - APPLY(PARAMS, jnp.zeros_like(IMAGE)[None]))[0, 2])
    errors = []
    for steps in (20, 500):
        _, aux = jax.jit(g.guided_integrated_gradients(APPLY, PARAMS, steps=steps, has_aux=True))(IMAGE, 2)
        close(aux.attribution.sum() - aux.completeness_error, gap, rtol=1e-4)
        errors.append(abs(float(aux.completeness_error)))
    assert errors[1] < errors[0] < 0.1 * gap


def test_on_a_straight_path_guided_integrated_gradients_are_integrated_gradients():
    straight = g.guided_integrated_gradients(APPLY, PARAMS, steps=5, max_distance=0.0, has_aux=True)
    path = g.integrated_gradients(APPLY, PARAMS, steps=5, rule=g.riemann_left, has_aux=True)
    for ours, expected in zip(straight(IMAGE, 2)[1], path(IMAGE, 2)[1], strict=True):
        if isinstance(ours, jax.Array):
            close(ours, expected)


def test_quadratures_integrate_what_they_are_exact_for():
    for rule, degree in [(g.riemann_left, 0), (g.riemann_right, 0), (g.riemann_middle, 1), (g.trapezoid, 1)]:
        points, weights = rule(6)
        assert weights.sum() == pytest.approx(1)
        assert (weights * points**degree).sum() == pytest.approx(1 / (degree + 1))
    points, weights = g.gauss_legendre(6)
    assert (weights * points**11).sum() == pytest.approx(1 / 12)


def test_score_cam_is_group_cam_with_a_group_for_each_channel_and_unit_weights():
    channels = ACTIVATION.shape[-1]
    black = jax.nn.softmax(APPLY(PARAMS, jnp.zeros((1, 12, 12, 3)))[0])
    for label in range(5):
        group = g.group_cam(
            APPLY,
            PARAMS,
            groups=channels,
            channel_weights=None,
            percentile=None,
            baseline=g.constant(0.0),
            merging=lambda gain, shown, enlarged: merge(gain, enlarged),
        )
        score = g.score_cam(APPLY, PARAMS, weigh=lambda scores, label=label: scores - black[label])
        close(score(IMAGE, label), group(IMAGE, label), atol=2e-4)


def test_fast_score_cam_takes_the_channels_that_vary_most():
    explain = g.score_cam(APPLY, PARAMS, channels=3, has_aux=True)
    _, fast = explain(IMAGE, 2)
    _, full = g.score_cam(APPLY, PARAMS, has_aux=True)(IMAGE, 2)
    chosen = jnp.argsort(-ACTIVATION.var((0, 1)))[:3]
    close(fast.scores, full.scores[chosen])
    close(g.score_cam(APPLY, PARAMS, channels=8)(IMAGE, 2), g.score_cam(APPLY, PARAMS)(IMAGE, 2))
    with pytest.raises(ValueError, match=r"channels=9 but layer .*'block'.* has 8; choose at most 8"):
        g.score_cam(APPLY, PARAMS, channels=9)(IMAGE, 2)


def test_permuting_channels_within_a_group_changes_nothing():
    order = jnp.array([1, 0, 3, 2, 4, 5, 7, 6])  # groups of two
    conv = {**PARAMS["conv2"], "kernel": PARAMS["conv2"]["kernel"][..., order], "bias": PARAMS["conv2"]["bias"][order]}
    stem = {"kernel": PARAMS["stem"]["kernel"][..., order], "bias": PARAMS["stem"]["bias"][order]}
    first = {**PARAMS["conv1"], "kernel": PARAMS["conv1"]["kernel"][:, :, order]}
    fc = {**PARAMS["fc"], "kernel": PARAMS["fc"]["kernel"][order]}
    permuted = {**PARAMS, "stem": stem, "conv1": first, "conv2": conv, "fc": fc}
    close(APPLY(permuted, IMAGE[None]), APPLY(PARAMS, IMAGE[None]))
    close(g.group_cam(APPLY, permuted, groups=4)(IMAGE, 2), g.group_cam(APPLY, PARAMS, groups=4)(IMAGE, 2))


def test_group_cam_of_a_flipped_image_is_flipped():
    symmetric = {
        name: {**w, "kernel": w["kernel"] + w["kernel"][:, ::-1]} if w["kernel"].ndim == 4 else w
        for name, w in PARAMS.items()
    }
    explain = g.group_cam(APPLY, symmetric, groups=4)
    close(explain(IMAGE[:, ::-1], 2), explain(IMAGE, 2)[:, ::-1], atol=1e-4)


def test_group_cam_of_several_layers_holds_the_votes_of_each():
    alone = [g.group_cam(APPLY, PARAMS, groups=4, layer=one, has_aux=True)(IMAGE, 2)[1] for one in (0, "block")]
    saliency, aux = g.group_cam(APPLY, PARAMS, groups=4, layer=[0, "block"], has_aux=True)(IMAGE, 2)
    close(aux.gain, jnp.concatenate([one.gain for one in alone]))
    for mask, one in zip(aux.masks, alone, strict=True):
        close(mask, one.masks)
    close(
        g.group_cam(APPLY, PARAMS, groups=4, layer=["block"])(IMAGE, 2), g.group_cam(APPLY, PARAMS, groups=4)(IMAGE, 2)
    )
    assert saliency.max() == 1


def test_group_cam_without_gradients_runs_nothing_backward():
    explain = g.group_cam(APPLY, PARAMS, groups=4, channel_weights=None, percentile=None, has_aux=True)
    _, aux = explain(IMAGE, 2)
    close(aux.masks, jax.nn.relu(ACTIVATION).reshape(12, 12, 4, 2).sum(3).transpose(2, 0, 1))


def test_ablation_cam_on_a_pooled_linear_head():
    drop = WEIGHTS[:, 2] * ACTIVATION.mean((0, 1))
    saliency, aux = g.ablation_cam(APPLY, PARAMS, has_aux=True)(IMAGE, 2)
    close(aux.drop, drop)
    close(saliency, unit_range(jax.nn.relu(ACTIVATION @ drop)))


@pytest.mark.parametrize("label", range(5))
def test_recipro_cam_of_the_logit_is_cam_and_the_gaussian_smooths_it(label):
    close(g.recipro_cam(APPLY, PARAMS, score=g.logit)(IMAGE, label), g.cam(APPLY, PARAMS)(IMAGE, label))
    padded = np.pad(ACTIVATION @ WEIGHTS[:, label], 1)
    smooth = sum(
        weight * padded[i : i + 12, j : j + 12] for (i, j), weight in np.ndenumerate(np.outer([1, 2, 1], [1, 2, 1]))
    )
    gaussian = g.recipro_cam(APPLY, PARAMS, score=g.logit, gaussian=True)(IMAGE, label)
    close(gaussian, unit_range(jnp.asarray(smooth)))


@pytest.mark.parametrize("gaussian", [False, True])
def test_recipro_cam_by_hand(gaussian):
    """Below the block, whose convolutions see their neighbours: every place in turn, as the equation says."""
    stem = jax.nn.relu(models.conv(PARAMS["stem"], IMAGE[None]))

    def above(params, x, _=()):
        block = models.conv(params["conv2"], jax.nn.relu(models.conv(params["conv1"], x)))
        return models.above(params, jax.nn.relu(x + block))

    around = np.outer([1, 2, 1], [1, 2, 1]) / 16 if gaussian else np.outer([0, 1, 0], [0, 1, 0])
    masks = np.zeros((144, 14, 14, 1), np.float32)
    for place, mask in enumerate(masks):
        mask[place // 12 : place // 12 + 3, place % 12 : place % 12 + 3, 0] = around
    expected = jax.nn.softmax(above(PARAMS, masks[:, 1:-1, 1:-1] * stem))[:, 2].reshape(12, 12)
    for options in ({"layer": 0}, {"layer": (lambda params, images: (stem, ()), above), "mask_batch": 50}):
        saliency, aux = g.recipro_cam(APPLY, PARAMS, gaussian=gaussian, has_aux=True, **options)(IMAGE, 2)
        close(aux.scores, expected)
        close(saliency, unit_range(expected), atol=2e-4)


def test_ward_finds_the_clusters():
    order = jax.random.permutation(jax.random.key(1), jnp.repeat(jnp.arange(4), 5))
    maps = jnp.eye(4).reshape(2, 2, 4)[:, :, order] + 0.01 * jax.random.normal(jax.random.key(2), (2, 2, 20))
    members = jax.jit(lambda maps: g.ward()(maps, 4, None))(maps)
    assert members.sum(1).tolist() == [1] * 20
    np.testing.assert_array_equal(members @ members.T, order[:, None] == order[None])


def test_ward_of_a_single_channel():
    assert g.ward()(jnp.ones((2, 2, 1)), 1, None).tolist() == [[1.0]]


def test_signed_attributions_keep_their_sign():
    attribution = jnp.array([[[1.0, 1.0], [-3.0, -1.0], [0.0, 2.0]]])
    close(g.signed(attribution), [[0.5, -1.0, 0.5]])
    close(g.largest_magnitude(attribution), [[0.0, 1.0, 0.5]])
    close(g.total_magnitude(attribution), [[0.0, 1.0, 0.0]])
    assert jnp.isfinite(g.signed(jnp.zeros((2, 2, 3)))).all()
