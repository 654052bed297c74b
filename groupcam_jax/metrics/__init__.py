"""What explanations are measured by, one metric a file: pure functions of one image, to be jitted and vmapped."""
