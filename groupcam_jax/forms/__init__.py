"""Faster forms of convolutions and max pooling, which every explained model takes on CPU.

Other platforms, other types than float32, and convolutions with no form here run as they are written. A form computes
the same function and its derivatives; sums are in another order. See `groupcam_jax.program.rewrite`.
"""
