"""Traces and compilations are counted: the second call makes none."""

from table import IMAGES, KEYS, compiled, every_method, saliency


@every_method
def test_second_call_traces_and_compiles_nothing(name):
    program, traced = compiled(name)
    saliency(name, IMAGES[1], 1, KEYS[1])
    before = program._cache_size(), len(traced)
    saliency(name, IMAGES[2], 2, KEYS[2])
    assert (program._cache_size(), len(traced)) == before
