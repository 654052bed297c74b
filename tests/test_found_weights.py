"""Weights as people have them; `golden/torch/found_*` are PyTorch's and Lightning's."""

import json
import os
import pickle
import re
import zipfile

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from flax import linen as nn
from test_convert import GOLDEN, Toy, rezip

from groupcam_jax.class_names import read_class_names
from groupcam_jax.classifiers import load_classifier
from pretrained import catalogue
from pretrained.convert import to_flax
from pretrained.convert.__main__ import main
from pretrained.convert.hugging_face import read_config
from pretrained.convert.names import fit_names, from_hugging_face
from pretrained.convert.variables import torch_shapes
from pretrained.fine_tuned import KEY, read_fine_tuned, write_fine_tuned
from pretrained.networks.imagenet import class_index, normalize
from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.state_dict import read_state_dict, write_safetensors

TEMPLATE = jax.eval_shape(Toy().init, jax.random.key(0), jnp.zeros((1, 5, 5, 2)))
TOY = read_state_dict(GOLDEN / "zip_toy.pth")


def loaded(arrays):
    """Flax variables of the toy, and what was done to the names."""
    fitting, told = fit_names(arrays, torch_shapes(TEMPLATE))
    return to_flax(fitting, TEMPLATE), "; ".join(told)


@pytest.mark.parametrize(
    ("name", "wanted", "told"),
    [
        ("averaged.pth", None, "took those under 'module.module.'; left out 1 others: n_averaged"),
        ("compiled_inside.pth", None, "took the names without PyTorch's wrappers"),
        ("lightning.ckpt", None, "took those under 'model.'; left out 1 others: criterion.weight"),
        ("tutorial.pth", None, ""),
        ("timm.pth", "state_dict", ""),
        ("timm_legacy.pth", "state_dict", ""),
    ],
)
def test_what_training_leaves_is_loaded(name, wanted, told):
    variables, done = loaded(read_state_dict(GOLDEN / f"found_{name}", wanted))
    assert done == told
    jax.tree.map(np.testing.assert_array_equal, variables, loaded(TOY)[0])


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "encoder.", "backbone.", "model._orig_mod."])
def test_any_one_prefix_is_dropped(tmp_path, prefix):
    write_safetensors(tmp_path / "weights.safetensors", {prefix + name: array for name, array in TOY.items()})
    variables, told = loaded(read_state_dict(tmp_path / "weights.safetensors"))
    assert told
    jax.tree.map(np.testing.assert_array_equal, variables, loaded(TOY)[0])


def test_of_several_state_dicts_one_is_asked_for(caplog):
    path = GOLDEN / "found_timm.pth"
    with pytest.raises(
        CheckpointError, match=r"holds 2 state dicts, state_dict, state_dict_ema: choose with --state-d"
    ):
        read_state_dict(path)
    with pytest.raises(CheckpointError, match=r"no state dict 'ema'; it has state_dict, state_dict_ema"):
        read_state_dict(path, "ema")
    ema = read_state_dict(path, "state_dict_ema")
    np.testing.assert_array_equal(ema["fc.weight"], TOY["fc.weight"] / 2)
    assert caplog.messages == [f"{path}: took the state dict 'state_dict_ema'"]
    with pytest.raises(
        ValueError, match=r"2 times, under 'student\.', 'teacher\.': choose with --state-dict student or"
    ):
        loaded(read_state_dict(GOLDEN / "found_twice.pth"))


def test_of_several_modules_one_is_asked_for(tmp_path):
    arrays = read_state_dict(GOLDEN / "found_twice.pth")
    write_safetensors(tmp_path / "twice.safetensors", arrays)
    for path in (GOLDEN / "found_twice.pth", tmp_path / "twice.safetensors"):
        for module in ("student", "teacher"):
            chosen = read_state_dict(path, module)
            assert chosen.keys() == TOY.keys()
            for name, array in chosen.items():
                np.testing.assert_array_equal(array, arrays[f"{module}.{name}"])
        with pytest.raises(CheckpointError, match=r"no state dict 'pupil'|no name in it begins with 'pupil'"):
            read_state_dict(path, "pupil")


