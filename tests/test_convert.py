"""Reading PyTorch's files without PyTorch or trust, and torch names against Flax paths; `golden/torch` is PyTorch's."""

import contextlib
import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from ml_dtypes import bfloat16

from pretrained.convert import to_flax, to_torch
from pretrained.convert.__main__ import main
from pretrained.networks.resnet import resnet18
from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.stand_ins import Storage, Tensor
from pretrained.torch_files.state_dict import read_state_dict, write_safetensors
from pretrained.torch_files.tensor import to_array
from pretrained.torch_files.unpickler import TensorUnpickler

GOLDEN = Path(__file__).parent / "golden" / "torch"
READABLE = sorted(path.name for path in GOLDEN.glob("[zl]*.pth"))


class Toy(nn.Module):
    """The network of `golden/torch/make.py`."""

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(3, (3, 3), use_bias=False, name="layer1_0")(x)
        x = nn.BatchNorm(use_running_average=True, name="layer1_1")(x)
        return nn.Dense(4, name="fc")(x.mean((1, 2)))


@pytest.fixture
def template():
    return jax.eval_shape(Toy().init, jax.random.key(0), jnp.zeros((1, 5, 5, 2)))


def rezip(source: Path, target: Path, changes: dict, compression: int = zipfile.ZIP_STORED) -> Path:
    """Copies a checkpoint with some entries changed; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            content = changes.get(name.partition("/")[2], old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


@pytest.mark.parametrize("name", READABLE)
def test_reads_what_torch_reads(name):
    with np.load(GOLDEN / "expected.npz") as file:
        prefix = name.removesuffix(".pth") + "/"
        expected = {key.removeprefix(prefix): file[key] for key in file if key.startswith(prefix)}
    arrays = read_state_dict(GOLDEN / name)
    assert all(key.startswith("module.") for key in arrays) == ("wrapped" in name)  # names are kept as they were saved
    arrays = {key.removeprefix("module."): array for key, array in arrays.items()}
    assert list(arrays) == list(expected)
    for key, array in arrays.items():
        assert array.dtype == (bfloat16 if key == "bfloat16" else expected[key].dtype)
        np.testing.assert_array_equal(array.astype(expected[key].dtype), expected[key], strict=True)
        assert not array.flags.writeable or array.size == 0


def test_reads_every_kind():
    assert len(READABLE) == 12


@pytest.mark.parametrize("name", ["zip_views.pth", "legacy_views.pth"])
def test_views_share_their_storage(name):
    arrays = read_state_dict(GOLDEN / name)
    assert np.shares_memory(arrays["all"], arrays["steps"])


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("refused_system_zip.pth", r"'posix\.system'"),
        ("refused_system_legacy.pth", r"'posix\.system'"),
        ("refused_module.pth", r"'torch\.nn\.modules\.linear\.Linear'"),
    ],
)
def test_other_objects_are_refused_by_name(name, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=f"{name}: refused: .*{refused}.*only tensors"):
        read_state_dict(GOLDEN / name)
    assert list(tmp_path.iterdir()) == []  # The command inside would have made a file.


@pytest.mark.parametrize(
    "body",
    [
        b"cbuiltins\neval\n",
        b"c__builtin__\ngetattr\n",
        b"ctorch._utils\n_rebuild_qtensor\n",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93",
    ],
)
def test_no_other_global_is_admitted(body, tmp_path):
    path = rezip(GOLDEN / "zip_toy.pth", tmp_path / "evil.pth", {"data.pkl": body + b"."})
    with pytest.raises(CheckpointError, match="refused: it asks for the Python object"):
        read_state_dict(path)


FLOATS = Storage("0", "float32", 4, 0, 4)


@pytest.mark.parametrize(
    ("storage", "offset", "shape", "stride"),
    [
        (FLOATS, 0, (5,), (1,)),
        (FLOATS, 1, (4,), (1,)),
        (FLOATS, 4, (1,), (1,)),
        (FLOATS, 0, (2, 2), (3, 1)),
        (FLOATS, 0, (2,), (2**62,)),
        (FLOATS, 3, (2,), (-1,)),
        (FLOATS, -1, (2,), (1,)),
        (FLOATS, 0, (-2, -2), (1, 1)),
        (FLOATS, 0, (10**12,), (0,)),
        (FLOATS, 0, (2, 2), (1,)),
        (FLOATS, 0, (2.0,), (1,)),
        (FLOATS, 0, 4, 1),
        (FLOATS, 0, (1,) * 99, (1,) * 99),
        (FLOATS, 0, (0, 2**62), (1, 1)),
        (Storage("0", "float32", 4, 2, 4), 0, (4,), (1,)),
        (Storage("0", "float32", 4, 0, 2), 0, (4,), (1,)),
        (["0", "float32", 400, 0, 400], 0, (400,), (1,)),
        (None, 0, (1,), (1,)),
    ],
)
def test_no_tensor_reaches_outside_its_storage(storage, offset, shape, stride):
    with pytest.raises(CheckpointError, match="tensor 'w': "):
        to_array("w", Tensor(storage, offset, shape, stride), {"0": bytes(16)})


def test_a_storage_has_one_type_and_size():
    unpickler = TensorUnpickler(io.BytesIO())
    unpickler.persistent_load(("storage", "float32", "0", "cpu", 4))
    for dtype, numel in [("float64", 4), ("float32", 8)]:
        with pytest.raises(CheckpointError, match=rf"'0' is described as {dtype} \[{numel}\] and as float32 \[4\]"):
            unpickler.persistent_load(("storage", dtype, "0", "cpu", numel))


def test_the_stride_of_a_single_element_is_free():
    array = to_array("w", Tensor(FLOATS, 0, (1, 4), (2**62, 1)), {"0": np.arange(4, dtype=np.float32).tobytes()})
    np.testing.assert_array_equal(array, [[0, 1, 2, 3]])


@pytest.mark.parametrize("name", ["zip_toy.pth", "legacy_toy.pth", "legacy_old.pth"])
def test_a_file_cut_anywhere_is_an_error(name, tmp_path):
    content = (GOLDEN / name).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(content), 11):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=r"cut\.pth: (broken|not a PyTorch checkpoint)"):
            read_state_dict(path)


@pytest.mark.parametrize("name", ["zip_toy.pth", "legacy_old.pth"])
def test_a_damaged_file_raises_nothing_but_checkpoint_errors(name, tmp_path):
    random = np.random.default_rng(0)
    is_zip, path = name.startswith("zip"), tmp_path / "damaged.pth"
    with zipfile.ZipFile(GOLDEN / "zip_toy.pth") as archive:
        content = archive.read("zip_toy/data.pkl") if is_zip else (GOLDEN / name).read_bytes()
    for _ in range(400):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] = random.integers(256)
        if is_zip:  # Through the zip's checksum.
            rezip(GOLDEN / name, path, {"data.pkl": bytes(damaged)})
        else:
            path.write_bytes(damaged)
        with contextlib.suppress(CheckpointError):
            read_state_dict(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.pkl": None}, "without NAME/data.pkl"),
        ({"data/0": None}, "storage '0' is missing"),
        ({"data/0": b"1234"}, "storage '0' has 4 bytes, expected 216"),
        ({"byteorder": b"big"}, "big-endian"),
        ({"data.pkl": pickle.dumps([1, 2], 2)}, "expected a state dict, name -> tensor, got list"),
        ({"data.pkl": pickle.dumps({"epoch": 3}, 2)}, "got also 'epoch': int"),
        ({"data.pkl": b"(Vstorage\ntQ."}, "expected the description of a tensor's storage"),
    ],
)
def test_a_wrong_zip_says_what_is_wrong(changes, message, tmp_path):
    path = rezip(GOLDEN / "zip_toy.pth", tmp_path / "wrong.pth", changes)
    with pytest.raises(CheckpointError, match=rf"wrong\.pth: .*{message}"):
        read_state_dict(path)


@pytest.mark.parametrize("count", [7, 9, 2**62])
def test_a_wrong_count_in_a_legacy_file_is_noticed(count, tmp_path):
    content = bytearray((GOLDEN / "legacy_storage_view.pth").read_bytes())
    content[-40:-32] = count.to_bytes(8, "little")  # Before the 8 floats of its only storage.
    path = tmp_path / "count.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"storage 'root' has {4 * count} bytes, expected 32"):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ((1000, {"little_endian": True}), "legacy protocol 1000, expected 1001"),
        ((1001, {"little_endian": False}), "big-endian"),
        ((1001, None), "big-endian"),
        ((1001, {"little_endian": True}, {}, ["0"]), r"its tensors need the storages \[\], it lists \['0'\]"),
    ],
)
def test_a_wrong_legacy_header_says_what_is_wrong(headers, message, tmp_path):
    path = tmp_path / "legacy.pth"
    path.write_bytes(b"".join(pickle.dumps(header, 2) for header in (0x1950A86A20F9469CFC6C, *headers)))
    with pytest.raises(CheckpointError, match=message):
        read_state_dict(path)


def test_a_compressed_zip_is_refused(tmp_path):
    path = rezip(GOLDEN / "zip_toy.pth", tmp_path / "bomb.pth", {}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed"):
        read_state_dict(path)


def test_a_flipped_bit_of_a_weight_is_noticed(tmp_path):
    content = bytearray((GOLDEN / "zip_toy.pth").read_bytes())
    with zipfile.ZipFile(GOLDEN / "zip_toy.pth") as archive:
        content[content.index(archive.read("zip_toy/data/0"))] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="broken or cut short"):
        read_state_dict(path)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"cos\nsystem\n", pickle.dumps({"a": 1}, 2)])
def test_another_kind_of_file_is_not_a_checkpoint(content, tmp_path):
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint, zip or legacy: it starts with b'"):
        read_state_dict(path)


def test_safetensors_keep_values_shapes_and_dtypes(tmp_path):
    arrays = read_state_dict(GOLDEN / "zip_dtypes.pth") | read_state_dict(GOLDEN / "zip_views.pth")
    path = tmp_path / "named.pth"  # The content tells the kind, not the name.
    write_safetensors(path, arrays)
    back = read_state_dict(path)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array, strict=True)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"named\.pth: broken or cut short safetensors"):
        read_state_dict(path)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    def fail(part, target):
        raise OSError("disk full")

    path = tmp_path / "out.safetensors"
    write_safetensors(path, {"a": np.zeros(2)})
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_safetensors(path, {"a": np.zeros(3)})
    assert [file.name for file in tmp_path.iterdir()] == ["out.safetensors"]
    assert path.read_bytes() == before


def test_torch_names_become_flax_paths(template):
    torch = read_state_dict(GOLDEN / "zip_toy.pth")
    variables = to_flax(torch | {"layer1.1.weight": torch["layer1.1.weight"].astype(np.float16)}, template)
    assert jax.tree.structure(variables) == jax.tree.structure(template)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), variables) == jax.tree.map(lambda x: (x.shape, x.dtype), template)
    params, statistics = variables["params"], variables["batch_stats"]["layer1_1"]
    kernel = params["layer1_0"]["kernel"]
    assert kernel[2, 0, 1, 0] == torch["layer1.0.weight"][0, 1, 2, 0]
    np.testing.assert_array_equal(kernel, torch["layer1.0.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(params["fc"]["kernel"], torch["fc.weight"].T)
    np.testing.assert_array_equal(params["fc"]["bias"], torch["fc.bias"])
    np.testing.assert_array_equal(params["layer1_1"]["scale"], torch["layer1.1.weight"])
    np.testing.assert_array_equal(statistics["mean"], torch["layer1.1.running_mean"])
    np.testing.assert_array_equal(statistics["var"], torch["layer1.1.running_var"])


def test_back_to_torch_is_the_identity(template):
    torch = read_state_dict(GOLDEN / "legacy_toy.pth")
    back = to_torch(to_flax(torch, template))
    assert back.keys() == torch.keys()
    for name, array in torch.items():
        np.testing.assert_array_equal(back[name], array, strict=True)


def test_all_that_does_not_fit_is_listed_at_once(template):
    torch = dict(read_state_dict(GOLDEN / "zip_toy.pth"))
    del torch["fc.bias"], torch["layer1.1.running_var"], torch["layer1.1.num_batches_tracked"]
    torch |= {"head.weight": np.zeros((2, 3)), "fc.num_batches_tracked": np.zeros(()), "fc.weight": np.zeros((5, 3))}
    with pytest.raises(ValueError, match="not of this model") as info:
        to_flax(torch, template)
    assert str(info.value).splitlines()[1:] == [
        "  missing: layer1.1.running_var [3]",
        "  missing: fc.bias [4]",
        "  unexpected: head.weight [2, 3]",
        "  unexpected: fc.num_batches_tracked []",
        "  wrong shape: fc.weight [5, 3], expected [4, 3]",
    ]


def test_a_variable_without_a_torch_name_is_an_error():
    with pytest.raises(
        ValueError, match=r"params/embed/embedding: torch has no name for it; known are params/.../kernel"
    ):
        to_torch({"params": {"embed": {"embedding": np.zeros(2)}}})


def test_digits_are_split_off_the_end_of_a_scope_only():
    names = to_torch({"params": {"block_1_conv": {"bias": np.zeros(2)}, "features_0_12": {"bias": np.zeros(2)}}})
    assert list(names) == ["block_1_conv.bias", "features.0.12.bias"]


def test_resnet18_there_and_back():
    model = resnet18()
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    random = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: random.random(leaf.shape, np.float32), shapes)
    torch = to_torch(variables)
    assert len(torch) == 122  # torchvision's count, the counters of the 20 batch norms among them.
    assert torch["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)
    assert torch["layer4.1.bn2.num_batches_tracked"].shape == ()
    jax.tree.map(np.testing.assert_array_equal, to_flax(torch, shapes), variables)


def test_the_command_line_needs_no_torch(tmp_path):
    out = tmp_path / "toy.safetensors"
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    command = [sys.executable, "-m", "pretrained.convert", GOLDEN / "zip_toy.pth", out]
    path = os.pathsep.join([str(tmp_path), *sys.path])
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path})
    assert (run.stdout, run.stderr) == (f"{out}: 8 tensors, {out.stat().st_size:,} bytes\n", "")
    assert read_state_dict(out).keys() == read_state_dict(GOLDEN / "zip_toy.pth").keys()


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("good.pth", "out.pth", "expected a name that ends in .safetensors"),
        ("same.safetensors", "same.safetensors", "is the input itself"),
        ("same.safetensors", "link.safetensors", "is the input itself"),
        ("bad.pth", "out.safetensors", "not a PyTorch checkpoint"),
        ("none.pth", "out.safetensors", "No such file"),
        ("none.pth", "link.safetensors", "No such file"),
        ("good.pth", "nowhere/out.safetensors", "nowhere"),
    ],
)
def test_the_command_line_explains_errors(source, target, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("good.pth").write_bytes((GOLDEN / "zip_toy.pth").read_bytes())
    Path("bad.pth").write_bytes(b"<html>")
    write_safetensors("same.safetensors", {"a": np.zeros(2)})
    Path("link.safetensors").symlink_to("same.safetensors")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SystemExit) as info:
        main([source, target])
    assert message in f"{info.value.code}{capsys.readouterr().err}"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
