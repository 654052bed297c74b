"""Figure 6: the sanity checks of Adebayo et al. (arXiv:1810.03292): does the saliency change with the weights?

    python -m experiments.sanity_check --model vgg19 --data imagenet2012 --limit 20 --output results
    groupcam evaluate sanity-check ...        the same

The paper shows one picture for VGG19: the map of Group-CAM changes as the layers lose their weights.

Ours, MobileNetV2, 20 pictures of ImageNet's validation set, mean rank correlation over the modules (95 % intervals in
experiments/results; 2 cores of an AMD EPYC):

                                          cascading  independent  blank maps, %
    Group-CAM                             0.03       0.23         17.5, 20.0
    Grad-CAM                              -0.02      0.13         19.4, 1.9
    guided backpropagation                0.65       0.67         0

With the classifier alone lost, Group-CAM keeps a correlation of 0.51, Grad-CAM 0.15 and guided backpropagation 0.99;
with any module below it lost, the first two change and the last hardly does. So Group-CAM passes, as in the paper, but
it depends less on the classifier than Grad-CAM. A blank map, of a network whose every group votes against the class,
resembles nothing: it is left out of the correlations.

EfficientNet-Lite0, 20 pictures:

                                          cascading  independent  blank maps, %
    Group-CAM                             0.04       0.57         18.8, 6.9
    Grad-CAM                              0.06       0.60         27.5, 2.5
    guided backpropagation                0.66       0.82         0

The order of the methods is the same. One module alone changes the maps of this network less than those of MobileNetV2.

Both ways of randomising, at eight modules of the network, evenly spread from the last to the first. Similarity is that
with the map of the trained network; a low one is good.
"""

from groupcam_jax.cli.main import main

if __name__ == "__main__":
    main("evaluate", "sanity-check")
