"""Pictures with labels and boxes, from TensorFlow Datasets, a folder or a drawing, in batches that resume."""

from experiments.data.batches import Batch as Batch
from experiments.data.batches import batches as batches
from experiments.data.by_category import by_category as by_category
from experiments.data.examples import Dataset as Dataset
from experiments.data.examples import Example as Example
from experiments.data.geometry import resize_shorter_and_crop as resize_shorter_and_crop
from experiments.data.geometry import resize_straight as resize_straight
from experiments.data.opening import open_data as open_data
from groupcam_jax.cli.decode import BrokenPicture as BrokenPicture
