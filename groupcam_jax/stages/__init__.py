"""The stages of Group-CAM, one per file, each for one image or one mask; batch with `jax.vmap`."""
