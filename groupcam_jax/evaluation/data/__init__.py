"""Pictures with labels and boxes, from TensorFlow Datasets, a folder or drawn scenes, in resumable batches."""

from groupcam_jax.evaluation.data.batches import Batch as Batch
from groupcam_jax.evaluation.data.batches import batches as batches
from groupcam_jax.evaluation.data.by_category import by_category as by_category
from groupcam_jax.evaluation.data.by_class import Matched as Matched
from groupcam_jax.evaluation.data.by_class import by_class as by_class
from groupcam_jax.evaluation.data.examples import Dataset as Dataset
from groupcam_jax.evaluation.data.examples import Example as Example
from groupcam_jax.evaluation.data.geometry import resize_shorter_and_crop as resize_shorter_and_crop
from groupcam_jax.evaluation.data.geometry import resize_straight as resize_straight
from groupcam_jax.evaluation.data.opening import open_data as open_data
from groupcam_jax.pictures.decode import BrokenPicture as BrokenPicture
