"""What each method costs and how faithful it is, as measured by the experiments."""

from generate.markdown import machine, read_results, table
from groupcam_jax.cli.catalogue import describe
from groupcam_jax.methods import METHODS

NETWORKS = {"EfficientNet-Lite0": "efficientnet_lite0", "MobileNetV2": "mobilenet_v2"}


def measured_methods() -> str:
    """A row for each method of the command line; what was not measured is left empty."""
    running = read_results("running_time_methods_cpu")
    figures = {
        network: read_results(f"{folder}_ilsvrc_val/insertion-deletion/table")["figures"]
        for network, folder in NETWORKS.items()
    }
    rows = []
    for name, builder in METHODS.items():
        told, _ = describe(builder)
        seconds = running["methods"].get(name, {}).get("median_seconds", {}).get("ours")
        faithful = [_figure(figures[network].get(name, {}).get("over-all")) for network in NETWORKS]
        rows.append([f"`{name}`", told, "" if seconds is None else f"{seconds:.2f}", *faithful])
    head = ["method", "saliency", "seconds", *(f"over-all, {network}" for network in NETWORKS)]
    return f"{table(head, rows)}\n\nSeconds an image: {running['network']}, 224 x 224, {machine(running['machine'])}."


def _figure(estimate: dict[str, float] | None) -> str:
    """A figure with its interval, and with the number of pictures where it is not the usual one."""
    if estimate is None:
        return ""
    few = "" if estimate["n"] >= 280 else f", {estimate['n']} pictures"
    return f"{estimate['value']:.1f} ({estimate['low']:.1f} to {estimate['high']:.1f}{few})"
