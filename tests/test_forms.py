"""The faster forms of convolutions and poolings compute what XLA's own do, on their platforms, and can be left out."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from groupcam_jax import as_written, faster, group_cam
from groupcam_jax.forms.blocks import block_convolution
from groupcam_jax.program import normalized as normalizing
from groupcam_jax.program.flat import trace

# (h, w, c, k), kernel size, stride, border, groups: every form and the edges between them.
CONVOLUTIONS = [
    ((5, 4, 3, 2), 1, 1, 0, 1),
    ((5, 4, 3, 2), 1, 2, 0, 1),
    ((1, 1, 3, 2), 1, 3, 0, 1),
    ((5, 4, 3, 2), 1, 1, 1, 1),
    ((9, 8, 3, 5), 4, 4, 0, 1),
    ((9, 11, 3, 5), 2, 3, 0, 1),
    ((8, 9, 3, 4), 2, 3, 0, 1),
    ((24, 29, 128, 128), 3, 1, 1, 1),
    ((27, 33, 128, 130), 3, 1, 1, 1),
    ((8, 9, 129, 128), 3, 1, 1, 1),
    ((13, 8, 128, 128), 3, 1, 1, 1),
    ((7, 7, 128, 128), 3, 1, 1, 1),
    ((56, 43, 128, 128), 3, 1, 1, 1),
    ((4, 5, 16, 24), 5, 1, 2, 1),
    ((9, 10, 128, 128), 3, 2, 1, 1),
    ((9, 9, 128, 128), 3, 1, 0, 1),
    ((12, 11, 3, 8), 7, 2, 3, 1),
    ((14, 17, 3, 4), 5, 3, 0, 1),
    ((9, 8, 1, 4), 3, 4, 1, 1),
    ((9, 8, 6, 6), 3, 1, 1, 6),
    ((11, 7, 5, 5), 5, 2, 2, 5),
    ((2, 3, 4, 4), 5, 3, 2, 4),
    ((4, 9, 3, 3), 3, 2, 0, 3),
    ((9, 9, 2, 2), 7, 1, 3, 2),
    ((6, 6, 4, 8), 3, 1, 1, 4),
    ((6, 7, 12, 9), 3, 2, 1, 3),
    ((1, 2, 128, 128), 3, 1, 1, 1),
    ((6, 6, 36, 4), 3, 1, 1, 2),  # no form
]
WINOGRAD, SMALL = CONVOLUTIONS[12], CONVOLUTIONS[11]  # of enough products without vmap, and only under it
CONVOLVED = "stablehlo.convolution"
NHWC = ("NHWC", "HWIO", "NHWC")


def random(seed, shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def pair(shape, size, stride, border, groups, dtype=jnp.float32, layout=("NHWC", "HWIO", "NHWC"), **options):
    """The library's convolution, with and without a form, and what it is of."""
    h, w, c, k = shape
    x = random(0, [{"N": 2, "H": h, "W": w, "C": c}[axis] for axis in layout[0]], dtype)
    kernel = random(1, [{"H": size, "W": size, "I": c // groups, "O": k}[axis] for axis in layout[1]], dtype)
    library = partial(
        lax.conv_general_dilated,
        window_strides=(stride, stride),
        padding=[(border, border)] * 2,
        feature_group_count=groups,
        dimension_numbers=layout,
        **options,
    )
    return faster(library), library, (x, kernel)


def assert_close(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    actual, expected = np.asarray(actual, np.float32), np.asarray(expected, np.float32)
    spread = np.ptp(expected) if expected.size else 0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * spread + 1e-6)


def compare(formed, library, arrays):
    """Values, and derivatives in both directions of both arguments."""
    pull = random(2, jax.eval_shape(library, *arrays).shape)

    @jax.jit
    def compute(*arrays):
        outputs, pull_back = jax.vjp(formed, *arrays)
        expected, library_pull_back = jax.vjp(library, *arrays)
        forward = jax.jvp(formed, arrays, arrays)[1]  # a convolution is bilinear
        return (*pull_back(pull), outputs, forward), (*library_pull_back(pull), expected, 2 * expected)

    for one, other in zip(*compute(*arrays), strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_form_agrees_with_the_library(case):
    compare(*pair(*case))


def each_alone(function):
    return lambda x, kernel: jax.vmap(lambda image: function(image[None], kernel)[0])(x)


@pytest.mark.parametrize("case", CONVOLUTIONS[7:13], ids=str)
def test_form_of_images_that_vmap_adds(case):
    formed, library, arrays = pair(*case)
    compare(each_alone(formed), library, arrays)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
def test_form_of_mapped_batches_and_kernels(axes):
    formed, library, arrays = pair(*SMALL)
    arrays = [one if axis is None else jnp.stack([one, 2 * one[::-1]]) for one, axis in zip(arrays, axes, strict=True)]
    compare(jax.vmap(formed, axes), jax.vmap(library, axes), tuple(arrays))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_convolution_agrees_with_the_library(data):
    side = st.integers(1, 9)
    groups, inputs, outputs = (data.draw(st.integers(1, 3)) for _ in range(3))
    size, stride, border = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2))
    h, w = (max(data.draw(side), size - 2 * border) for _ in range(2))
    layout = data.draw(st.sampled_from([("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW"), ("NCHW", "HWIO", "NHWC")]))
    compare(*pair((h, w, groups * inputs, groups * outputs), size, stride, border, groups, layout=layout))


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(("side", "stride", "border"), [(1, 1, 0), (1, 2, 0), (8, 1, -1), (8, 2, -1)])
def test_empty_results_and_negative_borders(side, stride, border, groups):
    compare(*pair((side, side, 3, 6), 3, stride, border, groups))


@pytest.mark.parametrize("layout", [("NCHW", "OIHW", "NCHW"), ("CWNH", "WOHI", "HCWN")], ids=str)
@pytest.mark.parametrize("case", [CONVOLUTIONS[4], WINOGRAD, CONVOLUTIONS[16], CONVOLUTIONS[25]], ids=str)
def test_form_in_other_layouts(case, layout):
    compare(*pair(*case, layout=layout))


@pytest.mark.parametrize("case", [CONVOLUTIONS[1], CONVOLUTIONS[9], CONVOLUTIONS[19]], ids=str)
@pytest.mark.parametrize(("platform", "convolutions"), [("cpu", 0), ("cuda", 1), ("tpu", 1)])
def test_other_platforms_convolve_as_written(platform, convolutions, case):
    formed, _, (x, kernel) = pair(*case)
    program = jax.jit(jax.vmap(lambda image: formed(image[None], kernel)))
    lowered = program.trace(x).lower(lowering_platforms=(platform,))
    assert lowered.as_text().count(CONVOLVED) == convolutions
    if platform == jax.default_backend():  # the choice itself is gone too; groups keep the conditional of their sum
        assert lowered.compile().as_text().count(" conditional(") == (case[-1] > 1)


@pytest.mark.parametrize("constant", [True, False])
def test_compiler_computes_shifted_products_once(constant):
    formed, _, (x, kernel) = pair((9, 8, 6, 6), 3, 1, 1, 6)

    def layer(x, kernel):
        y = formed(x, kernel) + 1
        centred = y - y.mean(-1, keepdims=True)  # three loops read the sum
        return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True))

    program = jax.jit(lambda x: layer(x, kernel)).lower(x) if constant else jax.jit(layer).lower(x, kernel)
    once = 2 * (kernel[..., 0].size + 1)  # taps of both branches, each a slice of the images and one of the kernel
    assert program.compile().as_text().count(" slice(") <= once


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_blocks_of_any_stride_agree_with_the_library(dtype, data):
    strides = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 3)))
    sizes, channels = data.draw(st.tuples(st.integers(1, 7), st.integers(1, 7))), data.draw(st.integers(1, 4))
    padding = data.draw(st.tuples(*[st.tuples(st.integers(-1, 3), st.integers(-1, 3))] * 2))
    side = [data.draw(st.integers(max(1, size - sum(pads)), 12)) for size, pads in zip(sizes, padding, strict=True)]
    x, kernel = random(0, (2, *side, channels), dtype), random(1, (*sizes, channels, 5), dtype)
    # Cut first: jaxlib 0.10.2 convolves wrongly on CPU where one side is cut and the other padded.
    crop = [(min(0, low), min(0, high), 0) for low, high in padding]
    cut = lax.pad(x, jnp.zeros((), dtype), [(0, 0, 0), *crop, (0, 0, 0)])
    padded = [(max(0, low), max(0, high)) for low, high in padding]
    expected = lax.conv_general_dilated(cut, kernel, strides, padded, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    assert_close(block_convolution(x, kernel, strides, padding), expected, 1e-5 if dtype == jnp.float32 else 1e-2)


def normalized(params, x, *, layout="NHWC"):
    """A convolution and what frameworks write after it, with a residual and ReLU."""
    along = (
        (lambda vector: vector[None, None, None]) if layout == "NHWC" else (lambda vector: vector[None, :, None, None])
    )
    numbers = (layout, "HWIO", layout)
    y = lax.conv_general_dilated(x, params["kernel"], (1, 1), "SAME", dimension_numbers=numbers)
    scale = lax.rsqrt(along(params["variance"]) + 1e-3) * along(params["scale"])
    y = (y.astype(jnp.float32) - along(params["mean"])) * scale / 2 + along(params["bias"])
    return jax.nn.relu(y.astype(x.dtype) + x)


def explained(function, params, x):
    """What explainers run of a model with this layer."""

    def model(params, images):
        return function(params, images.reshape(x.shape)).reshape(len(x), -1)

    return lambda params, x: trace(model, params, x)(params, x).reshape(x.shape)


def full_size(operation, function, platform, params, x):
    """How often an operation is applied to arrays of the shape of x."""
    text = jax.jit(function).trace(params, x).lower(lowering_platforms=(platform,)).as_text()
    return len(re.findall(rf"stablehlo.{operation} .*<{'x'.join(map(str, x.shape))}x", text))


@pytest.fixture
def as_on_cuda(monkeypatch):
    """Makes this platform compute what CUDA would; what was traced before is forgotten, and so is what this traces."""

    def compute_as_on_cuda():
        monkeypatch.setattr(lax, "platform_dependent", lambda *xs, cuda=None, **rest: (cuda or rest["default"])(*xs))
        normalizing.normalized.cache_clear()

    yield compute_as_on_cuda
    normalizing.normalized.cache_clear()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_is_folded_into_the_kernel_on_cuda_alone(dtype, layout, as_on_cuda):
    params = {name: random(seed, (5,)) for seed, name in enumerate(("mean", "scale", "bias"))}
    params |= {"kernel": random(3, (3, 3, 5, 5), dtype), "variance": jnp.abs(random(4, (5,)))}
    x = random(5, {"NHWC": (2, 6, 7, 5), "NCHW": (2, 5, 6, 7)}[layout], dtype)
    function = partial(normalized, layout=layout)
    formed = explained(function, params, x)
    assert [full_size("multiply", formed, platform, params, x) for platform in ("cpu", "cuda", "tpu")] == [1, 0, 1]
    as_on_cuda()
    if dtype == jnp.float32:
        assert_close(formed(params, x), function(params, x))
        pull = random(6, x.shape)
        gradients = [jax.vjp(one, params, x)[1](pull) for one in (formed, function)]
        jax.tree.map(partial(assert_close, tolerance=1e-4), *gradients)
    else:
        exact = function(*jax.tree.map(lambda array: array.astype(jnp.float32), (params, x)))
        lost = [jnp.abs(one(params, x).astype(jnp.float32) - exact).mean() for one in (formed, function)]
        assert lost[0] < 1.5 * lost[1]


def read_twice(params, x, y):
    del x
    return jax.nn.relu(y) + y * params["scale"]


def scaled_by_the_image(params, x, y):
    return y * x.mean((0, 1, 2), keepdims=True) * params["scale"]


def scaled_by_each_pixel(params, x, y):
    del x
    return y * params["pixels"]


@pytest.mark.parametrize("then", [read_twice, scaled_by_the_image, scaled_by_each_pixel])
def test_what_is_no_batch_norm_is_not_folded(then, as_on_cuda):
    params = {"kernel": random(0, (3, 3, 4, 4)), "scale": random(1, (1, 1, 1, 4)), "pixels": random(2, (1, 5, 5, 1))}
    x = random(3, (1, 5, 5, 4))

    def function(params, x):
        y = lax.conv_general_dilated(x, params["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return then(params, x, y)

    formed = explained(function, params, x)
    products = full_size("multiply", function, "cuda", params, x)
    assert products == full_size("multiply", formed, "cuda", params, x) > 0
    as_on_cuda()
    assert_close(formed(params, x), function(params, x))


def convolved(x, kernel, **options):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.bfloat16, jnp.float8_e4m3fn])
def test_kernels_that_cannot_hold_the_scale_are_not_folded(dtype, as_on_cuda):
    params = {"kernel": (9 * random(0, (3, 3, 4, 4))).astype(dtype)}
    x = random(1, (1, 5, 5, 4))

    def function(params, x):
        return convolved(x.astype(dtype), params["kernel"], preferred_element_type=jnp.float32) * 1e-3

    as_on_cuda()
    assert_close(explained(function, params, x)(params, x), function(params, x))


def test_convolutions_of_weights_alone_stay():
    params = {"a": random(0, (3, 3, 4, 4)), "b": random(1, (3, 3, 4, 4)), "x": random(2, (1, 1, 1, 4))}
    x = random(3, (1, 5, 5, 4))

    def function(params, x):
        return x + convolved(params["x"], params["a"]) * convolved(params["x"], params["b"]) * 2

    assert_close(explained(function, params, x)(params, x), function(params, x))


def test_strided_first_layers_run_in_blocks_on_cuda_where_they_suit():
    def strides(kernel, stride):
        x, weights = random(0, (1, 16, 16, kernel[2])), random(1, kernel)
        layer = faster(partial(lax.conv_general_dilated, window_strides=stride, padding="SAME", dimension_numbers=NHWC))
        text = jax.jit(layer).trace(x, weights).lower(lowering_platforms=("cuda",)).as_text()
        return re.findall(r"stride = \[(\d, \d)\]", text)

    assert strides((7, 7, 3, 8), (2, 2)) == ["1, 1"]
    assert strides((1, 1, 16, 8), (2, 2)) == ["2, 2"]
    assert strides((3, 3, 3, 8), (2, 2)) == ["2, 2"]


def test_only_what_has_a_form_changes():
    def convolutions(*case, run=lambda function: function, **options):
        formed, _, arrays = pair(*case, **options)
        return jax.jit(run(formed)).lower(*arrays).as_text().count(CONVOLVED)

    wide_groups = CONVOLUTIONS[-1]
    assert convolutions(*WINOGRAD) == 0
    assert [convolutions(*SMALL), convolutions(*SMALL, run=each_alone)] == [1, 0]
    assert convolutions(*wide_groups) == 1
    assert convolutions(*WINOGRAD, dtype=jnp.bfloat16) == 1
    assert convolutions(*WINOGRAD, precision="highest") == 1  # Winograd's rounding errors are larger
    assert convolutions(*CONVOLUTIONS[0], precision="highest") == 0
    assert convolutions(*WINOGRAD, rhs_dilation=(2, 2)) == 1


def test_same_convolutions_are_one_function():
    x, kernel = random(0, (1, 8, 8, 128)), random(1, (3, 3, 128, 128))
    numbers = ("NHWC", "HWIO", "NHWC")

    def twice(x, kernel):
        for _ in range(2):
            x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=numbers)
        return x

    text = jax.jit(faster(twice)).lower(x, kernel).as_text()
    assert text.count("func.func private @convolve") == 1
    assert text.count("call @convolve") == 2


