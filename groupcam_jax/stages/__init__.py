"""The stages of Group-CAM, one a file, each for one image or one mask: a batch is `jax.vmap`."""
