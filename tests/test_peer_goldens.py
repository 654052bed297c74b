"""The other methods against other people's code on the same weights: see tests/golden/README.md.

The authors of Group-CAM (Grad-CAM++, Score-CAM), pytorch-grad-cam, captum, PAIR's XRAI, and RISE on stored grids. Some
published outputs tell less than the others:

- captum's hooks know `torch.nn.ReLU` alone. MobileNetV2 has ReLU6, so that there its guided backpropagation and
  deconvolution are the plain gradient, which is what ours is held against. EfficientNet-Lite0 had its ReLU6 declared
  one: there, and in ResNet-50, they are the rules themselves.
- In float32 a ReLU that is a rounding error away from its kink opens on one side and not on the other, and gradients
  below it jump: computed in float64 the gradient differs from the published one by up to 5.6e-2 of its range
  (retriever/282, where ours differs from it by 9e-7). So half of the values must agree to 1e-4 of the range, and all of
  them correlate above 0.9999.
- The sign of a principal component is arbitrary, and pytorch-grad-cam's EigenCAM takes what the solver returns: ours is
  compared up to it.
"""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import keep
from test_goldens import GOLDEN, lite_network, seeded_network, trained_network

import groupcam_jax as g
from groupcam_jax.explainers.eigen_cam import principal_map
from groupcam_jax.explainers.rise import merge_scored
from groupcam_jax.families.regions import felzenszwalb_segments
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.masks import upsample
from groupcam_jax.stages.score import masked_confidence

CAMS = {
    "grad_cam_pp": g.grad_cam_pp,
    "pgc_GradCAM": g.grad_cam,
    "pgc_GradCAMPlusPlus": functools.partial(g.grad_cam_pp, coefficients=g.separate),
    "pgc_HiResCAM": g.hires_cam,
    "pgc_XGradCAM": g.xgrad_cam,
    "pgc_LayerCAM": g.layer_cam,
    "pgc_GradCAMElementWise": g.grad_cam_elementwise,
    "pgc_EigenCAM": g.eigen_cam,
    "pgc_EigenGradCAM": g.eigen_grad_cam,
}
OTHER_SIGN = {
    "pgc_EigenCAM other": g.class_activation_map(lambda activation, _: -principal_map(activation)),
    "pgc_EigenGradCAM other": g.class_activation_map(lambda activation, slope: -principal_map(activation * slope)),
}
ATTRIBUTIONS = {
    "captum_saliency": g.gradient,
    "captum_guided_backprop": g.guided_backprop,
    "captum_deconvolution": g.deconvolution,
    "captum_guided_grad_cam": g.guided_grad_cam,
}
INTEGRATED = "captum_integrated_gradients_50_riemann_left_black"
BLACK = {"baselines": [g.constant(-1.0)], "rule": g.riemann_left, "steps": 50, "step_batch": 5}


@pytest.fixture(scope="module")
def network(request):
    """`(network, golden file, thinning of its maps)`, MobileNetV2 where it is at hand."""
    if request.param == "resnet50":
        return seeded_network("resnet50"), np.load(GOLDEN / "resnet50_seeded.npz"), 4
    if request.param == "efficientnet_lite0":
        return lite_network(), np.load(GOLDEN / "efficientnet_lite0.npz"), 4
    assets = request.getfixturevalue("assets")
    return trained_network(assets), np.load(assets / "goldens" / "trained" / "mobilenet_v2.npz"), 1


def on(*networks):
    return pytest.mark.parametrize("network", networks, indirect=True)


def labelled(golden, name):
    """The pictures and labels that a golden file holds a method's output for."""
    return [key.split("/")[:2] for key in golden.files if key.endswith(f"/{name}")]


def compiled(network, builders, **options):
    """One program for several methods: they share the forward pass."""
    apply, params, layer, _ = network

    def explain(params, image, label):
        outputs = {}
        for name, build in builders.items():
            spatial = {"layer": layer} if "layer" in inspect.signature(build).parameters else {}
            outputs[name] = build(apply, params, has_aux=True, **spatial, **options)(image, label)
        return outputs

    return functools.partial(jax.jit(explain), params)


def assert_attributions_agree(ours, golden, key):
    theirs = golden[key]
    median = np.median(np.abs(ours - theirs)) / np.ptp(theirs)
    assert median < 1e-4
    assert correlation(ours, theirs) > 0.9999
    keep(golden, key.rpartition("/")[2], median=median, uncorrelated=1 - correlation(ours, theirs))


def correlation(ours, theirs):
    return np.corrcoef(np.ravel(ours), np.ravel(theirs))[0, 1]


@on("efficientnet_lite0", "mobilenet_v2")
def test_class_activation(network):
    network, golden, step = network
    explain = compiled(network, CAMS | OTHER_SIGN)
    pictures = labelled(golden, "grad_cam_pp")
    assert len(pictures) >= 6
    for picture, label in pictures:
        maps = explain(network[-1](golden[f"{picture}/image_u8"]), int(label))
        for name in CAMS:
            theirs = golden[f"{picture}/{label}/{name}"]
            saliency, *other = [np.asarray(maps[one][0])[::step, ::step] for one in maps if one.split()[0] == name]
            closest = min((saliency, *other), key=lambda one: np.abs(one - theirs).max())
            np.testing.assert_allclose(closest, theirs, atol=1e-4, rtol=0, err_msg=f"{picture} {label} {name}")
            keep(golden, name, largest=np.abs(closest - theirs).max())


