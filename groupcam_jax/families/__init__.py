"""What the methods of one family share: a method itself is its mathematics, in `explainers`."""
