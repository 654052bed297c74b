"""Metrics for explanations, one per file: pure functions of one image, to be jitted and vmapped.

measure = jax.jit(insertion_deletion(model.apply, params))
measure(image, saliency).overall
"""

# How a classifier's score changes with the salient pixels.
from groupcam_jax.metrics.confidence_change import ConfidenceChange as ConfidenceChange
from groupcam_jax.metrics.confidence_change import confidence_change as confidence_change
from groupcam_jax.metrics.faithfulness import faithfulness_correlation as faithfulness_correlation
from groupcam_jax.metrics.faithfulness import sensitivity_n as sensitivity_n
from groupcam_jax.metrics.infidelity import Infidelity as Infidelity
from groupcam_jax.metrics.infidelity import infidelity as infidelity
from groupcam_jax.metrics.insertion_deletion import InsertionDeletion as InsertionDeletion
from groupcam_jax.metrics.insertion_deletion import insertion_deletion as insertion_deletion
from groupcam_jax.metrics.performance_information import PerformanceInformation as PerformanceInformation
from groupcam_jax.metrics.performance_information import information_curve as information_curve
from groupcam_jax.metrics.performance_information import performance_information as performance_information
from groupcam_jax.metrics.relevance_gain import RelevanceGain as RelevanceGain
from groupcam_jax.metrics.relevance_gain import symmetric_relevance_gain as symmetric_relevance_gain
from groupcam_jax.metrics.road import Road as Road
from groupcam_jax.metrics.road import is_predicted as is_predicted
from groupcam_jax.metrics.road import road as road
from groupcam_jax.metrics.single_deletion import single_deletion as single_deletion

# isort: split
# Whether a saliency, or a box around it, lies on the objects.
from groupcam_jax.metrics.grid_pointing import cell_energy as cell_energy
from groupcam_jax.metrics.grid_pointing import mosaic as mosaic
from groupcam_jax.metrics.localization import best_overlap as best_overlap
from groupcam_jax.metrics.localization import is_located as is_located
from groupcam_jax.metrics.localization import localization_error as localization_error
from groupcam_jax.metrics.localization import mask_overlap as mask_overlap
from groupcam_jax.metrics.localization import max_box_accuracy as max_box_accuracy
from groupcam_jax.metrics.localization import salient_box as salient_box
from groupcam_jax.metrics.pointing_game import PointingAccuracy as PointingAccuracy
from groupcam_jax.metrics.pointing_game import energy_inside as energy_inside
from groupcam_jax.metrics.pointing_game import hit as hit
from groupcam_jax.metrics.pointing_game import is_difficult as is_difficult
from groupcam_jax.metrics.pointing_game import mask_of_boxes as mask_of_boxes
from groupcam_jax.metrics.pointing_game import pointing_accuracy as pointing_accuracy
from groupcam_jax.metrics.ranking import relevance_rank_accuracy as relevance_rank_accuracy
from groupcam_jax.metrics.ranking import roc_auc as roc_auc
from groupcam_jax.metrics.ranking import top_k_intersection as top_k_intersection

# isort: split
# What a map looks like by itself, or beside another.
from groupcam_jax.metrics.concentration import complexity as complexity
from groupcam_jax.metrics.concentration import sparseness as sparseness
from groupcam_jax.metrics.similarity import Similarity as Similarity
from groupcam_jax.metrics.similarity import hog_similarity as hog_similarity
from groupcam_jax.metrics.similarity import similarity as similarity
from groupcam_jax.metrics.similarity import spearman as spearman
from groupcam_jax.metrics.similarity import ssim as ssim

# isort: split
# Whether an explainer depends on the weights, and is stable when the image hardly changes.
from groupcam_jax.metrics.efficient_mprt import efficient_mprt as efficient_mprt
from groupcam_jax.metrics.sanity_check import cascading as cascading
from groupcam_jax.metrics.sanity_check import independent as independent
from groupcam_jax.metrics.sanity_check import modules as modules
from groupcam_jax.metrics.sanity_check import sanity_check as sanity_check
from groupcam_jax.metrics.sensitivity import average_sensitivity as average_sensitivity
from groupcam_jax.metrics.sensitivity import local_lipschitz as local_lipschitz
from groupcam_jax.metrics.sensitivity import max_sensitivity as max_sensitivity
