"""Which axis lies along what is joined: more rows, other tokens, or several views of the image."""

from collections.abc import Sequence

from jax.extend.core import JaxprEqn

from groupcam_jax.program.axes import BATCH, COLUMNS, ROWS, VIEWS, Axes, Axis, Factor, combined, lost, plain, without


def concatenate(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    """Tokens beside a grid are other tokens; rows beside rows are more rows, mirrored ones their border.

    Of other grids beside each other, and of rows twice, the order is lost. Several views in a batch, of a mirrored
    image, say, are an axis that no grid can have.
    """
    along = eqn.params["dimension"]
    rest = combined([without(axes, [along]) for axes in operands])
    made = joined([axes[along] for axes in operands], along, rest)
    twice = made.is_line and len({id(atom) for atom in eqn.invars}) < len(eqn.invars)
    return (*rest[:along], lost(made, made.size) if twice else made, *rest[along:])


def joined(pieces: Sequence[Axis], along: int, rest: Axes) -> Axis:
    """The axis of these pieces."""
    grids = [place for place, axis in enumerate(pieces) if not axis.is_plain]
    size = sum(axis.size for axis in pieces)
    if not grids:  # as older JAX stacks, if all are of one entry
        return stacked(len(pieces), along, rest) if size == len(pieces) else plain(size)
    if len(pieces) > 1 and any(BATCH in axis.kinds for axis in pieces):
        return Axis((Factor(VIEWS, 1, size),))
    grid = pieces[grids[0]]
    if len(grids) == 1 and not (grid.is_line and any(axis.is_line for axis in rest)):
        before, after = (sum(axis.size for axis in some) for some in (pieces[: grids[0]], pieces[grids[0] + 1 :]))
        return grid._replace(before=grid.before + before, after=grid.after + after)
    lines = [pieces[place] for place in grids]
    alike = all(axis.is_line and axis.kinds == grid.kinds for axis in lines)
    longest = max(lines, key=lambda axis: axis.size)
    one_way = len({factor.step > 0 for axis in lines for factor in axis.factors if isinstance(factor, Factor)}) == 1
    return longest.resized(size) if alike and (one_way or 2 * longest.size > size) else lost(grid, size)


def stack(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    along, axes = eqn.params["axis"], combined(operands)
    return (*axes[:along], stacked(len(operands), along, axes), *axes[along:])


def stacked(count: int, along: int, axes: Axes) -> Axis:
    """A new axis among others; before the grid it is one of views, which no grid can have."""
    grid = [place for place, axis in enumerate(axes) if {ROWS, COLUMNS} & {*axis.kinds}]
    return Axis((Factor(VIEWS, 1, count),)) if grid and along <= grid[0] and count > 1 else plain(count)
