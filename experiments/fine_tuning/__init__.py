"""Does training on what a network itself finds salient help? Section 5 of the paper, with controls."""
