"""Sanity checks: a saliency that does not change with the weights does not explain them (arXiv:1810.03292).

    cascading     modules lose their trained weights one after another, from the last to the first, and stay randomised
    independent   one module at a time; all others stay trained

A module is all leaves of the parameter tree that share a parent, such as a kernel and its bias. Modules are in the
order in which the model reads them. Each leaf is randomly permuted, which keeps its distribution: variances stay
positive and activations in range. Adebayo et al. redraw the weights from their initialiser.

Noise alone makes maps dissimilar: `efficient_mprt` is a remedy, and tells of another.

All trees have the same shapes, so one compiled explanation, with the weights as its argument, serves all of them.
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
from jax.extend.core import Var
from jax.tree_util import KeyPath
from jaxtyping import Array, Shaped

from groupcam_jax.metrics.similarity import Similarity, similarity
from groupcam_jax.program.flat import trace
from groupcam_jax.program.inline import variables
from groupcam_jax.program.params import partition
from groupcam_jax.types import Images, Model, Params, PRNGKey, Saliency


def modules(model_apply: Model, params: Params, images: Images | jax.ShapeDtypeStruct) -> list[str]:
    """Lists the modules of a parameter tree by their `jax.tree_util.keystr` paths, in the order the model reads them.

    Args:
      model_apply: `logits = model_apply(params, images)`.
      params: the model's weights.
      images: `[n, h, w, c]`, an array or `jax.ShapeDtypeStruct`.
    """
    program = trace(model_apply, params, images)
    reads: dict[Var, int] = {}
    for position, (_, eqn, _) in enumerate(program.equations):
        for var in variables(eqn.invars):
            reads.setdefault(var, position)
    paths = [module_of(path) for path, leaf in jax.tree_util.tree_leaves_with_path(params) if is_traced(leaf)]
    first: dict[str, int] = {}
    for path, var in zip(paths, program.params, strict=True):
        if var in reads:
            first[path] = min(first.get(path, reads[var]), reads[var])
    return sorted(first, key=lambda path: first[path])


def cascading(params: Params, order: list[str], key: PRNGKey) -> Iterator[tuple[str, Params]]:
    """Yields each module from the last to the first, with the tree in which it and all later ones are permuted.

    Raises:
      ValueError: when iterated: `order` names what is no module of `params`, see `modules`.
    """
    check_modules(params, order)
    for path in reversed(order):
        params = permuted(params, [path], key)
        yield path, params


def independent(params: Params, order: list[str], key: PRNGKey) -> Iterator[tuple[str, Params]]:
    """Yields each module from the last to the first, with the tree in which only it is permuted.

    Raises:
      ValueError: when iterated: see `cascading`.
    """
    check_modules(params, order)
    for path in reversed(order):
        yield path, permuted(params, [path], key)


def sanity_check(
    explain: Callable[[Params], Saliency], params: Params, randomized: Iterable[tuple[str, Params]]
) -> tuple[list[str], Similarity]:
    """Compares the saliency of the trained weights with those of randomised ones.

    Args:
      explain: `saliency = explain(params)` in [0, 1], for one image and one label, the one predicted with the trained
        weights. Pass it jitted, as `jax.jit(lambda params: group_cam(model.apply, params)(image, label))`: it is then
        compiled once for all trees.
      params: the trained weights.
      randomized: `cascading(params, order, key)` or `independent(params, order, key)`.

    Returns:
      The modules in the order of randomisation, and the similarities `[modules]` after each. They are NaN if the map of
      the trained weights is constant: it resembles nothing, and would seem to pass. One that becomes constant has lost
      all resemblance, see `similarity`: count such maps.

    Raises:
      ValueError: nothing is randomised, maps smaller than 16 x 16 pixels (see `similarity`), or see `cascading`.
    """
    steps = [(path, explain(weights)) for path, weights in randomized]
    if not steps:
        raise ValueError("randomized is empty: expected cascading(params, order, key), or independent, of modules")
    paths, saliencies = zip(*steps, strict=True)
    trained = explain(params)
    found = jax.vmap(similarity, (None, 0))(trained, jnp.stack(saliencies))
    return [*paths], jax.tree.map(lambda values: jnp.where(trained.max() == trained.min(), jnp.nan, values), found)


def check_modules(params: Params, order: list[str]) -> None:
    """Raises ValueError unless these are modules of a tree: any other name would randomise nothing."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    known = dict.fromkeys(module_of(path) for path, leaf in leaves if is_traced(leaf))
    if strange := [path for path in order if path not in known]:
        raise ValueError(f"order has {strange[0]!r}: no such module; there are: {', '.join(known)}")


def permuted(params: Params, chosen: list[str], key: PRNGKey) -> Params:
    """The tree with each leaf of the chosen modules shuffled; the same key gives the same order."""

    def permute(path, leaf, number):
        lost = module_of(path) in chosen and is_traced(leaf)
        return shuffle(jnp.asarray(leaf), jax.random.fold_in(key, number)) if lost else leaf

    numbers = jax.tree.unflatten(jax.tree.structure(params), range(len(jax.tree.leaves(params))))
    return jax.tree_util.tree_map_with_path(permute, params, numbers)


def shuffle(leaf: Shaped[Array, "*shape"], key: PRNGKey) -> Shaped[Array, "*shape"]:
    """The values of an array in random order."""
    return jax.random.permutation(key, leaf.ravel()).reshape(leaf.shape)


def module_of(path: KeyPath) -> str:
    """The path of a leaf's parent."""
    return jax.tree_util.keystr(path[:-1])


def is_traced(leaf: object) -> bool:
    """Whether a leaf is an array of the program, see `partition`."""
    return bool(partition(leaf)[0])
