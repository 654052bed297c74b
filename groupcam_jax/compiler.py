"""The options with which `groupcam explain` and `groupcam evaluate` compile.

jaxlib 0.10.2 gives matrix products on CPU, and what is computed around them, to YNNPACK. Explanations in the forms of
`groupcam_jax.forms`, and those of vision transformers, are slower by it; networks whose depthwise convolutions run as
they are written are faster. Who calls `jax.jit` can turn it off:

    jax.jit(group_cam(model.apply, params), compiler_options={"xla_cpu_experimental_ynn_fusion_type": ""})

Figures are in experiments/results/user_networks_cpu.json and user_networks_without_ynnpack_cpu.json.
"""

import functools
import os
from typing import Any

import jax

OPTION = "xla_cpu_experimental_ynn_fusion_type"
WITHOUT_YNNPACK: dict[str, Any] = {OPTION: ""}


@functools.cache
def compiler_options() -> dict[str, Any]:
    """For `jax.jit`: on a CPU no YNNPACK, if this jaxlib knows the option and XLA_FLAGS does not set it."""
    if jax.default_backend() != "cpu" or OPTION in os.environ.get("XLA_FLAGS", ""):
        return {}
    try:
        jax.jit(lambda x: x + 1).lower(1.0).compile(compiler_options=WITHOUT_YNNPACK)
    except jax.errors.JaxRuntimeError:
        return {}
    return WITHOUT_YNNPACK