def test_same_batch_norms_are_one_function():
    def network(params, x):
        for layer in params:
            x = normalized(layer, x)
        return jax.nn.relu(convolved(x, params[0]["kernel"]) * 0.5) + convolved(x, params[0]["kernel"]) * 0.25

    def layer(seed):
        vectors = {name: jnp.abs(random(seed, (5,))) for name in ("mean", "scale", "bias", "variance")}
        return {"kernel": random(seed, (3, 3, 5, 5)), **vectors}

    params, x = [layer(0), layer(1)], random(2, (2, 6, 7, 5))
    formed = explained(network, params, x)
    text = jax.jit(formed).lower(params, x).as_text()
    assert [text.count(f"{word} @normalize") for word in ("func.func private", "call")] == [3, 4]
    assert_close(formed(params, x), network(params, x))


@pytest.mark.parametrize(("window", "stride", "border"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)])
def test_max_pool_and_its_gradient(window, stride, border):
    x = random(0, (2, 9, 12, 3))
    pool = partial(
        nn.max_pool,
        window_shape=(window, window),
        strides=(stride, stride),
        padding=((border, border), (border, border)),
    )

    @jax.jit
    def compute(x):
        actual, pull = jax.vjp(faster(pool), x)
        expected, library_pull = jax.vjp(pool, x)
        return (actual, expected), (pull(actual)[0], library_pull(actual)[0])

    outputs, gradients = compute(x)
    assert_close(*outputs, 0)
    assert_close(*gradients)
    assert "select_and_scatter" not in jax.jit(jax.grad(lambda x: faster(pool)(x).sum())).lower(x).as_text()


