"""Running times, made of the files that the benchmarks have written."""

from typing import Any

from generate.markdown import machine, read_results, table

CONTENDERS = {
    "ours": "ours",
    "torch tuned": "PyTorch, tuned",
    "torch plain": "PyTorch, plain",
    "torch loop": "PyTorch, mask by mask",
}
OF_USERS_FILES = (
    "user_networks_cpu",
    "user_networks_without_ynnpack_cpu",
    "user_networks_small_pages_cpu",
    "user_networks_large_pages_cpu",
)
OF_USERS = {
    "all at once": "ours, all at once",
    "as written": "ours, as written",
    "torch tuned": CONTENDERS["torch tuned"],
}
ON_GPU = CONTENDERS | {
    "as written": OF_USERS["as written"],
    "torch batched": "PyTorch, all masks at once",
    "torch compiled": "PyTorch, compiled",
    "curves": "ours, insertion and deletion",
    "torch curves": "PyTorch, insertion and deletion",
}


def benchmarks() -> str:
    """All tables, each with its machine and its command."""
    cpu = "python -m experiments.benchmarks.running_time"
    return "\n\n".join(
        [
            "## Group-CAM on a CPU",
            _on_cpu("running_time_cpu", cpu),
            "## Networks as people write them, on a CPU",
            *(_of_users(name, f"{cpu} user-networks") for name in OF_USERS_FILES),
            "## Group-CAM on a GPU",
            *(
                _on_gpu(name, f"{cpu} throughput")
                for name in ("throughput_h200", "throughput_h100", "throughput_h100_float32")
            ),
            "## Group-CAM on a TPU, as its compiler estimates",
            _on_tpu("python -m experiments.benchmarks.tpu_compile"),
            "## Other methods, beside captum",
            _methods(f"{cpu} methods"),
            "## A training step",
            _training(),
        ]
    )


def _source(name: str, command: str, told: dict[str, Any]) -> str:
    chosen = [f"`{one}={told[one.lower()]}`" for one in ("XLA_FLAGS", "GLIBC_TUNABLES") if one.lower() in told]
    environment = f" Run with {' and '.join(chosen)}." if chosen else ""
    return f"{machine(told)}. `{command}` writes `experiments/results/{name}.json`.{environment}"


def _on_cpu(name: str, command: str) -> str:
    results = read_results(name)
    rows = []
    for network, measured in results["networks"].items():
        seconds, faster = measured["median_seconds"], measured["times_as_fast_as"]
        times = {one: f" ({faster[one]:.2f} times)" if one in faster else "" for one in CONTENDERS}
        cells = [f"{seconds[one]:.2f}{times[one]}" for one in CONTENDERS]
        rows.append([network, *cells, f"{sum(measured['compiling_seconds'].values()):.1f}"])
    head = ["seconds an image", *CONTENDERS.values(), "to trace and compile, once"]
    return f"{table(head, rows)}\n\n{_source(name, command, results['machine'])}"


def _of_users(name: str, command: str) -> str:
    results = read_results(name)
    measured = [found for figures in results["networks"].values() for found in figures.values()]
    shown = [one for one in OF_USERS if any(one in found["times_as_fast_as"] for found in measured)]
    rows = []
    for network, figures in results["networks"].items():
        for what, found in figures.items():
            seconds, faster = found["median_seconds"], found["times_as_fast_as"]
            others = {one: f"{seconds[one]:.2f} ({faster[one]:.2f} times)" for one in faster}
            rows.append([network, what, f"{seconds['ours']:.2f}", *(others.get(one, "") for one in shown)])
    head = ["network", "seconds an image", "ours", *(OF_USERS[one] for one in shown)]
    return f"{table(head, rows)}\n\n{_source(name, command, results['machine'])}"


def _on_gpu(name: str, command: str) -> str:
    results = read_results(name)
    rows = [
        [
            row["network"],
            row["precision"],
            ON_GPU[row["contender"]],
            str(row["images"]),
            f"{row['images_a_second']:,.1f}",
        ]
        for row in results["rows"]
        if row["contender"] in ON_GPU
    ]
    head = ["network", "precision", "contender", "images at once", "images a second"]
    return f"{table(head, rows)}\n\n{_source(name, command, results['machine'])}"


def _on_tpu(command: str) -> str:
    name = "tpu_compile"
    results = read_results(name)
    rows = [
        [
            row["network"],
            row["dtype"],
            f"{row['images']} on {row['chips']}",
            str(row["mask_batch"] or "all"),
            f"{row['flops'] / 1e9:.1f}",
            f"{row['bytes_accessed'] / 1e9:.2f}",
            f"{row['estimated_cycles'] / 1e6:.2f}",
            f"{row['explanations_a_second']:,.0f}",
        ]
        for row in results["rows"]
    ]
    head = [
        "by image",
        "dtype",
        "images on chips",
        "masks at once",
        "GFLOP",
        "GB",
        "million cycles",
        "expected a second",
    ]
    versions = f"libtpu {results['libtpu']}, jax {results['machine']['versions']['jax']}, compiled for a TPU v5e 2x2"
    return f"{table(head, rows)}\n\n{versions}; nothing ran. `{command}` writes `experiments/results/{name}.json`."


def _methods(command: str) -> str:
    name = "running_time_methods_cpu"
    results = read_results(name)
    rows = []
    for method, measured in results["methods"].items():
        seconds, faster = measured["median_seconds"], measured["times_as_fast_as"]
        if faster:
            beside = [f"{seconds['ours']:.2f}", f"{seconds['captum']:.2f}", f"{faster['captum']:.2f}"]
            rows.append([f"`{method}`", *beside])
    head = [f"seconds an image, {results['network']}", "ours", "captum", "ours is faster by"]
    return f"{table(head, rows)}\n\n{_source(name, command, results['machine'])}"


def _training() -> str:
    rows = []
    for name in ("training_step_h100_bfloat16", "training_step_efficientnet_lite0_cpu", "training_step_shapes_cpu"):
        results = read_results(name)
        speed = results["pictures_per_second"]
        setting = f"{results['network']}, {results['size']} x {results['size']}, {results['dtype']}"
        rows.append([setting, machine(results["machine"]), f"{speed['plain']:,.0f}", f"{speed['augmented']:,.0f}"])
    return table(["pictures a second", "machine", "plain", "with `saliency_augmentation`"], rows)
