"""A line on a terminal while something long runs: what it is, how much of it is done, and the time."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


class Counted(ProgressColumn):
    """How many of a unit are done, out of how many, and how many per second, with so many decimals."""

    def __init__(self, unit: str, digits: int) -> None:
        super().__init__()
        self.unit, self.digits = unit, digits

    def render(self, task: Task) -> Text:
        """The text of the column; empty while it is unknown how many there are."""
        if task.total is None:
            return Text()
        speed = f", {task.speed:,.{self.digits}f} a second" if task.speed else ""
        return Text(f"{task.completed:,.0f} of {task.total:,.0f} {self.unit}{speed}", style="progress.download")


def progress_line(console: Console, unit: str, digits: int) -> Progress:
    """Makes the line; it is shown only on a terminal, and erased at the end."""
    columns = "{task.description}", BarColumn(), Counted(unit, digits), TimeElapsedColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
