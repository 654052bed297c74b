"""Table 1 and figure 4: insertion and deletion.

    python -m experiments.insertion_deletion --model resnet50 --data imagenet2012 --limit 5000 --output results
    groupcam evaluate insertion-deletion ...        the same

The paper (VGG19, 5,000 pictures of ImageNet, per cent):

                 Grad-CAM  Grad-CAM++  RISE  XRAI  Score-CAM  Group-CAM
    insertion    53.5      50.0        54.0  43.1  55.1       56.8
    deletion     13.3      14.8        11.7  15.8  11.5       12.3
    over-all     40.2      35.2        42.3  27.3  43.6       44.5

Ours, MobileNetV2, the 280 pictures of a sample of ImageNet's validation set (95 % intervals, and the deletion to the
blurred picture, in experiments/results; 2 cores of an AMD EPYC: about 50 minutes beside other work):

                 Grad-CAM  Grad-CAM++  released  Group-CAM  centre  random
    insertion    41.1      39.3        41.0      41.6       32.1    20.0
    deletion     8.9       9.8         9.0       9.1        8.5     16.5
    over-all     32.2      29.5        32.1      32.6       23.6    3.5

and on the first 40 of them also the slow ones, RISE with 1,000 masks, Score-CAM of the 64 channels that vary most:

                 Grad-CAM  Grad-CAM++  RISE  XRAI  Score-CAM  released  Group-CAM  centre  random  random pixels
    insertion    42.2      40.5        41.4  42.0  41.7       42.0      42.9       33.6    20.7    16.7
    deletion     9.5       10.3        8.0   10.0  9.4        9.3       9.4        9.9     17.8    11.6
    over-all     32.7      30.2        33.4  32.0  32.2       32.7      33.6       23.7    2.9     5.1

As in the paper Group-CAM comes first and RISE above Grad-CAM. Otherwise than there Score-CAM, in its fast form alone,
is behind Grad-CAM instead of second, and XRAI ahead of Grad-CAM++ instead of last. The margins are smaller than the
paper's: on the same 280 pictures Group-CAM is 3.0 points above Grad-CAM++ (2.2 to 3.8) and 0.4 above Grad-CAM (-0.3 to
1.0). Guessed pixels delete nearly as well as a method, and the centre better than most: deletion alone tells little.

EfficientNet-Lite0, the same 280 pictures:

                 Grad-CAM  Grad-CAM++  released  Group-CAM  centre  random
    insertion    41.8      40.4        42.1      42.7       31.8    23.3
    deletion     13.9      14.7        13.7      13.6       15.5    24.8
    over-all     27.9      25.7        28.3      29.1       16.3    -1.5

The order holds on this second network, and the margins are larger than nothing: Group-CAM is 1.2 points above Grad-CAM
(95 % interval 0.6 to 1.8), 3.4 above Grad-CAM++ (2.6 to 4.2) and 0.8 above the released code (0.3 to 1.3).

The predicted class is followed, 224 * 8 pixels a step. Pixels are deleted to zeros, as in the authors' code, and to the
blurred picture, as the paper's text says: both are reported.
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("evaluate", "insertion-deletion")