def test_a_head_may_be_beside_the_prefix():
    head = {name for name in TOY if name.startswith("fc.")}
    split = {name if name in head else f"backbone.{name}": array for name, array in TOY.items()}
    variables, done = loaded(split | {"loss.weight": TOY["fc.bias"]})
    jax.tree.map(np.testing.assert_array_equal, variables, loaded(TOY)[0])
    assert done.startswith("took those under 'backbone.'; took fc.")
    assert done.endswith(" beside them; left out 1 others: loss.weight")
    with pytest.raises(ValueError, match=r"missing: fc\.bias \[4\](.|\n)*unexpected: head\.bias \[4\]"):
        loaded({name.replace("fc.", "head."): array for name, array in split.items()})
    other = {f"ema.{name}": array for name, array in TOY.items() if name not in head}
    with pytest.raises(ValueError, match=r"2 times, under 'backbone\.', 'ema\.': save one of them alone"):
        loaded(split | other)
    with pytest.raises(ValueError, match=r"missing: "):  # not the body of one network and the head of another
        loaded({name: array for name, array in TOY.items() if name in head or "layer1.0" in name} | other)


def test_late_signs_are_those_that_pytorch_shows():
    numbers = np.arange(-3, 3, dtype=np.float32)
    for name in ("signs.pth", "signs_legacy.pth"):
        arrays = read_state_dict(GOLDEN / f"found_{name}")
        np.testing.assert_array_equal(arrays["neg"], -numbers)
        np.testing.assert_array_equal(arrays["imag"], -numbers[1::2])
    conjugate = read_state_dict(GOLDEN / "found_conjugate.pth")["conj"]
    np.testing.assert_array_equal(conjugate, np.array([-3 + 2j, -1 - 0j, 1 - 2j], np.complex64), strict=True)


def test_what_a_newer_pytorch_puts_off_is_refused(tmp_path):
    with zipfile.ZipFile(GOLDEN / "found_signs.pth") as archive:
        contents = archive.read("found_signs/data.pkl")
    key = b"X\x03\x00\x00\x00neg"
    at = contents.rindex(key)  # the first is the tensor's name
    changed = contents[:at] + b"X\x03\x00\x00\x00inv" + contents[at + len(key) :]
    path = rezip(GOLDEN / "found_signs.pth", tmp_path / "newer.pth", {"data.pkl": changed})
    with pytest.raises(CheckpointError, match=r"saved with 'inv', of which only conj and neg are known"):
        read_state_dict(path)


def test_numbers_of_8_bits(tmp_path):
    arrays = read_state_dict(GOLDEN / "found_float8.pth")
    assert [*arrays] == ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]
    for name, array in arrays.items():
        expected = np.arange(-3, 3).astype(getattr(ml_dtypes, name))
        np.testing.assert_array_equal(array, expected, strict=True)
    path = tmp_path / "float8.safetensors"
    header = {"w": {"dtype": "F8_E5M2", "shape": [2], "data_offsets": [0, 2]}}
    write_raw(path, header, b"\x3c\xbc")
    np.testing.assert_array_equal(read_state_dict(path)["w"], np.array([1, -1], ml_dtypes.float8_e5m2), strict=True)
    header["w"] |= {"dtype": "F4", "shape": [4]}
    write_raw(path, header, b"\x3c\xbc")
    with pytest.raises(CheckpointError, match=r"float8\.safetensors: .*w is F4, of which NumPy has no numbers"):
        read_state_dict(path)


def write_raw(path, header, data):
    """A safetensors file of this header."""
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + data)


@pytest.mark.parametrize(
    "body",
    [
        b"}" + b")" + b"\x85" * 1_000_000 + b"K\x01s",  # a key of tuples within each other
        b"})" + b"2\x86" * 60 + b"K\x01s",  # t = (t, t), 60 times over
        b"]" * 300 + b"a" * 299,
        b"]" * 100_001,  # refused before it ends
        b"}r\xff\xff\xff\x3f",  # a memo of 2^30 entries
    ],
)
def test_what_no_checkpoint_nests_is_refused_at_once(body, tmp_path):
    path = rezip(GOLDEN / "zip_toy.pth", tmp_path / "deep.pth", {"data.pkl": b"\x80\x02" + body + b"."})
    with pytest.raises(
        CheckpointError, match=r"deep\.pth: .*(nests values more than|holds more than|memo has a number)"
    ):
        read_state_dict(path)


