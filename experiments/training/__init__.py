"""Training of the network that is shipped."""
