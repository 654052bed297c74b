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


def default_device() -> Any:
    """The device that computes what names none: the one that `--device` has chosen, or the first of JAX's."""
    config: Any = jax.config
    chosen = config.jax_default_device
    return jax.devices(chosen)[0] if chosen is None or isinstance(chosen, str) else chosen


@functools.cache
def compiler_options() -> dict[str, Any]:
    """For `jax.jit`: on a CPU no YNNPACK, if this jaxlib knows the option and XLA_FLAGS does not set it."""
    if default_device().platform != "cpu" or OPTION in os.environ.get("XLA_FLAGS", ""):
        return {}
    try:
        jax.jit(lambda x: x + 1).lower(1.0).compile(compiler_options=WITHOUT_YNNPACK)
    except jax.errors.JaxRuntimeError:
        return {}
    return WITHOUT_YNNPACK
