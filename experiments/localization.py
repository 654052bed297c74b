"""Weakly supervised localization: the tables of the CAM and Grad-CAM papers.

    python -m experiments.localization --model vgg16 --data imagenet2012 --output results
    groupcam evaluate localization ...        the same

The papers (VGG-16, ImageNet validation, error in per cent): CAM (GoogLeNet-GAP) top-1 56.4 and top-5 43.0; Grad-CAM
top-1 56.51 and top-5 46.41; Group-CAM's paper has no such table.

Ours, MobileNetV2, the 280 pictures of a sample of ImageNet's validation set, straight resize, per cent (95 % intervals
in experiments/results; 2 cores of an AMD EPYC, 8 minutes):

                         Group-CAM  released  Grad-CAM  Grad-CAM++  centre  random
    top-1 error, 15 %    60.7       60.4      60.4      61.8        67.1    67.1
    top-5 error, 15 %    49.3       51.1      50.0      51.8        58.9    58.9
    MaxBoxAcc            54.6       57.1      56.4      55.0        54.6    44.3
    ... at most half     35.6       36.3      38.4      37.0        30.1    6.2    (n = 146)
    box at 15 %          64.7       79.7      75.9      81.7        100.0   100.0  of the picture; the objects 50.2

Ours, EfficientNet-Lite0, the same pictures (20 minutes beside other work):

                         Group-CAM  released  Grad-CAM  Grad-CAM++  centre  random
    top-1 error, 15 %    54.3       54.6      53.9      57.5        65.7    65.7
    top-5 error, 15 %    45.0       46.1      45.0      48.9        57.9    57.9
    MaxBoxAcc            59.6       60.7      61.8      61.1        54.6    44.3
    ... at most half     45.2       45.9      45.9      45.2        30.1    6.2    (n = 146)
    box at 15 %          64.7       77.6      74.5      78.5        100.0   100.0  of the picture; the objects 50.2

It is the same here: no method wins, and Group-CAM's boxes are the tightest. What follows was found with MobileNetV2.

The methods do not differ beyond their intervals (6 points to either side), and Group-CAM does not win. Why: its boxes
are the tightest and still too large. At 15 % most failures of every method are boxes of more than twice the object (30
of 46 % for Group-CAM, 36 of 46 % for Grad-CAM): small objects, in maps of 7 x 7 cells. There the tighter map helps (of
the objects at most half 21 % are located, by Grad-CAM 16 %), but of the large ones it cuts some off (90 % are located,
by Grad-CAM 95 %), and the two come out even. Centre and random draw the same box: around the whole picture.
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("evaluate", "localization")
