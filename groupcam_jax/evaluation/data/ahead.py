"""Reads in threads, ahead of use and in order."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Read = TypeVar("Read")


def ahead(indices: Sequence[int], read: Callable[[int], Read], threads: int) -> Iterator[Read]:
    """What is read at each index in turn; so many are read at once, and twice as many are kept ready."""
    import grain  # takes a second to import

    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    return iter(grain.MapDataset.source(indices).map(read).to_iter_dataset(options)) if indices else iter(())
