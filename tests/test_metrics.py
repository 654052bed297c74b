"""The public surface of the metrics: how they are imported, called and described."""

import importlib
import inspect
import pathlib

import jax
import pytest

import groupcam_jax.metrics
from groupcam_jax.metrics.insertion_deletion import insertion_deletion

PUBLIC = {
    name: thing
    for name, thing in vars(groupcam_jax.metrics).items()
    if getattr(thing, "__module__", "") and callable(thing)
}
BUILDERS = [
    thing for thing in PUBLIC.values() if [*inspect.signature(thing).parameters][:2] == ["model_apply", "params"]
]
BUILDERS = [thing for thing in BUILDERS if thing is not groupcam_jax.metrics.modules]
FILES = [path.stem for path in pathlib.Path(groupcam_jax.metrics.__file__).parent.glob("[a-z]*.py")]


def test_a_metric_and_its_file_may_share_a_name():
    from groupcam_jax.metrics import insertion_deletion as public
    from groupcam_jax.metrics.insertion_deletion import curve_places

    assert public is insertion_deletion
    assert inspect.isfunction(public)
    assert inspect.isfunction(curve_places)
    for name in FILES:
        importlib.import_module(f"groupcam_jax.metrics.{name}")  # nor does a later import hide the function
    assert groupcam_jax.metrics.insertion_deletion is insertion_deletion


def test_all_metrics_of_a_classifier_are_there():
    assert {builder.__name__ for builder in BUILDERS} == {
        "confidence_change",
        "faithfulness_correlation",
        "infidelity",
        "insertion_deletion",
        "performance_information",
        "road",
        "sensitivity_n",
        "single_deletion",
        "symmetric_relevance_gain",
    }


@pytest.mark.parametrize("builder", BUILDERS)
def test_builders_are_called_alike_and_say_all_there_is_to_say(builder):
    parameters = [*inspect.signature(builder).parameters.values()]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[2:])
    assert not [parameter.name for parameter in parameters if isinstance(parameter.default, str)]
    text = inspect.getdoc(builder)
    for section in ("Args:", "Returns:", "Raises"):
        assert section in text
    for parameter in parameters:
        assert f"\n  {parameter.name}: " in text, parameter.name
    measure = inspect.signature(builder(lambda params, images: images, None)).parameters
    assert [*measure][::2] == ["image", "label"]
    assert [*measure][3:] == ["key"]
    assert measure["key"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_has_a_docstring(name):
    assert inspect.getdoc(PUBLIC[name])


@pytest.mark.parametrize("name", FILES)
def test_every_file_opens_with_what_it_is(name):
    assert len(inspect.getdoc(importlib.import_module(f"groupcam_jax.metrics.{name}"))) > 50


def test_a_second_image_compiles_nothing():
    import models

    traced = []
    apply, params = models.plain()

    def counted(params, images):
        traced.append(images.shape)
        return apply(params, images)

    measure = jax.jit(insertion_deletion(counted, params, pixels_per_step=36))
    for seed in range(3):
        image = models.image(64, 64, seed=seed)
        measure(image, image[:, :, 0], seed)
    assert traced == [(1, 64, 64, 3)]
    assert measure._cache_size() == 1
