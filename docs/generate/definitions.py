"""The reference shows the equations of a method or a metric, which stand in the docstring of its module."""

import inspect


def add_definition(app, what, name, thing, options, lines):
    """Appends the docstring of a function's own module: the file that bears the function's name."""
    del app, options
    module = inspect.getmodule(thing)
    if what != "function" or module is None or module.__name__.rpartition(".")[2] != name.rpartition(".")[2]:
        return
    written = (module.__doc__ or "").strip().splitlines()
    lines += ["", ".. rubric:: Definition", "", ".. code-block:: text", "", *(f"   {line}" for line in written), ""]