def test_dicts_that_hold_each_other_many_times_are_refused(tmp_path):
    inner = {str(number): 0 for number in range(200)}
    outer = {str(number): {str(number): inner for number in range(200)} for number in range(200)}
    path = rezip(GOLDEN / "zip_toy.pth", tmp_path / "deep.pth", {"data.pkl": pickle.dumps(outer, 2)})
    with pytest.raises(CheckpointError, match=r"deep\.pth: .*hold more than 1,000,000 values within each other"):
        read_state_dict(path)


def test_other_files_are_called_by_their_names(tmp_path):
    with pytest.raises(CheckpointError, match=r"it is TorchScript, a program with its weights\. Save them alone"):
        read_state_dict(GOLDEN / "found_torchscript.pt")
    for entry, told in [
        ("conv1.weight.npy", r"not a PyTorch checkpoint, but arrays of NumPy's"),
        ("model.weights.h5", r"it is a model of Keras"),
        ("serialized_exported_program.json", r"it is a program of torch\.export"),
    ]:
        with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
            archive.writestr(entry, b"")
            archive.writestr("version", b"")
        with pytest.raises(CheckpointError, match=rf"other\.zip: .*{told}"):
            read_state_dict(tmp_path / "other.zip")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(CheckpointError, match=r"empty\.pth: broken or cut short: it is empty"):
        read_state_dict(tmp_path / "empty.pth")
    twice = rezip(GOLDEN / "zip_toy.pth", tmp_path / "twice.pth", {})
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("other/data.pkl", pickle.dumps({}))
    with pytest.raises(CheckpointError, match=r"twice\.pth: broken, or made to deceive: it holds data\.pkl twice"):
        read_state_dict(twice)
    for start, told in [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\n<html>", "web page"),
        (b"\x08\x07\x12\x07pytorch", "as ONNX does"),
        (pickle.dumps({"fc.bias": [1, 2]}), "as other pickles do"),
    ]:
        (tmp_path / "page.pth").write_bytes(start)
        with pytest.raises(CheckpointError, match=rf"page\.pth: not a PyTorch checkpoint.*{told}"):
            read_state_dict(tmp_path / "page.pth")
    with pytest.raises(CheckpointError, match=r"is a folder, and has none of model\.safetensors"):
        read_state_dict(tmp_path)
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(CheckpointError, match=r"pipe\.pth: expected a file, and this is a pipe"):
        read_state_dict(tmp_path / "pipe.pth")


def test_a_file_that_may_not_be_read_is_not_called_missing(tmp_path):
    write_safetensors(tmp_path / "w.safetensors", TOY)
    (tmp_path / "w.safetensors").chmod(0)
    if os.access(tmp_path / "w.safetensors", os.R_OK):
        pytest.skip("root may read anything")
    with pytest.raises(PermissionError, match=r"w\.safetensors"):
        read_fine_tuned(tmp_path / "w.safetensors")


def test_shards_are_one_state_dict(tmp_path):
    halves = {"a.safetensors": {}, "b.safetensors": {}}
    for index, (name, array) in enumerate(TOY.items()):
        halves["ab"[index % 2] + ".safetensors"][name] = array
    for file, arrays in halves.items():
        write_safetensors(tmp_path / file, arrays)
    where = {name: file for file, arrays in halves.items() for name in arrays}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    for source in (index, tmp_path):
        jax.tree.map(np.testing.assert_array_equal, loaded(read_state_dict(source))[0], loaded(TOY)[0])
    for change, message in [
        ({"fc.bias": "../a.safetensors"}, r"no file of weights '\.\./a\.safetensors' beside it"),
        ({"fc.bias": "c.safetensors"}, r"there is no file of weights 'c\.safetensors' beside it"),
        (
            {"fc.bias": index.name},
            r"no file of weights 'model\.safetensors\.index\.json'",
        ),  # it would read itself again
        ({"fc.gain": "a.safetensors"}, r"a\.safetensors: .* says that it holds fc\.gain, which it does not"),
        ({"fc.bias": 3}, "expected a JSON index"),
    ]:
        index.write_text(json.dumps({"weight_map": where | change}))
        with pytest.raises(CheckpointError, match=message):
            read_state_dict(index)


