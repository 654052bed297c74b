"""Names of classes: read from a file, and found by what the command line says of them."""

import json
import pathlib
from collections.abc import Sequence

from groupcam_jax.some import some


def read_class_names(path: pathlib.Path) -> list[str]:
    """Reads the names of classes: a line each, or JSON, a list of them or an object from class to name.

    Raises:
      ValueError: the file is no text, or JSON of another form.
    """
    try:
        text = path.read_text("utf-8-sig").strip()
        told = json.loads(text) if text.startswith(("[", "{")) else [line.strip() for line in text.split("\n")]
        names = [told[str(label)] for label in range(len(told))] if isinstance(told, dict) else told
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("not all of them are text")
        if not all(names):
            raise ValueError(f"the name of class {names.index('')} is blank")
    except (ValueError, KeyError, RecursionError) as error:
        raise ValueError(
            f"--class-names {path}: expected a name in each line, or, if it begins with [ or {{, JSON, "
            f'["cat", "dog"] or {{"0": "cat", "1": "dog"}} ({type(error).__name__}: {error})'
        ) from error
    return names


def find_label(class_names: Sequence[str], wanted: str) -> int:
    """Finds a class by name, index or part of its name, ignoring case; '_' equals ' '.

    Raises:
      ValueError: there is no such class, or several; the message lists them.
    """
    names = [normal(name) for name in class_names]
    found = [label for label, name in enumerate(names) if name == normal(wanted)]
    if not found and wanted.isdecimal():
        if int(wanted) >= len(class_names):
            raise ValueError(f"--class {wanted}: the model has {len(class_names)} classes, 0 to {len(class_names) - 1}")
        return int(wanted)
    found = found or [label for label, name in enumerate(names) if normal(wanted) in name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError(f"--class {wanted}: no class has this in its name; an index works too, 0 to {len(names) - 1}")
    listed = some([f"{label} {class_names[label]}" for label in found], 20)
    raise ValueError(f"--class {wanted}: {len(found)} classes match, choose one: {listed}")


def normal(name: str) -> str:
    """The form in which class names are compared."""
    return name.replace("_", " ").casefold().strip()