def test_max_pool_of_equal_values_and_of_nan():
    pool = faster(lambda x: nn.max_pool(x, (2, 2), (2, 2)))
    pull = jax.vjp(pool, jnp.ones((1, 2, 4, 1)))[1]
    np.testing.assert_array_equal(pull(jnp.ones((1, 1, 2, 1)))[0][0, :, :, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])
    pull = jax.vjp(pool, jnp.array([[0.0, 1.0], [1.0, 0.0]])[None, :, :, None])[1]
    np.testing.assert_array_equal(pull(jnp.ones((1, 1, 1, 1)))[0][0, :, :, 0], [[0, 1], [0, 0]])
    for place in range(4):
        x = jnp.ones(4).at[place].set(jnp.nan).reshape(1, 2, 2, 1)
        assert jnp.isnan(pool(x)).all()


@pytest.mark.parametrize("dtype", [jnp.float8_e4m3fn, jnp.float8_e5m2fnuz])
def test_max_pool_of_types_without_infinity(dtype):
    def pool(x):
        return lax.reduce_window(x, jnp.finfo(dtype).min, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")

    x = random(0, (1, 5, 5, 2)).astype(dtype)
    assert "reduce_window_max" in str(jax.make_jaxpr(pool)(x))
    assert_close(faster(pool)(x), pool(x), 0)


def depthwise_network(params, images):
    numbers = ("NHWC", "HWIO", "NHWC")
    x = lax.conv_general_dilated(images, params["stem"], (2, 2), "SAME", dimension_numbers=numbers)
    x = jax.nn.relu(x)
    x = lax.conv_general_dilated(
        x, params["depthwise"], (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=8
    )
    return jax.nn.relu(x).mean((1, 2)) @ params["head"]


def test_explained_models_take_forms_unless_as_written():
    params = {"stem": random(0, (3, 3, 3, 8)), "depthwise": random(1, (3, 3, 1, 8)), "head": random(2, (8, 4))}
    image = random(3, (16, 16, 3))
    grouped = "feature_group_count = 8"
    formed, plain = (
        jax.jit(group_cam(model, params, groups=4)) for model in (depthwise_network, as_written(depthwise_network))
    )
    assert grouped not in formed.lower(image).as_text()
    assert grouped in plain.lower(image).as_text()
    assert_close(formed(image), plain(image))
    logits = jax.jit(as_written(depthwise_network))(params, image[None])
    assert_close(logits, depthwise_network(params, image[None]))
    program = trace(depthwise_network, params, image[None])
    assert "conv_general_dilated" in [equation.eqn.primitive.name for equation in program.equations]


def test_faster_takes_any_trees():
    @faster
    def function(tree, image):
        return {"constant": 2.0, "same": tree["b"], "sum": [tree["a"] + image]}

    result = function({"a": jnp.ones(2), "b": jnp.zeros(3)}, jnp.ones(2))
    assert jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), result) == {
        "constant": 2.0,
        "same": [0.0, 0.0, 0.0],
        "sum": [[2.0, 2.0]],
    }


class Trained(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = nn.BatchNorm(use_running_average=not train)(nn.Conv(8, (3, 3), feature_group_count=4)(x))
        return nn.Dense(5)(nn.Dropout(0.5, deterministic=not train)(x.mean((1, 2))))


def test_faster_takes_keyword_arguments_arrays_and_others():
    model, x = Trained(), random(0, (2, 8, 8, 4))
    variables = model.init(jax.random.key(1), x, train=False)

    def trained(apply, x, key):
        return apply(variables, x, train=True, mutable=["batch_stats"], rngs={"dropout": key})

    found = jax.jit(partial(trained, faster(model.apply)))(x, jax.random.key(2))
    jax.tree.map(assert_close, found, trained(model.apply, x, jax.random.key(2)))
