"""A convolution and what normalises its output as one equation; `fold` says where, and what for."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn, Literal, Var

from groupcam_jax.program.evaluate import evaluator, one_call
from groupcam_jax.program.inline import Atom, Equation, type_of, variables

ARITHMETIC: dict[str, Callable[..., jax.Array]] = {
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "add": jnp.add,
    "div": jnp.divide,
}
SCALING = {"mul", "div"}


@dataclasses.dataclass(frozen=True)
class Normalized:
    """A convolution and the links that scale and shift its channels.

    Attributes:
      computed: what is computed; of two that are alike it is equal, and one function serves both.
      inputs: what the equations read.
      convolution: as it is written.
      formed: the convolution in its form.
      links: the equations that follow it.
    """

    computed: Hashable
    inputs: Sequence[Var] = dataclasses.field(compare=False)
    convolution: JaxprEqn = dataclasses.field(compare=False)
    formed: JaxprEqn = dataclasses.field(compare=False)
    links: Sequence[JaxprEqn] = dataclasses.field(compare=False)


def merge(convolution: JaxprEqn, formed: JaxprEqn, links: Sequence[JaxprEqn]) -> JaxprEqn:
    """One equation for a convolution, maybe in a form, and for the links that scale and shift its channels."""
    made = {var for eqn in (convolution, *links) for var in eqn.outvars}
    atoms = [atom for eqn in (convolution, *links) for atom in eqn.invars]
    inputs = [*dict.fromkeys(var for var in variables(atoms) if var not in made)]
    whole = Normalized(what_is_computed([formed, *links], inputs), inputs, convolution, formed, links)
    return one_call(normalized(whole), inputs, links[-1].outvars, convolution.source_info)


def what_is_computed(equations: Sequence[JaxprEqn], inputs: Sequence[Var]) -> Hashable:
    """The equations with numbers for variables."""
    numbers = {var: n for n, var in enumerate([*inputs, *(var for eqn in equations for var in eqn.outvars)])}

    def read(atom: Atom) -> Hashable:
        return (repr(atom.val), atom.aval) if isinstance(atom, Literal) else numbers[atom]

    steps = [(eqn.primitive, *sorted(eqn.params.items()), *map(read, eqn.invars)) for eqn in equations]
    return *map(type_of, inputs), *steps


@functools.cache  # one traced function for all alike
def normalized(whole: Normalized) -> Callable[..., list[jax.Array]]:
    """The function of the inputs: folded on CUDA, as it is written elsewhere."""
    inputs, convolution, formed, links = whole.inputs, whole.convolution, whole.formed, whole.links
    as_written = evaluator([Equation("", eqn) for eqn in (formed, *links)], inputs, links[-1].outvars)
    convolve = evaluator([Equation("", formed)], variables(convolution.invars), convolution.outvars)
    numbers, output = convolution.params["dimension_numbers"], type_of(convolution.outvars[0])
    wide = jnp.float32 if jnp.finfo(output.dtype).bits < 32 else output.dtype

    def along(vector: jax.Array, axis: int) -> jax.Array:
        return vector.reshape([-1 if place == axis else 1 for place in range(output.ndim)])

    def folded(*values: jax.Array) -> list[jax.Array]:
        known, scale, shift = dict(zip(inputs, values, strict=True)), jnp.ones(1, wide), jnp.zeros(1, wide)
        for eqn in links:
            if eqn.primitive.name == "convert_element_type":
                continue
            (other,) = (atom for atom in eqn.invars if isinstance(atom, Literal) or atom in known)
            vector = jnp.reshape(other.val if isinstance(other, Literal) else known[other], -1).astype(wide)
            apply = ARITHMETIC[eqn.primitive.name]
            shift = apply(shift, vector)
            scale = apply(scale, vector) if eqn.primitive.name in SCALING else scale
        images, kernel = (known[var] for var in variables(convolution.invars))
        kernel = (kernel.astype(wide) * along(scale, numbers.rhs_spec[0])).astype(kernel.dtype)
        (result,) = convolve(images, kernel)
        return [result + along(shift, numbers.out_spec[1]).astype(result.dtype)]

    @jax.jit
    def normalize(*values: jax.Array) -> list[jax.Array]:
        return lax.platform_dependent(*values, cuda=folded, default=as_written)

    return normalize
