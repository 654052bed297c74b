"""Figures 2 and 3: what the methods make of the same pictures, and whether their maps tell two classes apart.

    python -m experiments.class_discrimination --model resnet50 --data imagenet2012 --limit 10 --output results
    groupcam evaluate class-discrimination ...        the same

The paper shows pictures. Beside them here: the rank correlation between the map of the picture's class and that of the
likeliest other class, low where a method tells them apart.

Ours, MobileNetV2, 8 pictures of ImageNet's validation set (experiments/results; 3 minutes on 2 cores of an AMD EPYC
beside other work): Grad-CAM 0.73, Group-CAM 0.80, released 0.83, Guided Grad-CAM 0.87, Grad-CAM++ 0.92. Grad-CAM tells
classes apart best; n is small and the intervals overlap. On a picture of skiers, "ski" lies on the skis and "alp" on
the mountains.

EfficientNet-Lite0, 40 pictures: Group-CAM 0.76 (0.69 to 0.82), released 0.87, Grad-CAM 0.89 (0.84 to 0.93), Guided
Grad-CAM 0.94, Grad-CAM++ 0.97. On this network Group-CAM tells classes apart best.
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("evaluate", "class-discrimination")
