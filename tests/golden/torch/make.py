"""Writes the checkpoints of this folder with PyTorch, and `expected.npz` with what PyTorch reads from them.

Run `python tests/golden/torch/make.py`; the files here are from torch 2.13.0. PyTorch itself has read every file that
is to be read (`weights_only=True`). `refused_*.pth` hold more than tensors and are read by nobody.
"""

import collections
import os
import pickle
import platform
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).parent


class Toy(nn.Module):
    """A convolution, a batch norm and a linear layer, nested as torchvision nests them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3))
        self.fc = nn.Linear(3, 4)


class OldParameter:
    """A parameter as PyTorch before 0.4 pickled it: torchvision's vgg16 and vgg19 are as old as that."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data

    def __reduce__(self):
        return nn.Parameter, (OldTensor(self.data),), (True, False, collections.OrderedDict())


class OldTensor:
    """A tensor as PyTorch before 0.4 pickled it."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data

    def __reduce__(self):
        data = self.data
        rebuild = torch._utils._rebuild_tensor
        return rebuild, (data._typed_storage(), data.storage_offset(), tuple(data.shape), data.stride())


class Hostile:
    """Runs a command when unpickled, by anyone careless enough."""

    def __reduce__(self):
        return os.system, ("echo pwned > pwned",)


def write_storage_view() -> None:
    """A legacy file whose storage is a part of another (`view_metadata`): PyTorch reads such, but writes none today."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            part = ("part", 2, 4)
            return (
                ("storage", torch.FloatStorage, "root", "cpu", 8, part) if isinstance(obj, torch.TypedStorage) else None
            )

    file = FOLDER / "legacy_storage_view.pth"
    with file.open("wb") as out:
        for header in (
            0x1950A86A20F9469CFC6C,
            1001,
            {"protocol_version": 1001, "little_endian": True, "type_sizes": {}},
        ):
            pickle.dump(header, out, 2)
        Pickler(out, 2).dump({"half": OldTensor(torch.arange(4.0).view(2, 2))})
        pickle.dump(["root"], out, 2)
        out.write(struct.pack("<q8f", 8, *range(8)))


def main() -> None:
    torch.manual_seed(0)
    base = torch.arange(24.0).view(4, 6)
    dtypes = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16)
    tensors = {str(dtype).removeprefix("torch."): torch.tensor([-2, 0, 3]).to(dtype) for dtype in dtypes}
    tensors |= {"int8": torch.tensor([-2, 3], dtype=torch.int8), "uint8": torch.tensor([2, 255], dtype=torch.uint8)}
    tensors |= {"bool": torch.tensor([True, False]), "scalar": torch.tensor(7), "empty": torch.zeros(0, 3)}
    views = {"all": base, "row": base[2], "column": base[:, 1], "transposed": base.T, "steps": base[1::2, ::3]}
    toy = Toy().state_dict()
    parameters = dict(Toy().named_parameters())
    old = collections.OrderedDict((name, OldParameter(tensor)) for name, tensor in views.items())
    readable = {
        "toy": toy,
        "dtypes": tensors,
        "views": views,
        "parameters": parameters,
        "wrapped": {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in toy.items()}},
    }
    for name, contents in readable.items():
        torch.save(contents, FOLDER / f"zip_{name}.pth")
        torch.save(contents, FOLDER / f"legacy_{name}.pth", _use_new_zipfile_serialization=False)
    torch.save(old, FOLDER / "legacy_old.pth", _use_new_zipfile_serialization=False)
    write_storage_view()

    expected = {}
    for path in sorted(FOLDER.glob("[zl]*.pth")):
        contents = torch.load(path, weights_only=True)
        contents = contents.get("state_dict", contents)
        for name, tensor in contents.items():
            array = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
            expected[f"{path.stem}/{name.removeprefix('module.')}"] = array.numpy()
    np.savez_compressed(FOLDER / "expected.npz", **expected)

    for zipped, kind in ((True, "zip"), (False, "legacy")):
        hostile = collections.OrderedDict(weight=torch.zeros(2), evil=Hostile())
        torch.save(hostile, FOLDER / f"refused_system_{kind}.pth", _use_new_zipfile_serialization=zipped)
    torch.save(nn.Linear(2, 2), FOLDER / "refused_module.pth")
    print(f"torch {torch.__version__}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
