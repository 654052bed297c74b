"""State dicts of PyTorch and safetensors, read without PyTorch and without unrestricted unpickling."""
