"""`python -m groupcam_jax` is `groupcam`."""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main()
