"""The files of a folder, without those that systems and editors keep there for themselves."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from groupcam_jax.some import some

PICTURES = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".npy", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
HELPERS = ("@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is nobody's data: `.ipynb_checkpoints`, `._a.jpg`, `@eaDir`."""
    return name.startswith(".") or name in HELPERS


def find_folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def find_pictures(folder: Path) -> list[Path]:
    """The pictures in a folder and its subfolders, by file extension; see `find_files`."""
    return find_files(folder, PICTURES)


def find_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files in a folder and its subfolders that have one of these extensions, sorted.

    Hidden ones, and those in hidden folders, are left out with a warning. Links to folders are followed in the folder
    itself, not below.

    Raises:
      OSError: a subfolder that cannot be read.
    """
    if not folder.is_dir():
        return []
    found = sorted(path for path in _walk(folder) if path.suffix.lower() in suffixes)
    hidden = [path for path in found if any(map(is_hidden, path.relative_to(folder).parts))]
    if hidden:
        message = f"{folder}: {len(hidden)} files in hidden or helper folders, or hidden, are left out: {some(hidden)}"
        warnings.warn(message, stacklevel=2)
        found = sorted(set(found) - set(hidden))
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if not path.is_dir():
            yield path
            continue
        for root, _, names in os.walk(path, onerror=_raise):
            yield from (Path(root, name) for name in names)


def _raise(error: OSError) -> None:
    raise error
