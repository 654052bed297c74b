"""Where commands write: results to the standard output, all else to the standard error."""

from rich.console import Console

# No emoji: my_model.py:factory would become one.
console = Console(highlight=False, soft_wrap=True, emoji=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
