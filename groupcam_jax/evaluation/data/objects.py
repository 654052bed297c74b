"""The objects, lines or files of annotations: those that cannot be used are left out, named and counted."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from groupcam_jax.some import some


class Objects:
    """Counts the objects of an annotation file, and those that are left out.

    Args:
      source: the file, or the folder.
      what: they are, in the plural.
      expected: what each should be, for the message.
    """

    def __init__(self, source: Path, what: str = "objects", expected: str = ""):
        self.source, self.what, self.expected = source, what, expected and f"; expected {expected}"
        self.count, self.faults = 0, list[str]()

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """While an object is read: it is left out if that raises a ValueError, TypeError or KeyError."""
        self.count += 1
        try:
            yield
        except (ValueError, TypeError, KeyError) as error:
            self.faults.append(f"{name}: {f'no {error}' if isinstance(error, KeyError) else error}")

    def report(self) -> None:
        """Warns of the objects that are left out.

        Raises:
          ValueError: these are all.
        """
        if self.faults and len(self.faults) == self.count:
            told = f"none of its {self.count} {self.what} can be used: {some(self.faults)}{self.expected}"
            raise ValueError(f"{self.source}: {told}")
        if self.faults:
            told = f"{len(self.faults)} of {self.count} {self.what} are left out: {some(self.faults)}{self.expected}"
            warnings.warn(f"{self.source}: {told}", stacklevel=5)  # whoever calls open_data
