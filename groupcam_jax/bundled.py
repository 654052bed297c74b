"""The package `pretrained`, which is installed beside this one: networks with their weights, and drawn scenes."""

import importlib
import importlib.util
from types import ModuleType


def bundled(name: str) -> ModuleType:
    """Imports a module of `pretrained`, only when needed: a user's own folder may have that name.

    Raises:
      ImportError: such a folder comes before ours on Python's path, or a package is missing.
    """
    try:
        return importlib.import_module(f"pretrained.{name}")
    except ImportError as error:
        if error.name != f"pretrained.{name.split('.')[0]}":
            raise  # another package is not installed
        spec = importlib.util.find_spec("pretrained")
        hidden_by = spec and (spec.origin or next(iter(spec.submodule_search_locations or [None])))
        raise ImportError(
            f"{hidden_by} hides the package pretrained that comes with groupcam-jax, with its networks and scenes; "
            "rename that folder or leave it out of PYTHONPATH, or name a network of your own: --model FILE.py:factory"
        ) from error
