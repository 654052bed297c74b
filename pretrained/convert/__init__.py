"""torchvision's weights as Flax variables and back; `python -m pretrained.convert in.pth out.safetensors`."""

from pretrained.convert.variables import to_flax as to_flax
from pretrained.convert.variables import to_torch as to_torch
