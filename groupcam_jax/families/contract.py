"""Makes a generated builder look like a function that somebody wrote: name, signature, docstring, source."""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def described(build: Function, method: Callable[..., Any], family: type, **defaults: object) -> Function:
    """Gives a builder the name and source of its method, and the signature of its family's `__call__`.

    Args:
      build: the builder.
      method: its mathematics, whose docstring begins the builder's.
      family: the protocol of all builders of this kind; the docstring of its `__call__` follows.
      defaults: of the parameters that the protocol leaves open.
    """
    functools.update_wrapper(build, method)
    call = family.__call__
    _, *parameters = inspect.signature(call).parameters.values()
    parameters = [one.replace(default=defaults.get(one.name, one.default)) for one in parameters]
    build.__signature__ = inspect.signature(call).replace(parameters=parameters)
    build.__annotations__ = typing.get_type_hints(call)  # their names mean nothing in the method's own module
    build.__doc__ = "\n\n".join(filter(None, map(inspect.getdoc, (method, call))))
    return build
