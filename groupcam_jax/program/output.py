"""What comes out of a model: the logits, also where the model goes on to probabilities.

A model may end in a softmax, a log-softmax or a sigmoid, as Keras's do. Its logits are what stands under that, found by
what the last equations compute, not by their names: a function of one value `[n, classes]` and nothing else, which
agrees with a softmax, a log-softmax or a sigmoid on random values.
"""

from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Var
from jaxtyping import Array, Float

from groupcam_jax.program.evaluate import run_equation
from groupcam_jax.program.flat import Program, trace
from groupcam_jax.program.inline import Equation, type_of, values_of, variables
from groupcam_jax.program.layers import floating_shape
from groupcam_jax.types import Images, Logits, Model, Params

MOST = 40  # equations that a softmax may take
LINKS: dict[str, Callable[[Array], Array]] = {
    "softmax": jax.nn.softmax,
    "log-softmax": jax.nn.log_softmax,
    "sigmoid": jax.nn.sigmoid,
}


def trace_logits(model_apply: Model, params: Params, images: Images) -> Program:
    """Traces a model up to its logits, see `trace`.

    Raises:
      ValueError: the model does not return logits, or probabilities, `[n, classes]`; or its one class is certain.
    """
    return below_link(trace(model_apply, params, images))


def below_link(program: Program) -> Program:
    """Leaves out the softmax, log-softmax or sigmoid that a program ends in."""
    found = [(logits, tail, link) for logits, tail in ends(program) if (link := link_of(tail, logits, program.logits))]
    if not found:
        return program
    logits, tail, link = found[-1]  # others are the logits less their maximum, with which a softmax begins
    if link != "sigmoid" and floating_shape(logits)[1] == 1:
        raise ValueError(
            f"the model ends in a {link} over one class, which is certain whatever the image; "
            "leave it out: a single logit is that of a binary classifier"
        )
    independent = link == "sigmoid" and floating_shape(logits)[1] > 1
    return program._replace(equations=without(program.equations, tail), logits=logits, independent=independent)


def probabilities(program: Program, logits: Logits) -> Float[Array, " classes"]:
    """The probabilities of the classes, from their logits; the program ends in these."""
    link = jax.nn.sigmoid if program.independent else jax.nn.softmax
    # XLA on CPU makes probabilities, such as 31 %, of logits that are NaN.
    return jnp.where(jnp.isnan(logits).any(), jnp.nan, link(logits))


def without(equations: Sequence[Equation], left_out: Sequence[Equation]) -> list[Equation]:
    """The equations that need none of some others: what nobody reads of a softmax goes with it."""
    kept, missing = [], {var for equation in left_out for var in equation.eqn.outvars}
    for equation in equations:
        if missing.isdisjoint([*variables(equation.eqn.invars), *equation.eqn.outvars]):
            kept.append(equation)
        else:
            missing.update(equation.eqn.outvars)
    return kept


def ends(program: Program) -> Iterator[tuple[Var, list[Equation]]]:
    """The values in the shape of the output of which alone it is a function, the last one first, and that function."""
    frontier, tail = {program.logits}, []
    for equation in reversed(program.equations[-MOST:]):
        if frontier.isdisjoint(equation.eqn.outvars):
            continue
        tail.insert(0, equation)
        frontier = (frontier - {*equation.eqn.outvars}) | {*variables(equation.eqn.invars)}
        if len(frontier) == 1:
            (value,) = frontier
            if floating_shape(value) == floating_shape(program.logits):
                yield value, [*tail]


def link_of(tail: Sequence[Equation], logits: Var, output: Var) -> str | None:
    """Which of the links the equations compute, if any."""
    of_logits, of_output = type_of(logits), type_of(output)
    rounding = max(float(jnp.finfo(of.dtype).eps) for of in (of_logits, of_output))
    with jax.ensure_compile_time_eval():
        drawn = jnp.asarray(3 * np.random.default_rng(0).standard_normal(of_logits.shape), of_logits.dtype)
        both_signs = (drawn, -drawn)  # a single logit must not lie where another function happens to agree
        results = [run_here(tail, logits, values)[output].astype(jnp.float32) for values in both_signs]

        def agrees(link: Callable[[Array], Array]) -> bool:
            expected = [link(values.astype(jnp.float32)) for values in both_signs]
            pairs = zip(results, expected, strict=True)
            return all(jnp.allclose(*pair, rtol=30 * rounding, atol=10 * rounding) for pair in pairs)

        return next((name for name, link in LINKS.items() if agrees(link)), None)


def run_here(equations: Sequence[Equation], argument: Var, value: Array) -> dict[Var, Array]:
    """All values of a function, computed now, also while JAX traces a `shard_map`."""
    values = {argument: value}
    for equation in equations:
        eqn = equation.eqn
        operands = values_of(eqn.invars, values)
        results = operands if eqn.primitive.name == "pvary" else run_equation(equation, operands)
        values.update(zip(eqn.outvars, results, strict=True))
    return values
