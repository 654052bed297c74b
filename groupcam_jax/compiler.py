"""The options with which this library's commands are compiled.

From version 0.10.1 on jaxlib's compiler for CPUs gives matrix products, and what is computed around them, to YNNPACK,
which is slower for large networks (https://github.com/jax-ml/jax/issues/37465). Who calls `jax.jit` can turn it off:

    jax.jit(group_cam(model.apply, params), compiler_options={"xla_cpu_experimental_ynn_fusion_type": ""})

Figures are in experiments/results/user_networks_cpu.json and user_networks_without_ynnpack_cpu.json.
"""

import functools

import jax

WITHOUT_YNNPACK = {"xla_cpu_experimental_ynn_fusion_type": ""}


@functools.cache
def compiler_options() -> dict[str, str]:
    """For `jax.jit`: on a CPU no YNNPACK, if this jaxlib knows the option."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x + 1).lower(1.0).compile(compiler_options=WITHOUT_YNNPACK)
    except jax.errors.JaxRuntimeError:
        return {}
    return WITHOUT_YNNPACK
