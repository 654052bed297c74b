"""Training: of the network that is shipped, of one to measure, and of your own."""
