"""Does training on what a network itself finds salient help? Section 5 of the paper, with controls.

    python -m experiments.fine_tuning leeds --output DIR                        (or cub20, or scenes)

The paper: ResNet-50 on ImageNet, 76.15 % before and 76.74 % after 20 epochs with Group-CAM, without a control that was
trained as long without it. Here all arms (arms.py) have the same steps, order and crops, from the same seeds, and their
gains over "plain" are paired. The learning rate was chosen for the plain arm, on validation pictures; nothing else was
chosen.

leeds: EfficientNet-Lite0, 128 pixels, 418 butterflies on scenes that betray the species of 95 % in training; 20 epochs,
batch 32, rate 0.003, frozen batch norm, n = 5 seeds, one NVIDIA H100 (all of it, and the curves of figure 7, in
experiments/results/fine_tuning/leeds). Per cent of 287 test pictures; gain over plain with its 95 % interval over
seeds, which does not hold what other test pictures would change:

                 scene of its own          scene of another species    taken for a species of the scene
    plain        97.6                      70.8                        21.7
    group-cam    96.8 (-2.6 to +1.0)       72.0 (-3.0 to +5.4)         21.5 (-3.2 to +3.0)
    box          96.2 (-2.8 to +0.2)       61.5 (-13.3 to -5.2)        30.7 (+4.4 to +13.7)
    blobs        95.9 (-3.6 to +0.2)       56.2 (-19.3 to -9.9)        34.9 (+8.2 to +18.3)
    grad-cam     93.9 (-9.7 to +2.4)       63.5 (-14.4 to -0.3)        29.3 (+1.4 to +13.9)
    true mask    86.8 (-14.3 to -7.3)      75.3 (+0.0 to +8.9)          4.8 (-19.4 to -14.3)

So the network with Group-CAM's augmentation and the one without cannot be told apart here; the intervals hold losses as
well as gains of some points. What is shown does matter: after random boxes and blobs of the same area, and after
Grad-CAM's maps, more pictures are taken for a species of the scene. The oracle says how little there is to gain: with
the true outline hardly any are (4.8 %), at a cost of eleven points where the scene tells the truth; that network has
seen no whole picture.

The maps after training have a little more of their energy on the butterfly with Group-CAM than without (scene of
another species: 20.2 to 18.8 %, gain 1.1 to 1.7; before, 10.0), and blobs as much more (20.8). Of the most salient
pixel little can be said on this grid (22.6 to 21.2 %, -2.4 to +5.2; before, 6.0).

scenes: the embedded network with a new last layer, 200 drawn scenes whose background is tinted by the class; 20 epochs,
batch 32, rate 0.01; n = 5 seeds (0, 1 and 2 on 2 cores of an AMD EPYC, 3 on one NVIDIA H100; of 4 plain and Group-CAM
on the H100, the others on the cores). Per cent right of 10,000 scenes without a tint, and of 10,000 with the tint of
another class:

                 no tint                    tint of another
    plain        93.7                       91.3
    group-cam    93.4 (-2.3 to +1.5)        91.4 (-1.9 to +2.0)
    box          46.4 (-57.2 to -37.4)      27.2 (-74.1 to -54.1)
    blobs        29.9 (-71.8 to -55.9)      15.9 (-82.0 to -68.9)
    grad-cam     84.7 (-13.1 to -5.0)       80.4 (-15.3 to -6.5)
    true mask    62.6 (-47.4 to -14.9)      58.5 (-48.0 to -17.7)

This network hardly falls for the tint (1.7 % of the plain ones' answers). Group-CAM's augmentation cannot be told from
none; every other arm costs accuracy. Random hiding, and even the true mask, make pictures so unlike whole ones that the
network unlearns those. The maps after training have a little more of their energy on the target with Group-CAM than
without (tint of another: 36.6 to 36.1 %, gain 0.2 to 0.8; before, 37.7). Figure 8 is
experiments/results/fine_tuning/scenes/maps.png.

cub20: 20 birds, 479 pictures to train on; the same network, size, steps and rate; n = 3 seeds, one NVIDIA H100. Per
cent right of 585 test pictures; energy of the maps of 100 of them within the bird's box (before, 66.4):

                 right                     energy
    plain        73.1                      59.6
    group-cam    71.9 (-7.4 to +4.8)       62.1 (+0.6 to +4.4)
    box          71.5 (-2.9 to -0.3)       57.5 (-6.5 to +2.4)
    blobs        69.8 (-5.8 to -0.8)       58.2 (-6.1 to +3.4)
    grad-cam     68.3 (-9.6 to -0.0)       63.1 (-0.7 to +7.7)

No arm helps; random hiding costs a little, and Group-CAM's cannot be told from none. Its maps keep more of their energy
on the bird than those of the plain network, which lose some of it in training.

ImageNet on 8 GPUs, as the paper, is

    groupcam fine-tune --model resnet50 --data imagenet2012 --mask-batch 16 --dtype bfloat16

on a machine that has them. By the step as measured on one H100 (880 pictures a second with the augmentation, 3,458
without, batch 32, bfloat16; experiments/results/training_step_h100_bfloat16.json), 20 epochs of 1.28 million pictures
are an hour on eight of them with it and a quarter of an hour without, if the pictures are read as fast.
"""
