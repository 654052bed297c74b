"""Saliency maps for any JAX image classifier.

explain = jax.jit(group_cam(model.apply, params))
saliency = explain(image)  # [h, w, c] -> [h, w] in [0, 1]
"""

# The methods.
from groupcam_jax.explainers.grad_cam import GradCamAux as GradCamAux
from groupcam_jax.explainers.grad_cam import grad_cam as grad_cam
from groupcam_jax.explainers.group_cam import GroupCamAux as GroupCamAux
from groupcam_jax.explainers.group_cam import group_cam as group_cam

# Layers: finding one, and cutting the model there.
from groupcam_jax.program.layers import list_layers as list_layers
from groupcam_jax.program.split import split as split

# Arguments: groupings, baselines, targets.
from groupcam_jax.stages.groups import contiguous as contiguous
from groupcam_jax.stages.groups import kmeans as kmeans
from groupcam_jax.stages.perturb import constant as constant
from groupcam_jax.stages.perturb import gaussian_blur as gaussian_blur
from groupcam_jax.stages.perturb import noise as noise
from groupcam_jax.targets import contrast as contrast
from groupcam_jax.targets import log_probability as log_probability
from groupcam_jax.targets import logit as logit
from groupcam_jax.targets import probability as probability
from groupcam_jax.targets import union as union

# The contracts.
from groupcam_jax.types import Explainer as Explainer
from groupcam_jax.types import Model as Model
