"""Any file of weights is read right, or refused by an error that names it: seeded structures, and damage to them."""

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_convert import GOLDEN

from pretrained.fine_tuned import KEY, read_fine_tuned
from pretrained.torch_files.nesting import check_nesting
from pretrained.torch_files.state_dict import read_state_dict, write_safetensors

SETTINGS = settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.sampled_from(["state_dict", "neg", "conj", "float8_e5m2", "storage", 2**31, -1, 0])
)


class Global:
    """A name that a pickle asks for, called with arguments."""

    def __init__(self, name, arguments):
        self.name, self.arguments = name, arguments

    def __reduce__(self):
        raise AssertionError("written by Pickler.reducer_override alone")


class Reference:
    """What PyTorch keeps outside of the pickle."""

    def __init__(self, pid):
        self.pid = pid


GLOBALS = (
    "collections OrderedDict",
    "torch Size",
    "torch FloatStorage",
    "torch float8_e5m2",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter",
    "posix system",
    "argparse Namespace",
)


def nested(values):
    """Structures of these values, with calls and storages anywhere."""
    few = st.lists(values, max_size=3)
    pids = st.tuples(
        st.just("storage") | values,
        st.sampled_from(["float32", "uint8", "bogus"]) | values,
        st.sampled_from(["0", "1"]) | values,
        st.just("cpu"),
        st.integers(-1, 8) | values,
    )
    return (
        few
        | few.map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.tuples(st.integers()), values, max_size=3)
        | st.builds(Global, st.sampled_from(GLOBALS), st.lists(values, max_size=8).map(tuple))
        | st.builds(Reference, pids)
    )


def written(value, protocol):
    """A pickle in which names and references stand as PyTorch writes them."""
    file = io.BytesIO()

    class Pickler(pickle._Pickler):
        def save(self, obj, *options):
            if isinstance(obj, Global):
                module, name = obj.name.split()
                self.write(f"c{module}\n{name}\n".encode())
                super().save(obj.arguments)
                self.write(b"R")
            elif isinstance(obj, Reference):
                super().save(obj.pid)
                self.write(b"Q")
            else:
                super().save(obj, *options)

    Pickler(file, protocol).dump(value)
    return file.getvalue()


def zipped(path, contents, storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", contents)
        for key, data in storages.items():
            archive.writestr(f"x/data/{key}", data)


def refused_or_read(path, read=read_state_dict):
    """What is read; None if it is refused by name."""
    try:
        arrays = read(path)
    except ValueError as error:
        told = str(error)
    else:
        return arrays
    assert told.startswith(str(path))
    return None


@SETTINGS
@given(st.recursive(SCALARS, nested, max_leaves=20), st.sampled_from([2, 4]))
def test_any_structure_is_refused_by_name_or_arrays(tmp_path, value, protocol):
    path = tmp_path / "any.pth"
    zipped(path, written(value, protocol), {"0": bytes(32), "1": bytes(8)})
    arrays = refused_or_read(path)
    assert arrays is None or all(isinstance(array, np.ndarray) for array in arrays.values())


# Offset, rows, columns, whether its storage is its negative, and whether it is a parameter.
TENSORS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 3), st.booleans(), st.booleans())


@SETTINGS
@given(st.dictionaries(st.text(min_size=1, max_size=5), TENSORS, min_size=1, max_size=4), st.booleans())
def test_a_state_dict_is_read_right_wherever_it_lies(tmp_path, described, wrapped):
    numbers = np.arange(1, 9, dtype=np.float32)
    saved, expected = OrderedDict(), {}
    for name, (offset, rows, columns, late, parameter) in described.items():
        pid = ("storage", "float32", "0", "cpu", 8)
        record = (Reference(pid), offset, (rows, columns), (columns, 1), False, OrderedDict())
        tensor = Global("torch._utils _rebuild_tensor_v2", (*record, {"neg": True}) if late else record)
        saved[name] = Global("torch._utils _rebuild_parameter", (tensor, True, {})) if parameter else tensor
        array = numbers[offset : offset + rows * columns].reshape(rows, columns)
        expected[name] = -array if late else array
    beside = {"epoch": 3, "model": saved, "args": Global("argparse Namespace", ())}
    path = tmp_path / "right.pth"
    zipped(path, written(beside if wrapped else dict(saved), 2), {"0": numbers.tobytes()})
    found = read_state_dict(path)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@SETTINGS
@given(st.lists(st.sampled_from([bytes([code]) for code in b"()]}.01234NqhrjKMX2abdesutlRQo\x81\x85\x86\x87\x93\x94"])))
def test_any_opcodes_end_soon(tmp_path, codes):
    path = tmp_path / "codes.pth"
    zipped(path, b"\x80\x02" + b"".join(codes) + b".", {})
    tracemalloc.start()
    assert refused_or_read(path) is None
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@SETTINGS
@given(
    st.sampled_from(
        ["zip_toy.pth", "legacy_toy.pth", "found_timm.pth", "found_timm_legacy.pth", "found_lightning.ckpt"]
    ),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    st.none() | st.floats(0, 1),
)
def test_a_damaged_file_is_refused_by_name(tmp_path, name, flips, cut):
    content = bytearray((GOLDEN / name).read_bytes())
    for at, value in flips:
        content[int(at * len(content))] = value
    path = tmp_path / "damaged.pth"
    path.write_bytes(content if cut is None else content[: int(cut * len(content))])
    refused_or_read(path)


JSON = st.recursive(
    SCALARS.filter(lambda value: not isinstance(value, bytes)),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@SETTINGS
@given(
    JSON
    | st.fixed_dictionaries(
        {
            "w": st.fixed_dictionaries(
                {
                    "dtype": st.sampled_from(["F32", "F8_E4M3", "F4", "X"]) | JSON,
                    "shape": st.lists(st.integers(0, 3)) | JSON,
                    "data_offsets": st.tuples(st.integers(0, 9), st.integers(0, 9)) | JSON,
                }
            )
        }
    ),
    st.binary(max_size=9),
)
def test_any_header_of_safetensors(tmp_path, header, data):
    told, path = json.dumps(header).encode(), tmp_path / "any.safetensors"
    path.write_bytes(struct.pack("<Q", len(told)) + told + data)
    refused_or_read(path)
    refused_or_read(path, read_fine_tuned)


@SETTINGS
@given(JSON | st.fixed_dictionaries({"weight_map": JSON | st.dictionaries(st.text(), st.text())}), JSON)
def test_any_index_and_any_fine_tuning(tmp_path, index, header):
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    assert refused_or_read(path) in (None, {})
    path = tmp_path / "tuned.safetensors"
    write_safetensors(path, {"w": np.zeros(2)}, {KEY: json.dumps(header)})
    assert refused_or_read(path, read_fine_tuned) is None
    path.unlink()


@SETTINGS
@given(
    st.recursive(
        SCALARS,
        lambda values: st.lists(values) | st.lists(values).map(tuple) | st.dictionaries(st.integers(), values),
        max_leaves=30,
    ),
    st.integers(0, 5),
)
def test_what_is_nested_as_people_nest_passes(value, protocol):
    file = io.BytesIO(pickle.dumps(value, protocol) + b"after it")
    check_nesting(file)
    assert file.read() == b"after it"


@pytest.mark.parametrize("number", [0, 3])
def test_a_key_that_is_nested_a_little_passes(number):
    key = ()
    for _ in range(20):
        key = (key,)
    check_nesting(io.BytesIO(pickle.dumps({key: 1}, number)))
