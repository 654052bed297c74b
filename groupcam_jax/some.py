"""The first few of several things, for a message."""

from collections.abc import Collection


def some(things: Collection[object], most: int = 3) -> str:
    """The first few things, and how many more there are."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join([*map(str, things)][:most]) + more
