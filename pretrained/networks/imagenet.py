"""What the networks trained on ImageNet share: the normalisation of pictures and the names of the classes."""

import json
import warnings
from typing import Any

import jax.numpy as jnp

from pretrained.fetching.fetch import DownloadError, cache_folder, fetch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Keras publishes the names, index -> [WordNet id, name], and this hash in `keras.applications.imagenet_utils`.
CLASS_INDEX_URL = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_DIGEST = "md5:c2c37ea517e94d9795004a39431a14cb"
CLASSES = 1000


def normalize(pixels: Any) -> Any:
    """Scales uint8 `[h, w, 3]` to zero mean and unit variance over ImageNet's pictures, per channel."""
    mean, std = (jnp.asarray(value)[None, None] for value in (MEAN, STD))
    return (jnp.asarray(pixels, jnp.float32) / 255 - mean) / std


def class_names() -> list[str]:
    """The names of the 1000 classes, downloaded once; "class 0", "class 1", ... and a warning if that fails."""
    try:
        return [name for _, name in class_index()]
    except DownloadError as error:
        warnings.warn(f"classes go by number, for their names cannot be had: {error}", stacklevel=2)
        return [f"class {label}" for label in range(CLASSES)]


def class_index() -> list[tuple[str, str]]:
    """The WordNet id and the name of each of the 1000 classes, downloaded once.

    Raises:
      DownloadError: they cannot be downloaded.
    """
    path = cache_folder() / "imagenet_class_index.json"
    index = json.loads(fetch(CLASS_INDEX_URL, path, CLASS_INDEX_DIGEST, progress=False).read_text())
    return [tuple(index[str(label)]) for label in range(CLASSES)]
