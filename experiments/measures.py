"""Methods by measures: one network, one set of pictures, one run.

python -m experiments.measures --model efficientnet-lite0 --data FOLDER --limit 40 --output results
groupcam evaluate measures ...        the same
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("evaluate", "measures")
