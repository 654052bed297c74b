"""Section 5: fine-tunes a network on pictures that it augments itself, by Group-CAM.

    python -m experiments.training.fine_tune --model resnet50 --data imagenet2012 --output resnet50-group-cam
    groupcam fine-tune ...        the same

The paper: 76.74 % of ImageNet's validation pictures, from 76.15 %. ImageNet was not trained on here; what the
augmentation gains on small sets, with controls: experiments/fine_tuning.
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("fine-tune")
