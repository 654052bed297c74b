"""What the methods of one family share; the mathematics of each is in `explainers`."""
