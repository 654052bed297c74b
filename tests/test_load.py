"""Networks by name, with weights from a file."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.seeded_weights import seeded_state_dict
from seeded import seeded_variables, variable_shapes

import pretrained
from groupcam_jax.program.find import find_activation
from groupcam_jax.program.flat import trace
from pretrained.catalogue import IMAGENET
from pretrained.convert import to_torch
from pretrained.networks import resnet
from pretrained.networks.imagenet import class_names, normalize
from pretrained.torch_files.state_dict import write_safetensors


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Seeded weights of ResNet-18 in torch's names."""
    template = variable_shapes(resnet.resnet18())
    zeros = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.zeros((), leaf.dtype), leaf.shape), template)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    write_safetensors(path, seeded_state_dict({name: array.shape for name, array in to_torch(zeros).items()}))
    return path


@pytest.fixture
def names(tmp_path, monkeypatch):
    """A cache that holds names of classes."""
    index = {str(label): [f"n{label:08}", f"name_{label}"] for label in range(1000)}
    (tmp_path / "imagenet_class_index.json").write_text(json.dumps(index))
    monkeypatch.setenv("GROUPCAM_CACHE", str(tmp_path))
    monkeypatch.setattr("pretrained.networks.imagenet.CLASS_INDEX_DIGEST", "md5:")


def test_weights_from_a_file(weights, names):
    model = pretrained.load("resnet18", weights)
    module = resnet.resnet18()
    images = jax.random.normal(jax.random.key(0), (1, 64, 64, 3))
    expected = module.apply(seeded_variables(module), images)
    np.testing.assert_allclose(model.apply(model.params, images), expected, atol=1e-5)
    assert model.class_names[281] == "name_281"
    assert model.layer == "layer4_1"


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(ValueError, match=r"missing: layer1.2.conv1.weight"):
        pretrained.load("resnet34", weights)


def test_every_network_has_its_default_layer():
    deep = ("resnet101", "resnet152")  # their last stage is that of ResNet-50, and tracing them takes long
    assert {IMAGENET[name][1] for name in deep} == {IMAGENET["resnet50"][1]}
    for build, layer in (network for name, network in IMAGENET.items() if name not in deep):
        module, images = build(), jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
        program = trace(module.apply, variable_shapes(module), images)
        activation = find_activation(program, layer, None, "NHWC")
        assert activation.shape[0] == (7 if "layer4" in layer else 14)
        assert activation.is_cut


def test_names_that_cannot_be_had_are_numbers_and_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPCAM_CACHE", str(tmp_path))
    monkeypatch.setattr("pretrained.networks.imagenet.CLASS_INDEX_URL", "http://127.0.0.1:9/class_index.json")
    with pytest.warns(UserWarning, match="classes go by number"):
        names = class_names()
    assert names[999] == "class 999"


def test_normalize():
    np.testing.assert_allclose(normalize(np.full((1, 1, 3), 255, np.uint8))[0, 0], [2.2489, 2.4286, 2.64], atol=1e-4)


def test_errors():
    with pytest.raises(ValueError, match="there is no network 'alexnet'; there are shapes, resnet18"):
        pretrained.load("alexnet")
    with pytest.raises(ValueError, match="'shapes' has its own weights"):
        pretrained.load("shapes", "weights.pth")
