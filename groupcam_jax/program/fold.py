"""On CUDA, a batch norm after a convolution is folded into its kernel, so that one operation computes both.

    (conv(x, w) - mean) scale + bias  =  conv(x, w scale) + (bias - mean scale)

cuDNN adds the second term, the residual and the ReLU while it writes the convolution's output; as it is written the
output is read and written once more. The kernels of ResNet-50's passes in bfloat16 took 10.1 ms as written and 7.9 ms
folded (264 images, one NVIDIA H200, JAX 0.11.2, experiments/results/fold_h200.json). Other platforms compute what is
written.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.inline import Equation, is_floating, is_spread, type_of, variables
from groupcam_jax.program.normalized import ARITHMETIC, SCALING, merge


def fold(
    equations: Sequence[Equation],
    outputs: Sequence[Var],
    weights: Collection[Var],
    in_form: Callable[[JaxprEqn], JaxprEqn],
) -> list[Equation]:
    """The equations, with each convolution and what normalises its output as one equation.

    Args:
      equations: of a function, in order.
      outputs: of the function; a value that is one, or that is read twice, stays.
      weights: what is the same for all images. Only what is made of them is folded: a kernel that depends on the image
        would be one for each under `vmap`.
      in_form: gives a convolution its form.
    """
    uses = Counter([*outputs, *(var for equation in equations for var in variables(equation.eqn.invars))])
    readers = {var: place for place, equation in enumerate(equations) for var in variables(equation.eqn.invars)}
    fixed = made_of(weights, equations)
    kept: list[Equation | None] = [*equations]
    for place, (scope, eqn, remat) in enumerate(equations):
        if eqn.primitive.name != "conv_general_dilated" or eqn.outvars[0] in fixed or not of_one_type(eqn):
            continue
        places = chain(place, equations, uses, readers, fixed)
        links = [equations[one].eqn for one in places]
        if SCALING.isdisjoint(link.primitive.name for link in links):
            continue
        for one in (place, *places):
            kept[one] = None
        kept[places[-1]] = Equation(scope, merge(eqn, in_form(eqn), links), remat)
    return [equation for equation in kept if equation is not None]


def made_of(weights: Collection[Var], equations: Sequence[Equation]) -> set[Var]:
    """The variables that depend on the weights alone, and these."""
    fixed = {*weights}
    for equation in equations:
        if fixed.issuperset(variables(equation.eqn.invars)):
            fixed.update(equation.eqn.outvars)
    return fixed


def chain(
    place: int, equations: Sequence[Equation], uses: Counter[Var], readers: dict[Var, int], fixed: set[Var]
) -> list[int]:
    """The places of the equations that scale and shift the channels of a convolution, up to one in its own type."""
    convolution, remat = equations[place].eqn, equations[place].remat
    axes = convolution.params["dimension_numbers"].out_spec
    rank, channel = len(axes), axes[1]
    places, ends, value = [], 0, convolution.outvars[0]
    while uses[value] == 1 and value in readers:
        link = equations[readers[value]]
        if link.remat is not remat or not is_affine(link.eqn, value, rank, channel, fixed):
            break
        places.append(readers[value])
        (value,) = link.eqn.outvars
        if type_of(value).dtype == type_of(convolution.outvars[0]).dtype:
            ends = len(places)
    return places[:ends]


def is_affine(eqn: JaxprEqn, value: Var, rank: int, channel: int, fixed: set[Var]) -> bool:
    """Whether an equation scales or shifts the channels of a value by weights, or converts it to another float."""
    name, operands = eqn.primitive.name, eqn.invars
    if name == "convert_element_type":
        return is_floating(eqn.outvars[0])
    if name not in ARITHMETIC or (name in {"sub", "div"} and operands[0] is not value):
        return False
    (other,) = (atom for atom in operands if atom is not value)
    if isinstance(other, Var) and (other not in fixed or is_spread(type_of(other))):
        return False
    sizes = type_of(other).shape  # maybe symbolic: such a size is not 1
    return not sizes or (len(sizes) == rank and all(n == 1 for axis, n in enumerate(sizes) if axis != channel))


def of_one_type(convolution: JaxprEqn) -> bool:
    """Whether images, kernel and output are of one floating type that holds a scaled kernel as well as the kernel."""
    atoms = [*convolution.invars, *convolution.outvars]
    types = {type_of(var).dtype for var in variables(atoms)}
    return (
        len(variables(atoms)) == 3
        and len(types) == 1
        and is_floating(convolution.outvars[0])
        and types.pop().itemsize > 1
    )
