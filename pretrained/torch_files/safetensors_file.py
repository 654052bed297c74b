"""Safetensors files as NumPy arrays, those of 8 bits among them, which the package has no NumPy types for.

The package checks the header, which describes all the bytes of the file; then each array is a view of them.
"""

import json
import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.tensor import numpy_dtype

DTYPES = {
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{"F8_E4M3": "float8_e4m3fn", "F8_E4M3FNUZ": "float8_e4m3fnuz"},
    **{"F8_E5M2": "float8_e5m2", "F8_E5M2FNUZ": "float8_e5m2fnuz"},
    **{"BF16": "bfloat16", "C64": "complex64", "BOOL": "bool"},
}


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the arrays of a safetensors file, by name.

    Raises:
      CheckpointError: the file is broken, or has a type of numbers that NumPy has not.
    """
    try:
        with safe_open(path, "numpy"):
            pass
        content = np.fromfile(path, np.uint8)
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8:start].tobytes())
        header.pop("__metadata__", None)
        arrays = {}
        for name, told in header.items():
            if told["dtype"] not in DTYPES:
                raise ValueError(f"{name} is {told['dtype']}, of which NumPy has no numbers")
            first, last = (start + offset for offset in told["data_offsets"])
            arrays[name] = content[first:last].view(numpy_dtype(DTYPES[told["dtype"]])).reshape(told["shape"])
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{Path(path)}: broken or cut short safetensors file ({error})") from error
    return arrays
