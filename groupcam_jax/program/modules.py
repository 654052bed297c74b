"""Names for what is written without `jax.named_scope`: the module whose parameters an operation reads.

NNX, Equinox and plain functions leave no names in a traced program, but their parameters have a path in their tree.
"""

import os.path
from collections.abc import Sequence
from typing import Any

import jax
from jax.extend.core import Var

from groupcam_jax.program.inline import Equation, variables
from groupcam_jax.program.scopes import join_scopes
from groupcam_jax.types import Params


def module_paths(params: Params) -> list[str]:
    """The path of the module of each array in a tree: 'layers/3/conv1' of `layers[3].conv1.weight`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return [module_path(path) for path, leaf in leaves if hasattr(leaf, "dtype")]


def module_path(path: Sequence[Any]) -> str:
    """A path without the parameter's own name, unless it has no other or is a number."""
    keys = [next(getattr(key, name) for name in ("name", "key", "idx") if hasattr(key, name)) for key in path]
    while len(keys) > 1 and keys[-1] in ("value", "raw_value"):  # of NNX's variables
        keys.pop()
    if len(keys) > 1 and isinstance(keys[-1], str):
        keys.pop()
    return "/".join(str(key) for key in keys if key != "params")


def name_modules(
    equations: Sequence[Equation], params: Sequence[Var], paths: Sequence[str], images: Var
) -> list[Equation]:
    """Gives each equation without a scope the path of the module whose parameters it, or what it is made of, reads."""
    weights = dict(zip(params, paths, strict=True))  # of values that depend on weights alone
    module = {images: ""}  # of values that depend on the images
    named = []
    for equation in equations:
        eqn = equation.eqn
        read = variables(eqn.invars)
        own = [weights[var] for var in read if var in weights]
        arrived = [module[var] for var in read if var in module]
        path = common(own)
        if arrived:
            path = path or common(arrived) or arrived[-1]
            module.update(dict.fromkeys(eqn.outvars, path))
            equation = equation._replace(scope=with_path(equation.scope, path))
        elif own:
            weights.update(dict.fromkeys(eqn.outvars, path))
        named.append(equation)
    return named


def common(paths: Sequence[str]) -> str:
    """What several paths begin with; '' for none."""
    return os.path.commonpath(paths) if paths else ""


def with_path(scope: str, path: str) -> str:
    """A scope with the path of a module where it says nothing, or only which kind of module ('eqx.nn.Conv')."""
    own = [name for name in scope.split("/") if name]
    named = [path if name.startswith("eqx.nn.") else name for name in own]
    return join_scopes(*named) if own else path
