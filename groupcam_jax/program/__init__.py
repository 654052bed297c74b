"""A model as a flat program of equations: how a layer is found, and the model cut there, without touching the model."""
