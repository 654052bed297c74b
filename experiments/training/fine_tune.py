"""Section 5: fine-tunes a network on pictures that it augments itself, by Group-CAM.

python -m experiments.training.fine_tune --model resnet50 --data imagenet2012 --output resnet50-group-cam
groupcam fine-tune ...        the same
"""

from groupcam_jax.cli.fine_tune import main

if __name__ == "__main__":
    main()