def test_names_of_hugging_face():
    """Those of `transformers` 4.57; whole networks of it gave PyTorch's logits to 1e-6."""
    names = {
        "resnet.embedder.embedder.convolution.weight": "conv1.weight",
        "model.resnet.embedder.embedder.normalization.running_mean": "model.bn1.running_mean",
        "resnet.encoder.stages.0.layers.2.layer.1.normalization.bias": "layer1.2.bn2.bias",
        "resnet.encoder.stages.3.layers.10.layer.0.convolution.weight": "layer4.10.conv1.weight",
        "resnet.encoder.stages.1.layers.0.shortcut.convolution.weight": "layer2.0.downsample.0.weight",
        "resnet.encoder.stages.1.layers.0.shortcut.normalization.weight": "layer2.0.downsample.1.weight",
        "classifier.1.bias": "fc.bias",
    }
    assert {name: from_hugging_face(name) for name in names} == names


def test_what_hugging_face_says_beside_the_weights(tmp_path, caplog):
    template = catalogue.untrained("resnet18", 2).params
    arrays = {name: np.ones(shape, np.float32) for name, shape in torch_shapes(template).items()}
    write_safetensors(tmp_path / "model.safetensors", {hugging_face(name): array for name, array in arrays.items()})
    assert catalogue.load("resnet18", tmp_path).class_names == ["class 0", "class 1"]
    assert "there is no config.json beside it; took hidden_act = 'relu', downsample_in_bottleneck" in caplog.text
    config = tmp_path / "config.json"
    for labels, names in [
        ({"0": "cat", "1": "dog"}, ["cat", "dog"]),
        ({"0": "LABEL_0", "1": "LABEL_1"}, ["class 0", "class 1"]),
        ({"0": "cat"}, ["class 0", "class 1"]),
        ({"0": "cat", "1": 1}, ["class 0", "class 1"]),
        (["cat", "dog"], ["cat", "dog"]),
    ]:
        config.write_text(json.dumps({"hidden_act": "relu", "layer_type": "basic", "id2label": labels}))
        assert catalogue.load("resnet18", tmp_path / "model.safetensors").class_names == names
    config.write_text('{"downsample_in_bottleneck": true}')
    with pytest.raises(
        ValueError, match=r"config\.json beside it says downsample_in_bottleneck = True: another network than ours"
    ):
        read_config(tmp_path / "model.safetensors", theirs=True)
    config.write_text("[")
    with pytest.raises(ValueError, match=r"config\.json beside it is damaged"):
        read_config(tmp_path, theirs=True)


def hugging_face(name):
    """The name in `transformers.ResNetForImageClassification` of a tensor of torchvision's ResNet-18."""
    for ours, theirs in [
        (r"^(conv1|bn1)\.", r"resnet.embedder.embedder.\1."),
        (r"^layer(\d)\.(\d)\.downsample\.([01])\.", r"resnet.encoder.stages.\1-.layers.\2.shortcut.\3."),
        (r"^layer(\d)\.(\d)\.(conv|bn)(\d)\.", r"resnet.encoder.stages.\1-.layers.\2.layer.\4-.\3."),
        (r"\b(conv1|conv|0)\.(?=\w+$)", "convolution."),
        (r"\b(bn1|bn|1)\.(?=\w+$)", "normalization."),
        (r"^fc\.", "classifier.1."),
    ]:
        name = re.sub(ours, theirs, name)
    return re.sub(r"(\d)-", lambda match: str(int(match[1]) - 1), name)


def test_what_is_not_this_network_keeps_its_names():
    extra = {f"model.{name}": array for name, array in (TOY | {"fc.gain": TOY["fc.bias"]}).items()}
    with pytest.raises(ValueError, match=r"unexpected: fc\.gain \[4\]$"):  # under the prefix: another network
        loaded(extra)
    many = {f"block{number}.weight": TOY["fc.bias"] for number in range(40)}
    with pytest.raises(ValueError, match="not of this model") as info:
        loaded(many)
    lines = str(info.value).splitlines()
    assert len([line for line in lines if "unexpected: " in line]) == 5
    assert "  ... and 35 more" in lines


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("fc.bias", np.array([1, np.nan, np.inf, 2]), r"NaN or infinite, .*\n  fc\.bias has 2 of 4"),
        ("fc.bias", np.array([1, 1e300, 2, 3]), r"fc\.bias has 1 of 4"),  # more than float32 can hold
        ("layer1.1.running_var", np.array([1, -1, 1.0]), r"variance negative:\n  layer1\.1\.running_var has 1 of 3"),
        ("fc.bias", np.array([1, 2, 3, 4]), r"wrong type: fc\.bias is int64, expected floating"),
        ("fc.bias", np.array([1, 2, 3, 4j]), r"wrong type: fc\.bias is complex128"),
    ],
)
def test_weights_that_would_give_no_map_are_refused(name, array, message):
    with pytest.raises(ValueError, match=message):
        loaded(TOY | {name: array})


