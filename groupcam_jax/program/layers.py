"""The layers of a traced model: its activations, and which of them nothing bypasses.

An activation is a floating value that depends on the images and holds a grid of them: rows and columns, or tokens. It
is not a mere view of another (reshape, pad, ...), nor a partial result that only the next sum or product of its own
module reads (a convolution before its bias).
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping

from jax.extend.core import JaxprEqn, Var, jaxprs_in_params

from groupcam_jax.program.axes import LOST, Axes
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import is_floating, shape_of, variables
from groupcam_jax.program.layout import Grid, find_grid
from groupcam_jax.program.source import source_of

VIEWS = {
    *("broadcast_in_dim", "convert_element_type", "copy", "expand_dims", "name", "optimization_barrier", "pad"),
    *("pvary", "reduce_precision", "reshape", "rev", "sharding_constraint", "slice", "squeeze", "stop_gradient"),
    "transpose",
}
PRODUCTS = {"conv_general_dilated", "dot_general"}
ARITHMETIC = {"add", "add_any", "div", "mul", "sub"}


@dataclasses.dataclass(frozen=True)
class LayerEntry:
    """One line of `list_layers`.

    Attributes:
      index: its number.
      scope: where it was written: `jax.named_scope`s, or the path of the module whose parameters it reads.
      operation: what computes it.
      shape: as the model lays it out, without the batch.
      is_cut: whether nothing bypasses it.
      position: of its equation in the program.
      var: its variable in the program.
      grid: how its axes form a grid; None where the program does not tell, or loses it.
      source: file and line that wrote it.
      remark: "default", or why a later one is not.
    """

    index: int
    scope: str
    operation: str
    shape: tuple[int, ...]
    is_cut: bool
    position: int
    var: Var
    grid: Grid | None
    source: str
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.index} '{self.scope}' {[*self.shape]}"

    @property
    def places(self) -> int:
        """How many places its grid has; 0 without one."""
        height, width = self.grid.shape if self.grid else (0, 0)
        return height * width


def activations(program: Program, axes: Mapping[Var, Axes], *, told: bool = False) -> list[LayerEntry]:
    """Lists the activations of a traced model; last the cuts whose places the program loses.

    Args:
      program: the model.
      axes: of its values, see `label_axes`.
      told: whether the user tells their layout, so that those count of which the program does not tell it.

    Raises:
      ValueError: the logits do not depend on the images.
    """
    batch = floating_shape(program.images)[0]
    last_use = last_uses(program)
    if program.images not in last_use:
        raise ValueError("the model's logits do not depend on the images: there is nothing to explain")
    readers = Counter(id(atom) for _, eqn, _ in program.equations for atom in eqn.invars)
    alive_until, found, unknown = last_use[program.images], [], []
    for position, (scope, eqn, _) in enumerate(program.equations):
        if axes.keys().isdisjoint(eqn.outvars):
            continue
        until = {var: last_use.get(var, -1) for var in eqn.outvars}
        for var in eqn.outvars:
            beside = max([alive_until, *(end for other, end in until.items() if other is not var)])
            shape, is_cut = floating_shape(var), beside <= position
            if (
                len(shape) > 2
                and var in last_use
                and eqn.primitive.name not in VIEWS
                and not is_partial(program, position, var, readers)
            ):
                grid = find_grid(axes[var], batch)
                lost = is_cut and any(LOST in axis.kinds for axis in axes[var])
                if grid or ((told or lost) and shape[0] == batch):
                    place = scope, operation(eqn), shape[1:], is_cut, position, var
                    (found if grid else unknown).append(LayerEntry(0, *place, grid, source_of(eqn)))
        alive_until = max([alive_until, *until.values()])
    return [dataclasses.replace(entry, index=index) for index, entry in enumerate([*found, *unknown])]


def operation(eqn: JaxprEqn) -> str:
    """The name of an equation's primitive, or of the function with a custom derivative that it calls."""
    inner = eqn.params["call_jaxpr"].eqns if eqn.primitive.name == "custom_jvp_call" else []
    return inner[0].params.get("name", eqn.primitive.name) if inner else eqn.primitive.name


def holds_product(eqn: JaxprEqn) -> bool:
    """Whether an equation is a product, or a loop, branch or call with one inside."""
    inner = (one for jaxpr in jaxprs_in_params(eqn.params) for one in jaxpr.eqns)
    return eqn.primitive.name in PRODUCTS or any(map(holds_product, inner))


def floating_shape(var: Var) -> tuple[int, ...]:
    """The shape of a floating variable; () for integers, keys and the like, which are no activations."""
    return shape_of(var) if is_floating(var) else ()


def last_uses(program: Program) -> dict[Var, int]:
    """The position of the last equation that reads each variable on the way to the logits; unread ones are left out."""
    last_use = {program.logits: len(program.equations)}
    for position, (_, eqn, _) in reversed([*enumerate(program.equations)]):
        if any(var in last_use for var in eqn.outvars):
            for var in variables(eqn.invars):
                last_use.setdefault(var, position)
    return last_use


def is_partial(program: Program, position: int, var: Var, readers: Counter[int]) -> bool:
    """Whether the only reader of a value, apart from views, is a sum or product in the same scope."""
    scope = program.equations[position].scope
    for reader_scope, eqn, _ in program.equations[position + 1 :]:
        if var in variables(eqn.invars):
            if readers[id(var)] > 1 or reader_scope != scope:
                return False
            if eqn.primitive.name not in VIEWS:
                return eqn.primitive.name in ARITHMETIC
            (var,) = eqn.outvars
    return False
