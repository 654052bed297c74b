"""State dicts of PyTorch and of safetensors, read without PyTorch and without unpickling anything freely."""