class Net(nn.Module):
    """A network of a catalogue of its own."""

    num_classes: int = 1000

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.num_classes, name="fc")(nn.Conv(3, (3, 3), name="conv1")(x).mean((1, 2)))


@pytest.fixture
def only_net(monkeypatch):
    monkeypatch.setitem(catalogue.IMAGENET, "net", catalogue.Network(Net, "conv1"))
    monkeypatch.setattr(catalogue, "NAMES", ("net",))


def weights_of_net(classes):
    return {
        "fc.weight": np.ones((classes, 3), np.float32),
        "fc.bias": np.arange(classes, dtype=np.float32),
        "conv1.weight": np.ones((3, 3, 3, 3), np.float32),
        "conv1.bias": np.zeros(3, np.float32),
    }


def normalising(mean, std, stem="normalize."):
    """The weights of a network that normalises its pictures itself."""
    inner = {f"model.{name}": array for name, array in weights_of_net(3).items()}
    return inner | {
        f"{stem}{name}": np.float32(value).reshape(1, -1, 1, 1) for name, value in [("mean", mean), ("std", std)]
    }


HALF, QUARTER, USUAL = [0.5] * 3, [0.25] * 3, ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
PROCESSOR = "preprocessor_config.json"


@pytest.mark.parametrize(
    ("arrays", "files", "black", "source"),
    [
        (normalising(HALF, QUARTER), {}, -2, "normalize.mean and std"),
        (normalising(HALF, QUARTER, "model.new_"), {}, -2, "model.new_mean and std"),
        (weights_of_net(3), {PROCESSOR: {"image_mean": HALF, "image_std": HALF}}, -1, PROCESSOR),
        (weights_of_net(3), {PROCESSOR: {"image_mean": 127.5, "image_std": 51, "do_rescale": False}}, -2.5, PROCESSOR),
        (weights_of_net(3), {PROCESSOR: {"do_normalize": False, "image_mean": None}}, 0, PROCESSOR),
        (weights_of_net(3), {"config.json": {"pretrained_cfg": {"mean": HALF, "std": QUARTER}}}, -2, "config.json"),
        (weights_of_net(3), {"config.json": {"architecture": "net", "mean": HALF, "std": HALF}}, -1, "config.json"),
        (normalising(*USUAL), {}, None, None),
        (weights_of_net(3), {PROCESSOR: dict(zip(("image_mean", "image_std"), USUAL, strict=True))}, None, None),
        (
            {f"net.{name}": array for name, array in weights_of_net(3).items()} | {"criterion.weight": np.ones(3)},
            {"config.json": ["lr"]},  # a weight for each class, and somebody's own configuration
            None,
            None,
        ),
    ],
)
def test_pictures_are_normalised_as_those_of_the_training(only_net, arrays, files, black, source, tmp_path, caplog):
    write_safetensors(tmp_path / "model.safetensors", arrays)
    for name, told in files.items():
        (tmp_path / name).write_text(json.dumps(told))
    model = catalogue.load("net", tmp_path)
    pixels = np.zeros((1, 1, 3), np.uint8)
    if source is None:
        assert model.preprocess is normalize
        assert "normalised by" not in caplog.text
    else:
        np.testing.assert_allclose(model.preprocess(pixels), np.full((1, 1, 3), black), atol=1e-6)
        assert f", by {source}, and not as usual for this network" in caplog.text
    write_fine_tuned(tmp_path / "tuned.safetensors", model)  # a fine-tuning goes on from there
    (tmp_path / "config.json").unlink(missing_ok=True)
    again = catalogue.load("net", tmp_path / "tuned.safetensors")
    np.testing.assert_array_equal(again.preprocess(pixels + 9), model.preprocess(pixels + 9))


