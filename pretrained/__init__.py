"""Trained classifiers: torchvision's ResNets and VGGs on ImageNet, and a small bundled network for drawn scenes.

model = pretrained.load("resnet50")
explain = jax.jit(group_cam(model.apply, model.params, layer=model.layer))
"""

from groupcam_jax.types import Classifier as Classifier
from pretrained.catalogue import NAMES as NAMES
from pretrained.catalogue import load as load
