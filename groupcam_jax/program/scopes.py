"""Scope names: the paths that `jax.named_scope`, Flax and Haiku write on equations, and how a user's name finds one."""

import re

from jax.extend.core import JaxprEqn

TRANSFORM = re.compile(r"\w+\(([^()]*)\)")


def scope_of(eqn: JaxprEqn) -> str:
    """The scope of an equation without the transformations around it: 'vmap(encoder)/conv' is 'encoder/conv'."""
    name = str(eqn.source_info.name_stack)
    while (plain := TRANSFORM.sub(r"\1", name)) != name:
        name = plain
    return join_scopes(*name.split("/"))


def join_scopes(*scopes: str) -> str:
    """Joins paths, leaving out the empty ones."""
    return "/".join(filter(None, scopes))


def scope_matches(scope: str, name: str) -> bool:
    """Whether the name is a run of whole components of the scope: 'layer4_2' and 'layer4_2/conv3', but not 'layer4'."""
    return f"/{name.strip('/')}/" in f"/{scope}/"