@pytest.mark.parametrize(
    ("arrays", "processor", "message"),
    [
        (
            weights_of_net(3) | {"bn0.running_mean": np.zeros(3)},
            {},
            r"bn0\.running_mean has three .* no bn0\.running_std",
        ),
        (normalising([123.7, 116.3, 103.5], [1, 1, 1]), {}, "expected three numbers each, of pixels"),
        (normalising(HALF, [0, 1, 1]), {}, "expected three numbers each, of pixels"),
        (
            normalising(HALF, HALF),
            {"image_mean": HALF, "image_std": QUARTER},
            r"and preprocessor_config\.json normalise .*two",
        ),
        (weights_of_net(3), {"image_mean": HALF, "image_std": [1, 2]}, r"std \[1, 2\]: expected three numbers"),
        (weights_of_net(3), {"image_mean": 0.5, "image_std": 10**400}, "expected three numbers"),
        (weights_of_net(3), {"image_mean": 0.5, "image_std": 0.5, "rescale_factor": {}}, r"of pixels times \{\}"),
        (weights_of_net(3), {"image_mean": 0.5, "image_std": 0.5, "rescale_factor": 0}, "of pixels times 0"),
        (weights_of_net(3), [], r"preprocessor_config\.json beside it is damaged: expected a JSON object"),
    ],
)
def test_a_normalisation_that_is_not_understood_is_refused(only_net, arrays, processor, message, tmp_path):
    write_safetensors(tmp_path / "w.safetensors", arrays)
    (tmp_path / PROCESSOR).write_text(json.dumps(processor))
    with pytest.raises(ValueError, match=message):
        catalogue.load("net", tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("classes", "beside", "read"),
    [
        (1000, {"head.weight": (3, 1000), "head.bias": (3,)}, "logits"),
        (7, {"head.1.weight": (2, 7)}, "logits"),
        (7, {"scale.weight": (7, 7), "scale.bias": (7,)}, "logits"),
        (1000, {"head.weight": (5, 3), "head.bias": (5,)}, "features"),
        (7, {"projector.weight": (5, 3), "projector.bias": (5,)}, None),  # fc is its own, and was trained
        (7, {"criterion.weight": (7, 7), "criterion.centers": (5, 7)}, None),
        (1000, {"teacher.conv1.bias": (9,), "teacher.fc.weight": (1000, 3)}, None),
    ],
)
def test_a_part_of_a_larger_network_is_not_taken_for_it(only_net, classes, beside, read, tmp_path):
    arrays = {f"backbone.{name}": array for name, array in weights_of_net(classes).items()}
    arrays |= {name: np.ones(shape, np.float32) for name, shape in beside.items()}
    write_safetensors(tmp_path / "w.safetensors", arrays)
    if read is not None:
        with pytest.raises(
            ValueError, match=rf"{next(iter(beside))} .* reads the {read} of this network.*--state-dict"
        ):
            catalogue.load("net", tmp_path / "w.safetensors")
    part = None if read is None else "backbone"
    model = catalogue.load("net", tmp_path / "w.safetensors", state_dict=part)
    assert len(model.class_names) == classes


def test_classes_are_named_by_what_lies_beside_any_weights(only_net, tmp_path, caplog):
    names = ["cat", "dog", "owl"]
    for config, named in [
        ({"label_names": names, "num_classes": 3}, names),
        ({"label_names": {"2": "owl", "0": "cat", "1": "dog"}, "id2label": None}, names),
        ({"model_type": "timm_wrapper", "id2label": dict(zip("012", names, strict=True)), "hidden_act": "gelu"}, names),
        ({"label_names": names[:2]}, ["class 0", "class 1", "class 2"]),
    ]:
        write_safetensors(
            tmp_path / "w.safetensors", {f"timm_model.{name}": it for name, it in weights_of_net(3).items()}
        )
        (tmp_path / "config.json").write_text(json.dumps(config))
        caplog.clear()
        assert catalogue.load("net", tmp_path / "w.safetensors").class_names == named
        assert ("took the names of its classes from config.json" in caplog.text) == (named == names)
    (tmp_path / "config.json").write_text("{")  # of something else, perhaps
    catalogue.load("net", tmp_path / "w.safetensors")
    assert "left out: " in caplog.text
    write_safetensors(tmp_path / "w.safetensors", weights_of_net(1000))
    (tmp_path / "config.json").write_text(json.dumps({"label_names": [id for id, _ in class_index()]}))
    assert catalogue.load("net", tmp_path / "w.safetensors").class_names[281] == "tabby"


