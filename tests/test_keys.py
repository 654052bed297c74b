"""The key decides what is drawn."""

import numpy as np
from table import KEYS, METHODS, every_method, saliency


@every_method
def test_same_key_same_map_and_another_key_another(name):
    np.testing.assert_array_equal(saliency(name), saliency(name))
    keyed = [[saliency(name, label=label, key=key) for key in KEYS] for label in range(5)]
    differ = any(not np.array_equal(first, other) for first, *others in keyed for other in others)
    assert differ == METHODS[name].stochastic
