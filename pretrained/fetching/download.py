"""torchvision's weights, fetched once and checked."""

import os
from pathlib import Path

from groupcam_jax.cache import cache_folder
from pretrained.fetching.fetch import fetch

BASE_URL = "https://download.pytorch.org/models/"

# The digits are the start of the sha256. Source: torchvision.models, the weights named IMAGENET1K_V1.
FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
    "resnet152": "resnet152-394f9c45.pth",
    "vgg11": "vgg11-8a719046.pth",
    "vgg13": "vgg13-19584684.pth",
    "vgg16": "vgg16-397923af.pth",
    "vgg19": "vgg19-dcbb9e9d.pth",
}


def download(
    name: str,
    *,
    cache: str | os.PathLike[str] | None = None,
    base_url: str = BASE_URL,
    timeout: float = 30.0,
    progress: bool = True,
) -> Path:
    """Returns the path of a model's weights, after downloading them if the cache has none.

    Args:
      name: a key of `FILES`, such as "resnet50".
      cache: the folder; None is `cache_folder()`.
      base_url: where the files are, with a slash at the end.
      timeout: seconds without an answer, or without a byte, after which the server counts as dead.
      progress: show a progress bar on the standard error.

    Raises:
      ValueError: there is no such name.
      DownloadError: no network, the server refuses or dies, or the file's hash is wrong.
    """
    if name not in FILES:
        raise ValueError(f"no weights named {name!r}; there are {', '.join(FILES)}")
    path = (cache_folder() if cache is None else Path(cache)) / FILES[name]
    url, digest = base_url + path.name, "sha256:" + path.stem.rpartition("-")[2]
    by_hand = f"put {url} at {path}, or pass --weights FILE"
    return fetch(url, path, digest, by_hand=by_hand, timeout=timeout, progress=progress)
