"""Values as they are written in code, for tables and records: the same text in every process."""

import functools
from typing import Any


def spelled(value: Any) -> str:
    """A function by the name of what made it, never by its address in memory; a partial one with its options."""
    if isinstance(value, functools.partial):
        options = [f"{option}={spelled(one)}" for option, one in value.keywords.items()]
        return f"{spelled(value.func)}({', '.join([*map(spelled, value.args), *options])})"
    name = getattr(value, "__qualname__", None)
    return name.partition(".")[0] if name else str(value)
