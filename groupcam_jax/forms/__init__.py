"""Faster forms of convolutions, max pooling and sums over places, which every explained model takes.

On CPU those of float32; on CUDA strided convolutions of few channels, and batch norms folded into the convolution
before them (`groupcam_jax.program.fold`). All else runs as it is written. A form computes the same function and its
derivatives; it adds in another order, and a folded kernel is rounded once more. See `groupcam_jax.program.rewrite`.
"""
