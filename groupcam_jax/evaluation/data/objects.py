"""The objects of an annotation file: those that cannot be used are left out, named and counted."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from groupcam_jax.evaluation.data.listing import some


class Objects:
    """Counts the objects of an annotation file, and those that are left out."""

    def __init__(self, source: Path):
        self.source, self.count, self.faults = source, 0, list[str]()

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
            raise ValueError(f"{self.source}: none of its {self.count} objects can be used: {some(self.faults)}")
        if self.faults:
            message = f"{self.source}: {len(self.faults)} of {self.count} objects are left out: {some(self.faults)}"
            warnings.warn(message, stacklevel=5)  # whoever calls open_data
