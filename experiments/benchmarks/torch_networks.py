"""The networks of the speed peer in PyTorch.

ResNet-50 and VGG19 have exactly torchvision's state-dict names: torchvision itself is not a dependency, and its
published weights load into these modules unchanged. EfficientNet-Lite0 is the package's own.
"""

import torch
from torch import nn


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride) and 1x1 convolutions around which the input passes."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or channels != 4 * width:
            shortcut = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps `[n, c, h, w]` to `[n, 4 * width, h / stride, w / stride]`."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """`logits = ResNet50().eval()(images)`, images `[n, 3, h, w]`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64, 1), *(Bottleneck(256, 64, 1) for _ in range(2)))
        self.layer2 = nn.Sequential(Bottleneck(256, 128, 2), *(Bottleneck(512, 128, 1) for _ in range(3)))
        self.layer3 = nn.Sequential(Bottleneck(512, 256, 2), *(Bottleneck(1024, 256, 1) for _ in range(5)))
        self.layer4 = nn.Sequential(Bottleneck(1024, 512, 2), *(Bottleneck(2048, 512, 1) for _ in range(2)))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps `[n, 3, h, w]` to logits `[n, 1000]`."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class VGG19(nn.Module):
    """`logits = VGG19().eval()(images)`, images `[n, 3, h, w]`."""

    def __init__(self) -> None:
        super().__init__()
        layers, channels = [], 3
        for depth, width in zip((2, 2, 4, 4, 4), (64, 128, 256, 512, 512), strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        hidden = [nn.Linear(512 * 49, 4096), nn.ReLU(inplace=True), nn.Dropout()]
        hidden += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()]
        self.classifier = nn.Sequential(*hidden, nn.Linear(4096, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps `[n, 3, h, w]` to logits `[n, 1000]`."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class EfficientNetLite(nn.Module):
    """`logits = EfficientNetLite().eval()(images)`, images `[n, 3, h, w]`; `features` is the layer to explain."""

    def __init__(self, name: str = "efficientnet-lite0") -> None:
        from efficientnet_lite_pytorch import EfficientNet  # no other network needs the package

        super().__init__()
        self.network = EfficientNet.from_name(name)
        self.features = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps `[n, 3, h, w]` to logits `[n, 1000]`."""
        x = self.features(self.network.extract_features(x))
        return self.network._fc(self.network._avg_pooling(x).flatten(1))


class Bfloat16(nn.Module):
    """A network that computes in bfloat16 where PyTorch's autocast finds it safe; its logits are float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps `[n, 3, h, w]` to logits `[n, 1000]`."""
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.network(x).float()


class Logits(nn.Module):
    """A network of transformers whose output is its logits; it lies in `network`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps images `[n, 3, h, w]` to logits."""
        return self.network(x).logits


# Name -> module and the layer to explain, as in `pretrained.catalogue.IMAGENET`.
NETWORKS = {
    "efficientnet-lite0": (EfficientNetLite, "features"),
    "resnet50": (ResNet50, "layer4.2"),
    "vgg19": (VGG19, "features.35"),
}
