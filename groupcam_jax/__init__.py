"""Saliency maps for any JAX image classifier.

explain = jax.jit(group_cam(model.apply, params))
saliency = explain(image)  # [h, w, c] -> [h, w] in [0, 1]
"""

# Methods of class activation.
from groupcam_jax.explainers.ablation_cam import ablation_cam as ablation_cam
from groupcam_jax.explainers.cam import cam as cam
from groupcam_jax.explainers.eigen_cam import eigen_cam as eigen_cam
from groupcam_jax.explainers.eigen_grad_cam import eigen_grad_cam as eigen_grad_cam
from groupcam_jax.explainers.grad_cam import grad_cam as grad_cam
from groupcam_jax.explainers.grad_cam_elementwise import grad_cam_elementwise as grad_cam_elementwise
from groupcam_jax.explainers.grad_cam_pp import grad_cam_pp as grad_cam_pp
from groupcam_jax.explainers.group_cam import group_cam as group_cam
from groupcam_jax.explainers.hires_cam import hires_cam as hires_cam
from groupcam_jax.explainers.integrated_grad_cam import integrated_grad_cam as integrated_grad_cam
from groupcam_jax.explainers.layer_cam import layer_cam as layer_cam
from groupcam_jax.explainers.opti_cam import opti_cam as opti_cam
from groupcam_jax.explainers.recipro_cam import recipro_cam as recipro_cam
from groupcam_jax.explainers.released_group_cam import released_group_cam as released_group_cam
from groupcam_jax.explainers.score_cam import score_cam as score_cam
from groupcam_jax.explainers.smooth_grad_cam_pp import smooth_grad_cam_pp as smooth_grad_cam_pp
from groupcam_jax.explainers.xgrad_cam import xgrad_cam as xgrad_cam

# isort: split
# Methods of perturbation, of gradients in the image, of regions, and of attention.
from groupcam_jax.explainers.attention_rollout import attention_rollout as attention_rollout
from groupcam_jax.explainers.deconvolution import deconvolution as deconvolution
from groupcam_jax.explainers.excitation_backprop import excitation_backprop as excitation_backprop
from groupcam_jax.explainers.expected_gradients import expected_gradients as expected_gradients
from groupcam_jax.explainers.gradient import gradient as gradient
from groupcam_jax.explainers.guided_backprop import guided_backprop as guided_backprop
from groupcam_jax.explainers.guided_grad_cam import guided_grad_cam as guided_grad_cam
from groupcam_jax.explainers.guided_integrated_gradients import (
    guided_integrated_gradients as guided_integrated_gradients,
)
from groupcam_jax.explainers.input_x_gradient import input_x_gradient as input_x_gradient
from groupcam_jax.explainers.integrated_gradients import integrated_gradients as integrated_gradients
from groupcam_jax.explainers.kernel_shap import kernel_shap as kernel_shap
from groupcam_jax.explainers.lime import lime as lime
from groupcam_jax.explainers.lrp import lrp as lrp
from groupcam_jax.explainers.occlusion import occlusion as occlusion
from groupcam_jax.explainers.refined import refined as refined
from groupcam_jax.explainers.rise import rise as rise
from groupcam_jax.explainers.smooth_grad import smooth_grad as smooth_grad
from groupcam_jax.explainers.xrai import xrai as xrai

# isort: split
# Layers: finding one, and cutting the model there.
from groupcam_jax.program.find import list_layers as list_layers
from groupcam_jax.program.split import split as split
from groupcam_jax.types import Layer as Layer

# isort: split
# Arguments: coefficients of Grad-CAM++, statistics of SmoothGrad, attributions made maps, groupings, quadratures,
# segments, rules of relevance, baselines, targets.
from groupcam_jax.combined_targets import contrast as contrast
from groupcam_jax.combined_targets import finer as finer
from groupcam_jax.combined_targets import union as union
from groupcam_jax.explainers.grad_cam_pp import joint as joint
from groupcam_jax.explainers.grad_cam_pp import separate as separate
from groupcam_jax.explainers.smooth_grad import mean_square as mean_square
from groupcam_jax.explainers.smooth_grad import variance as variance
from groupcam_jax.families.path_integral import gauss_legendre as gauss_legendre
from groupcam_jax.families.path_integral import riemann_left as riemann_left
from groupcam_jax.families.path_integral import riemann_middle as riemann_middle
from groupcam_jax.families.path_integral import riemann_right as riemann_right
from groupcam_jax.families.path_integral import trapezoid as trapezoid
from groupcam_jax.families.reductions import largest_magnitude as largest_magnitude
from groupcam_jax.families.reductions import signed as signed
from groupcam_jax.families.reductions import total_magnitude as total_magnitude
from groupcam_jax.families.superpixels import superpixels as superpixels
from groupcam_jax.program.relevance import epsilon as epsilon
from groupcam_jax.program.relevance import gamma as gamma
from groupcam_jax.program.relevance import z_plus as z_plus
from groupcam_jax.stages.channels import channel_mean as channel_mean
from groupcam_jax.stages.groups import contiguous as contiguous
from groupcam_jax.stages.groups import kmeans as kmeans
from groupcam_jax.stages.groups import ward as ward
from groupcam_jax.stages.merge import merge_enlarged as merge_enlarged
from groupcam_jax.stages.merge import merge_shown as merge_shown
from groupcam_jax.stages.perturb import background as background
from groupcam_jax.stages.perturb import brightest as brightest
from groupcam_jax.stages.perturb import constant as constant
from groupcam_jax.stages.perturb import darkest as darkest
from groupcam_jax.stages.perturb import gaussian_blur as gaussian_blur
from groupcam_jax.stages.perturb import noise as noise
from groupcam_jax.targets import log_probability as log_probability
from groupcam_jax.targets import logit as logit
from groupcam_jax.targets import own_probability as own_probability
from groupcam_jax.targets import probability as probability

# isort: split
# Methods of one's own, of their mathematics; and a model in another precision, with balanced gradients, or with faster
# forms of its convolutions.
from groupcam_jax.families.attribution import attribution_method as attribution_method
from groupcam_jax.families.attribution import backward_rule as backward_rule
from groupcam_jax.families.class_activation import ClassActivationMap as ClassActivationMap
from groupcam_jax.families.class_activation import class_activation_map as class_activation_map
from groupcam_jax.libragrad import libragrad as libragrad
from groupcam_jax.precision import in_dtype as in_dtype
from groupcam_jax.program.faster import as_written as as_written
from groupcam_jax.program.faster import faster as faster

# isort: split
# Training pictures that show what is salient.
from groupcam_jax.augmentation import saliency_augmentation as saliency_augmentation

# isort: split
# The contracts.
from groupcam_jax.types import Explainer as Explainer
from groupcam_jax.types import Model as Model
