"""The networks of Keras, by name: `keras:NAME`."""

import os
import pathlib
import re
import subprocess
import sys

import jax
import keras
import numpy as np
import pytest
from skimage import data

import pretrained
from groupcam_jax import grad_cam, list_layers

pytestmark = pytest.mark.filterwarnings("default")  # of Keras's own code
EXPLAIN = (os.fspath(pathlib.Path(sys.executable).with_name("groupcam")), "explain", "--model")


@pytest.fixture(autouse=True)
def usual_promotion():
    """Keras relies on JAX's usual promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "mobilenet.weights.h5"
    keras.utils.set_random_seed(0)
    keras.applications.MobileNet(weights=None).save_weights(path)
    return path


def test_the_classifier_is_that_of_keras(weights):
    model = pretrained.load("keras:MobileNet", weights)
    theirs = keras.applications.MobileNet(weights=os.fspath(weights))
    pixels = data.chelsea()[:224, :224]
    prepared = keras.applications.mobilenet.preprocess_input(pixels[None].astype(np.float32))
    np.testing.assert_allclose(model.preprocess(pixels), prepared[0], rtol=0, atol=1e-6)
    logits = jax.jit(model.apply)(model.params, prepared)
    np.testing.assert_allclose(jax.nn.softmax(logits), theirs.predict(prepared, verbose=0), rtol=1e-5)
    assert model.class_names[281] == "tabby"
    assert model.image_size == 224
    default = next(
        layer for layer in list_layers(model.apply, model.params, (224, 224, 3)) if layer.remark == "default"
    )
    assert default.scope.endswith("conv_pw_13_relu")
    assert grad_cam(model.apply, model.params)(model.preprocess(pixels), 281).max() == 1


def test_what_is_no_network_or_no_weights_of_it_is_refused(weights, tmp_path):
    with pytest.raises(ValueError, match=r"no network 'ResNet51'; there are .*ResNet50"):
        pretrained.load("keras:ResNet51")
    with pytest.raises(FileNotFoundError, match="there is no file nix"):
        pretrained.load("keras:MobileNet", "nix")
    (tmp_path / "text.weights.h5").write_text("text")
    with pytest.raises(ValueError, match=r"text.weights.h5 does not hold the weights of keras:MobileNet"):
        pretrained.load("keras:MobileNet", tmp_path / "text.weights.h5")
    # Keras itself only warns here, and leaves every layer as it was.
    with pytest.raises(ValueError, match="does not hold the weights of keras:VGG16"):
        pretrained.load("keras:VGG16", weights)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"KERAS_BACKEND": "numpy"}, "Keras was told to run on numpy.*set the environment variable KERAS_BACKEND=jax"),
        ({"KERAS_BACKEND": "tensorflow"}, "Keras was told to run on tensorflow.*KERAS_BACKEND=jax"),
        ({"https_proxy": "http://127.0.0.1:9"}, "the weights of keras:MobileNet cannot be downloaded.*--weights"),
    ],
)
def test_on_the_command_line_a_failure_is_one_line(environment, message, tmp_path):
    command = [*EXPLAIN, "keras:MobileNet"]
    variables = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    variables |= {"KERAS_HOME": os.fspath(tmp_path), **environment}
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    *_, line = done.stderr.strip().splitlines()
    assert re.search(message, line)


def test_the_command_explains_by_a_keras_network(weights, tmp_path):
    command = [*EXPLAIN, "keras:MobileNet"]
    variables = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    options = ["--weights", weights, "--method", "grad-cam", "--output", tmp_path]
    done = subprocess.run([*command, *options], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chelsea-grad-cam.png").exists()
