"""The error of all readers of weights."""


class CheckpointError(ValueError):
    """A file of weights that cannot be read, or should not be."""