def test_the_network_has_as_many_classes_as_its_weights(only_net, tmp_path, caplog):
    arrays = weights_of_net(7)
    write_safetensors(tmp_path / "w.safetensors", {f"backbone.{name}": array for name, array in arrays.items()})
    model = catalogue.load("net", tmp_path / "w.safetensors")
    assert model.apply(model.params, jnp.ones((1, 5, 5, 3))).shape == (1, 7)
    assert model.class_names == [f"class {label}" for label in range(7)]
    assert caplog.messages == [f"{tmp_path / 'w.safetensors'}: took those under 'backbone.'; classes: 7"]
    write_safetensors(tmp_path / "w.safetensors", arrays | {"fc.bias": np.full(7, np.nan, np.float32)})
    with pytest.raises(ValueError, match=r"w\.safetensors: weights are NaN or infinite, .*\n  fc\.bias has 7 of 7"):
        catalogue.load("net", tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"--state-dict ema: it goes with --weights"):
        catalogue.load("net", state_dict="ema")


def test_one_logit_for_two_classes_is_loaded_again(tmp_path):
    names, params = ["cat", "dog"], catalogue.untrained("resnet18", 1).params
    params = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), params)
    binary = catalogue.untrained("resnet18", 1)._replace(params=params, class_names=names)
    write_fine_tuned(tmp_path / "tuned.safetensors", binary)
    loaded = catalogue.load("resnet18", tmp_path / "tuned.safetensors")
    assert loaded.class_names == names
    assert loaded.params["params"]["fc"]["kernel"].shape == (512, 1)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"class_names": ["cat"]}, "'image_size'"),
        ({"class_names": ["cat"], "image_size": 8}, "class_names are not two names at least"),
        ({"class_names": ["cat", "dog"], "image_size": 10**6}, "image_size is not between 1 and 10000"),
        ({"class_names": ["cat", "dog"], "image_size": 8, "mean": 0.5, "std": 0}, "expected three numbers each"),
        ([], "header of its fine-tuning is broken"),
    ],
)
def test_a_broken_header_of_a_fine_tuning_names_the_file(header, message, tmp_path):
    write_safetensors(tmp_path / "tuned.safetensors", {}, {KEY: json.dumps(header)})
    with pytest.raises(CheckpointError, match=rf"tuned\.safetensors: .*{message}"):
        read_fine_tuned(tmp_path / "tuned.safetensors")


def test_as_many_names_as_classes(tmp_path):
    (tmp_path / "names.txt").write_text("cat\ndog")
    with pytest.raises(ValueError, match=r"names\.txt: it has 2 names, and the network 10 classes"):
        load_classifier("shapes", None, class_names=tmp_path / "names.txt")
    names = [f"shape {label}" for label in range(10)]
    (tmp_path / "names.json").write_text(json.dumps(names))
    assert load_classifier("shapes", None, class_names=tmp_path / "names.json").class_names == names


def test_names_of_classes(tmp_path):
    for name, text in [
        ("lines.txt", "\ufeffcat\n dog \n\n"),
        ("list.json", '["cat", "dog"]'),
        ("list.txt", ' ["cat", "dog"]'),
        ("labels.json", '{"1": "dog", "0": "cat"}'),
    ]:
        (tmp_path / name).write_text(text, "utf-8")
        assert read_class_names(tmp_path / name) == ["cat", "dog"]
    for text in ('{"cat": 0}', "[1]", "[" * 100_000, "{", '["cat", ""]'):
        (tmp_path / "wrong.json").write_text(text)
        with pytest.raises(ValueError, match=r"wrong\.json: expected a name in each line, or, .* JSON"):
            read_class_names(tmp_path / "wrong.json")
    (tmp_path / "lines.txt").write_text("cat\u2028dog\r\ncow\n", newline="")
    assert read_class_names(tmp_path / "lines.txt") == ["cat\u2028dog", "cow"]
    (tmp_path / "blank.txt").write_text("cat\n\ndog")  # not a class without a name
    with pytest.raises(ValueError, match=r"blank\.txt: expected a name in each line, .*the name of class 1 is blank"):
        read_class_names(tmp_path / "blank.txt")


def test_an_output_is_replaced_by_force_alone(tmp_path, capsys):
    source, target = str(GOLDEN / "found_timm.pth"), tmp_path / "out.safetensors"
    target.write_bytes(b"precious")
    with pytest.raises(SystemExit):
        main([source, str(target), "--state-dict", "state_dict"])
    assert "exists; --force replaces it" in capsys.readouterr().err
    assert target.read_bytes() == b"precious"
    main([source, str(target), "--state-dict", "state_dict", "--force"])
    assert read_state_dict(target).keys() == TOY.keys()
