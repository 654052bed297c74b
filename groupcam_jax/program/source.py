"""Where a user wrote an operation."""

import pathlib
import sysconfig

from jax.extend.core import JaxprEqn

OURS = str(pathlib.Path(__file__).parents[1])
LIBRARIES = (OURS, *map(sysconfig.get_path, ("purelib", "platlib", "stdlib")), "<")
INSTALLED = {"site-packages", "dist-packages"}  # of the user, of the system, of an environment below this one


def place_of(scope: str, eqn: JaxprEqn) -> str:
    """The scope and the line of an operation, for a message."""
    return f"{scope or 'the top level'!r} ({source_of(eqn)})"


def source_of(eqn: JaxprEqn) -> str:
    """The innermost line of code that is not part of an installed package, as 'model.py:12'; '' if there is none."""
    traceback = eqn.source_info.traceback
    for frame in traceback.frames if traceback else ():
        path = pathlib.PurePath(frame.file_name)
        if not frame.file_name.startswith(LIBRARIES) and INSTALLED.isdisjoint(path.parts):
            return f"{path.name}:{frame.line_num}"
    return ""
