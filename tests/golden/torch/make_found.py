"""Writes `found_*`: checkpoints as training scripts and programs leave them, all with the weights of `zip_toy.pth`.

Run `python tests/golden/torch/make_found.py`; the files here are from torch 2.13.0 and pytorch-lightning 2.6.6, which
wrote `found_lightning.ckpt`.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import pytorch_lightning
import torch
from make import Toy
from torch import nn

FOLDER = Path(__file__).parent


class Lightning(pytorch_lightning.LightningModule):
    """The toy as a member `model`, beside a loss that has weights too."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = Toy()
        self.criterion = nn.CrossEntropyLoss(weight=torch.ones(4))

    def training_step(self, batch, index):
        images, labels = batch
        return self.criterion(self.model.fc(self.model.layer1(images).mean((2, 3))), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.hparams["rate"])


def write_lightning(weights) -> None:
    module = Lightning()
    data = torch.utils.data.TensorDataset(torch.randn(2, 2, 5, 5), torch.arange(2))
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = pytorch_lightning.Trainer(max_epochs=1, **options)
    trainer.fit(module, torch.utils.data.DataLoader(data, 2))
    module.model.load_state_dict(weights)
    trainer.save_checkpoint(FOLDER / "found_lightning.ckpt")


def main() -> None:
    weights = torch.load(FOLDER / "zip_toy.pth", weights_only=True)
    toy = Toy()
    toy.load_state_dict(weights)
    inside = copy.deepcopy(toy)
    inside.layer1 = nn.DataParallel(torch.compile(inside.layer1))
    half = {name: tensor / 2 for name, tensor in weights.items()}
    numbers = torch.arange(-3.0, 3.0)
    pairs = torch.view_as_complex(numbers.reshape(3, 2))
    float8 = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)
    found = {
        "averaged": torch.optim.swa_utils.AveragedModel(nn.DataParallel(toy)).state_dict(),
        "compiled_inside": inside.state_dict(),
        "timm": {
            "epoch": 3,
            "arch": "toy",
            "state_dict": weights,
            "optimizer": {"state": {0: {"exp_avg": numbers}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
            "args": argparse.Namespace(lr=0.1, data=Path("data")),
            "state_dict_ema": half,
            "metric": np.float64(70.0),
        },
        "tutorial": {
            "epoch": 3,
            "model_state_dict": weights,
            "loss": torch.tensor(0.5),
            "random": np.random.get_state(),
        },
        "signs": {"neg": torch._neg_view(numbers), "imag": pairs.clone().conj().imag},
        "conjugate": {"conj": pairs.conj()},
        "float8": {str(dtype).removeprefix("torch."): numbers.to(dtype) for dtype in float8},
        "twice": {f"{branch}.{name}": tensor for branch in ("student", "teacher") for name, tensor in weights.items()},
    }
    for name, contents in found.items():
        torch.save(contents, FOLDER / f"found_{name}.pth")
    torch.save(found["signs"], FOLDER / "found_signs_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(found["timm"], FOLDER / "found_timm_legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.script(nn.Linear(1, 1)).save(FOLDER / "found_torchscript.pt")
    write_lightning(weights)


if __name__ == "__main__":
    main()
