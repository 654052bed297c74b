"""The saliency depends on the class, unless the method says otherwise."""

import numpy as np
from table import METHODS, every_method, saliency


@every_method
def test_classes_are_told_apart(name):
    maps = [saliency(name, label=label) for label in range(5)]
    differ = any(not np.allclose(one, maps[0], atol=1e-3) for one in maps[1:])
    assert differ == METHODS[name].labelled