@on("efficientnet_lite0", "resnet50", "mobilenet_v2")
def test_attributions(network):
    network, golden, _ = network
    is_relu6 = network[2] == "head"
    explain = compiled(network, {"captum_saliency": g.gradient} if is_relu6 else ATTRIBUTIONS)
    for picture, label in labelled(golden, "captum_saliency"):
        outputs = explain(network[-1](golden[f"{picture}/image_u8"]), int(label))
        outputs = {name: np.asarray(aux.attribution)[::4, ::4] for name, (_, aux) in outputs.items()}
        if is_relu6:
            outputs["captum_guided_backprop"] = outputs["captum_deconvolution"] = outputs["captum_saliency"]
        outputs["captum_saliency"] = np.abs(outputs["captum_saliency"])
        for name, ours in outputs.items():
            theirs = golden[f"{picture}/{label}/{name}"]
            assert_attributions_agree(ours, golden, f"{picture}/{label}/{name}")
            if not is_relu6 and name != "captum_saliency":  # where kinks hardly show: beside 0 to 7 of 9,408 values
                assert np.quantile(np.abs(ours - theirs), 0.999) < 1e-4 * np.ptp(theirs)


@on("resnet50")
def test_integrated_gradients_and_xrai(network):
    """XRAI's attribution is integrated gradients: one run for both. Its segments were found in the picture itself."""
    network, golden, step = network
    apply, params, _, preprocess = network

    @jax.jit
    def explain(params, image, label, segments):
        return g.xrai(apply, params, segments=segments, has_aux=True, **BLACK)(image, label)

    picture, label = labelled(golden, "pair_xrai_from_captum_ig")[0]  # half a minute for one
    pixels = golden[f"{picture}/image_u8"]
    segments = felzenszwalb_segments(pixels.astype(np.float32))  # the normalised picture scales each colour differently
    saliency, aux = explain(params, preprocess(pixels), int(label), segments)
    assert_attributions_agree(np.asarray(aux.attribution)[::4, ::4], golden, f"{picture}/{label}/{INTEGRATED}")
    xrai = golden[f"{picture}/{label}/pair_xrai_from_captum_ig"]
    alike = correlation(np.asarray(saliency)[::step, ::step], xrai)
    assert alike > 0.9999
    keep(golden, "pair_xrai_from_captum_ig", uncorrelated=1 - alike)


@on("resnet50")
def test_rise_on_stored_grids(network):
    (apply, params, _, preprocess), golden, step = network

    @jax.jit
    def explain(params, image, label, grids):
        cut = cut_at_image(apply, params, image)
        confidence = masked_confidence(cut, image, g.constant(0.0), None, g.probability, label)
        total = merge_scored(confidence, grow, grids, 8, None)
        return total / (0.5 * len(grids))

    def grow(grid):
        return upsample(grid, (224, 224))

    picture, label = labelled(golden, "rise_from_grid_masks")[0]
    grids = jnp.asarray(golden[f"{picture}/rise_grid_masks_8x8"], jnp.float32)
    saliency = explain(params, preprocess(golden[f"{picture}/image_u8"]), int(label), grids)
    theirs, ours = golden[f"{picture}/{label}/rise_from_grid_masks"], np.asarray(saliency)[::step, ::step]
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)
    keep(golden, "rise_from_grid_masks", largest=np.abs(ours - theirs).max())


def test_integrated_gradients_of_efficientnet_lite():
    network = lite_network()
    black = {"baseline": g.constant(-127 / 128), "rule": g.riemann_left, "steps": 20, "step_batch": 5}
    with np.load(GOLDEN / "efficientnet_lite0.npz") as golden:
        explain = compiled(network, {"integrated": functools.partial(g.integrated_gradients, **black)})
        pictures = labelled(golden, "captum_integrated_gradients_20_riemann_left_black")
        assert len(pictures) == 4
        for picture, label in pictures:
            _, aux = explain(network[-1](golden[f"{picture}/image_u8"]), int(label))["integrated"]
            key = f"{picture}/{label}/captum_integrated_gradients_20_riemann_left_black"
            assert_attributions_agree(np.asarray(aux.attribution)[::4, ::4], golden, key)


def test_score_cam_of_the_trained_network(assets):
    apply, params, layer, preprocess = trained_network(assets)
    with np.load(assets / "goldens" / "trained" / "mobilenet_v2.npz") as golden:
        (picture, label), image = ("catdog", 243), preprocess(golden["catdog/image_u8"])
        authors = golden[f"{picture}/{label}/score_cam_reference"]
        ours = np.asarray(jax.jit(g.score_cam(apply, params, layer=layer))(image, label))
        np.testing.assert_allclose(ours, authors, atol=1e-4, rtol=0)
        keep(golden, "score_cam_reference", largest=np.abs(ours - authors).max())
