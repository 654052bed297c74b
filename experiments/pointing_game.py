"""Table 4: the pointing game.

    python -m experiments.pointing_game --model resnet50 --data coco/2017 --category-classes FILE.json --output results
    groupcam evaluate pointing-game ...        the same

The paper (ResNet-50, MS COCO 2017 val, tolerance 0, mean accuracy in per cent): Grad-CAM 56.7, Grad-CAM++ 57.2,
RISE 54.3, XRAI 55.1, Score-CAM 51.0, Group-CAM 57.5.

Ours, MobileNetV2 (tables with 95 % intervals in experiments/results; 2 cores of an AMD EPYC, 7 minutes COCO and 5
ImageNet), per cent:

                                       Group-CAM  released  Grad-CAM  Grad-CAM++  centre  random
    COCO, hits (n = 487 pairs)         32.4       30.4      29.0      25.9        23.4    12.5
    ... mean over categories           34.9       32.7      30.3      28.6        24.0    12.4
    ... on the outline                 24.6       23.2      21.8      19.5        18.1    8.0
    ... within 15 pixels of it         43.1       40.5      39.0      34.7        31.0    17.5
    ... difficult, n = 389             21.1       19.0      16.7      13.4        10.0    4.6
    COCO, energy inside                22.7       21.0      21.7      19.6        16.3    14.2
    COCO, blank maps                   7.4        2.9       0.2       0.0
    ImageNet, hits (n = 280)           85.7       86.1      83.6      83.2        85.7    42.1
    ImageNet, energy inside            71.7       67.6      68.9      67.2        58.6    50.3
    ... object at most half, n = 146   76.0       74.7      69.2      68.5        72.6    19.2

Ours, EfficientNet-Lite0 (the same pictures; 25 and 10 minutes beside other work):

                                       Group-CAM  released  Grad-CAM  Grad-CAM++  centre  random
    COCO, hits (n = 487 pairs)         33.9       34.5      35.7      30.0        23.4    12.5
    ... mean over categories           37.5       37.3      40.6      33.2        24.0    12.4
    ... on the outline                 27.3       26.7      27.1      23.0        18.1    8.0
    ... within 15 pixels of it         45.4       44.4      46.6      39.8        31.0    17.5
    ... difficult, n = 389             22.4       22.1      24.2      17.0        10.0    4.6
    COCO, energy inside                23.3       22.0      23.5      20.9        16.3    14.2
    COCO, blank maps                   3.1        1.0       0.0       0.0
    ImageNet, hits (n = 280)           88.9       88.9      87.1      88.6        85.7    42.1
    ImageNet, energy inside            73.7       70.2      71.3      69.8        58.6    50.3
    ... object at most half, n = 146   82.2       80.1      76.7      78.8        72.6    19.2

The order does not hold on this second network: on COCO Grad-CAM is ahead of Group-CAM, within the intervals; on
ImageNet Group-CAM is ahead of it, within the intervals. What holds on both: the energy that Group-CAM has inside
ImageNet's objects, and its lead where they cover at most half of the picture; Grad-CAM++ behind on COCO; all of them
above the centre; random last.

With MobileNetV2 Group-CAM comes first, as in the paper, and random last. The level of COCO is lower than the paper's,
whose network was trained on its categories: ours knows unions of ImageNet's classes, and many of the objects are small.
On ImageNet the objects are so central that pointing at the centre is as good as any method; where they cover at most
half of the picture Group-CAM is ahead of the centre, within the intervals. Grad-CAM++ is behind Grad-CAM here, ahead in
the paper.

Why Group-CAM has blank maps on COCO: in 33 of the 36 the network finds the category less probable in the picture than
in the blurred picture (of 36 maps that are not blank, in 8), so that to reveal anything speaks against it. Grad-CAM
draws what speaks for the logit all the same, and the pointing game counts it. No map is an honest answer here.

A picture counts once for every category that it shows: n counts those pairs, and the intervals draw pictures with all
of theirs. "Hit" is of the boxes, as in the paper; "on the object" is of outlines, which COCO's folder has; "within 15"
counts what is less than 15 pixels from the outline, or else from the boxes, as TorchRay does with outlines. Difficult
are objects below a quarter of the picture with others beside them. A blank map, in which nothing speaks for the
category, points to the first pixel, and mostly misses. `--category-classes` names a JSON file,
category -> classes of the network that mean it: the score of a category is then the probability of any of them.
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("evaluate", "pointing-game")
