"""Pictures to explain: files in any format that Pillow reads, and an example if none is named."""

import hashlib
import os
import pathlib
import re
import sys
from collections import Counter
from typing import NamedTuple

import jax
import numpy as np
from PIL import Image
from skimage import data

from groupcam_jax.bundled import bundled
from groupcam_jax.pictures.decode import BrokenPicture, decode
from groupcam_jax.pictures.orientation import turn_pixels
from groupcam_jax.types import Pixels

STDIN = pathlib.Path("-")
LONGEST = 130  # bytes of a result's name, but for its numbers; file systems take names of 255, some of 143
LAYER = 40  # characters of a layer in it


class Picture(NamedTuple):
    """A picture as drawn, uint8 `[H, W, 3]`, and as the model takes it, uint8 `[size, size, 3]`."""

    source: str
    pixels: Pixels
    resized: Pixels


def check_given(paths: list[pathlib.Path]) -> None:
    """Raises a ValueError if none of the paths can be a picture: now, rather than after compiling."""
    wrong = [
        f"{path} is a folder" if path.is_dir() else f"there is no {path}"
        for path in paths
        if path != STDIN and (path.is_dir() or not path.exists())
    ]
    if wrong and len(wrong) == len(paths):
        raise ValueError(f"{'; '.join(wrong[:5])}; give the paths of pictures, such as FOLDER/*.jpg")


def read_picture(path: pathlib.Path, size: int) -> Picture:
    """Reads a picture, upright and in RGB, and resizes it to a square as the paper does.

    Args:
      path: a file, a named pipe, or "-" for standard input.
      size: of the square.

    Raises:
      BrokenPicture: no such file, or no complete picture in it.
    """
    source: pathlib.Path | bytes = path
    if path == STDIN:
        if sys.stdin.isatty():
            raise BrokenPicture("-", "standard input is a terminal; groupcam explain - < PICTURE")
        source = sys.stdin.buffer.read()
    elif path.is_fifo():
        source = path.read_bytes()
    return resized(str(path), turn_pixels(*decode(source, str(path))), size)


def example(model: str, seed: int, size: int) -> Picture:
    """The picture that is explained if none is named: a photograph of scikit-image's, or a scene for "shapes".

    Raises:
      ValueError: the network is the user's own, and so is what it knows.
    """
    if model == "shapes":
        pixels = np.asarray(bundled("scenes").scene(jax.random.key(seed)).image * 255).round().astype(np.uint8)
        return Picture(f"scene{seed}", pixels, pixels)
    if ":" in model and not model.startswith("keras:"):
        raise ValueError(f"name the pictures to explain with --model {model}")
    return resized("chelsea", data.chelsea(), size)


def resized(source: str, pixels: Pixels, size: int) -> Picture:
    """A picture with the square that the model takes."""
    square = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    return Picture(source, pixels, np.asarray(square))


def result_names(sources: list[pathlib.Path], kinds: list[str], layer: str | None = None) -> list[dict[str, str]]:
    """Names the results of every kind for each picture in turn: PICTURE-KIND, for a layer PICTURE@LAYER-KIND.

    The picture's name is cut short. What it shares with an earlier one gets a number, PICTURE~2: at the end of a
    result's name a number is the class of a map.
    """
    at = "" if layer is None else f"@{name_of_layer(layer)}"
    room = LONGEST - max(len(os.fsencode(f"{at}-{kind}")) for kind in kinds)
    counts: Counter[str] = Counter()
    used, named = set[str](), list[dict[str, str]]()
    for source in sources:
        stem = "stdin" if source == STDIN else os.fsencode(source.stem)[:room].decode(errors="ignore") or "picture"
        names = {kind: f"{stem}{at}-{kind}" for kind in kinds}
        while not used.isdisjoint(names.values()):
            counts[stem] += 1
            names = {kind: f"{stem}~{counts[stem] + 1}{at}-{kind}" for kind in kinds}
        used.update(names.values())
        named.append(names)
    return named


def name_of_layer(layer: str) -> str:
    """A layer as part of a file's name; where it is cut short, or has other letters, a hash tells it apart."""
    plain = re.sub(r"[^\w.-]+", "-", layer, flags=re.ASCII)
    if plain == layer and len(plain) <= LAYER:
        return plain
    told = hashlib.sha256(layer.encode()).hexdigest()[:6]
    return f"{plain[len(told) + 1 - LAYER :]}-{told}"
