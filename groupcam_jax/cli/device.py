"""Where to compute."""

import jax


def compute_on(kind: str) -> None:
    """Makes JAX compute on the first device of a kind.

    Raises:
      ValueError: no such device.
    """
    try:
        device = jax.devices(kind)[0]
    except RuntimeError:
        raise ValueError(f"--device {kind}: JAX finds none here; it finds {jax.devices()}") from None
    jax.config.update("jax_default_device", device)
