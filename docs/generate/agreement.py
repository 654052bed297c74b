"""How far ours is from published outputs, made of what the tests found (`tests/agreement.py`)."""

import importlib
import json
import pkgutil
import re
from collections.abc import Sequence
from typing import Any

import groupcam_jax
from generate.markdown import RESULTS, table

NETWORKS = {
    "efficientnet_lite0": "EfficientNet-Lite0, trained",
    "mobilenet_v2": "MobileNetV2, trained",
    "resnet50_seeded": "ResNet-50, seeded weights",
    "vgg19_seeded": "VGG19, seeded weights",
}
METHODS = {  # as golden files name them: what it is, and whose code it is from
    "group_cam_paper_g32": ("Group-CAM, G = 32", "its authors"),
    "group_cam_paper_g8": ("Group-CAM, G = 8", "its authors"),
    "group_cam_released_g32": ("Group-CAM as released, G = 32", "its authors"),
    "group_cam_released_g8": ("Group-CAM as released, G = 8", "its authors"),
    "grad_cam": ("Grad-CAM", "Group-CAM's authors"),
    "grad_cam_pp": ("Grad-CAM++", "Group-CAM's authors"),
    "score_cam_reference": ("Score-CAM", "Group-CAM's authors"),
    "pgc_GradCAM": ("Grad-CAM", "pytorch-grad-cam"),
    "pgc_GradCAMPlusPlus": ("Grad-CAM++, each weight by itself", "pytorch-grad-cam"),
    "pgc_HiResCAM": ("HiResCAM", "pytorch-grad-cam"),
    "pgc_XGradCAM": ("XGrad-CAM", "pytorch-grad-cam"),
    "pgc_LayerCAM": ("LayerCAM", "pytorch-grad-cam"),
    "pgc_GradCAMElementWise": ("Grad-CAM, element-wise", "pytorch-grad-cam"),
    "pgc_EigenCAM": ("EigenCAM, up to its sign", "pytorch-grad-cam"),
    "pgc_EigenGradCAM": ("Eigen-Grad-CAM, up to its sign", "pytorch-grad-cam"),
    "rise_from_grid_masks": ("RISE on stored grids", "its formula"),
    "captum_saliency": ("gradient", "captum"),
    "captum_guided_backprop": ("guided backpropagation", "captum"),
    "captum_deconvolution": ("deconvolution", "captum"),
    "captum_guided_grad_cam": ("Guided Grad-CAM", "captum"),
    "captum_integrated_gradients_20_riemann_left_black": ("integrated gradients, 20 steps", "captum"),
    "captum_integrated_gradients_50_riemann_left_black": ("integrated gradients, 50 steps", "captum"),
    "pair_xrai_from_captum_ig": ("XRAI", "PAIR"),
}
PUBLISHED = re.compile(r"published|authors' code|released code|pytorch-grad-cam|torch-cam|captum|Quantus|PAIR saliency")
WHERE = ("explainers", "metrics", "stages", "families")
Line = dict[str, Any]


def agreement() -> str:
    """Two tables: the largest difference of maps, and the median one of attributions."""
    lines = [json.loads(line) for line in (RESULTS / "agreement.jsonl").read_text().splitlines()]
    maps = [line for line in lines if "largest" in line]
    attributions = [line for line in lines if "uncorrelated" in line]
    return (
        "Largest difference of any pixel, maps in [0, 1], and in brackets how many maps were compared:\n\n"
        f"{_table(maps, ['largest'])}\n\n"
        "Median difference, in shares of the range of the published values, and what their correlation lacks of 1, the "
        "largest of all compared:\n\n"
        f"{_table(attributions, ['median', 'uncorrelated'])}\n\n"
        "`GROUPCAM_AGREEMENT=experiments/results/agreement.jsonl python -m pytest tests/test_goldens.py "
        "tests/test_peer_goldens.py` writes `experiments/results/agreement.jsonl`. MobileNetV2's outputs are not in "
        "the repository; what is compared of the others anyone can repeat."
    )


def _table(lines: Sequence[Line], figures: Sequence[str]) -> str:
    def cell(method: str, network: str) -> str:
        ones = [line for line in lines if (line["method"], line["network"]) == (method, network)]
        worst = [f"{max(known):.1e}" for name in figures if (known := [line[name] for line in ones if name in line])]
        return f"{', '.join(worst)} ({len(ones)})" if ones else ""

    found = {line["method"] for line in lines}
    rows = [
        [*told, *(cell(method, network) for network in NETWORKS)] for method, told in METHODS.items() if method in found
    ]
    return table(["method", "held against", *NETWORKS.values()], rows)


def differences() -> str:
    """What the definitions say about published code, by module."""
    told = []
    for package in WHERE:
        root = importlib.import_module(f"{groupcam_jax.__name__}.{package}")
        for module in pkgutil.iter_modules(root.__path__, f"{root.__name__}."):
            title, *paragraphs = (importlib.import_module(module.name).__doc__ or "").split("\n\n")
            ones = [one for one in paragraphs if PUBLISHED.search(one) and not one.startswith("    ")]
            if ones:
                told.append(f"**{' '.join(title.split()).rstrip('.')}**\n\n" + "\n\n".join(ones))
    return "\n\n".join(told)
