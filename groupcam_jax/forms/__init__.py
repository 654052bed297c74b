"""Faster forms of convolutions and max pooling, which every explained model takes.

On CPU those of float32; on CUDA strided convolutions of few channels, and batch norms folded into the convolution
before them (`groupcam_jax.program.fold`). All else runs as it is written. A form computes the same function and its
derivatives; sums are in another order, and a folded kernel is rounded once more. See `groupcam_jax.program.rewrite`.

Tried and not taken: sums over all places of images as products with ones. Without YNNPACK they take a tenth to a third
of the time, and Group-CAM of EfficientNet-B0 6 to 10 % less. But rounding errors grow (8e-6 of a logit), and XLA no
longer cuts the sum to the channels that are used.
"""
