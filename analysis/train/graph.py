"""The ONNX graph of a trained net, built node by node: no exporter's guesses in between.

Batch normalisation is folded into the convolutions, padding into their attributes, and
Clip has scalar bounds, as ONNX Runtime asks.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import nets
from data import CLASSES

OPSET, IR = 17, 8


class Builder:
    """Collects nodes and weights; each method adds one step and returns the name of its output."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.low, self.high = self.constant("low", 0.0), self.constant("high", 6.0)

    def constant(self, name: str, value) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, op: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{name}/{op}", **attributes))
        return name

    def conv(self, x: str, conv: torch.nn.Conv2d, name: str, clip: bool) -> str:
        """A convolution with its static padding (left, right, top, bottom) and, if asked, ReLU6."""
        pad = getattr(conv, "static_padding", None)
        left, right, top, bottom = pad.padding if isinstance(pad, torch.nn.ZeroPad2d) else (0, 0, 0, 0)
        v, h = conv.padding
        weight = self.constant(f"{name}.weight", conv.weight.detach().numpy())
        bias = self.constant(f"{name}.bias", conv.bias.detach().numpy())
        y = self.node("Conv", [x, weight, bias], f"{name}.conv" if clip else name,
                      pads=[top + v, left + h, bottom + v, right + h], strides=list(conv.stride), group=conv.groups,
                      kernel_shape=list(conv.kernel_size))
        return self.node("Clip", [y, self.low, self.high], name) if clip else y

    def block(self, x: str, block, name: str) -> str:
        """An inverted residual block (Sandler et al. 2018): wider, depthwise, narrower, and x added where it fits."""
        y = self.conv(x, block._expand_conv, f"{name}.expand", True) if hasattr(block, "_expand_conv") else x
        y = self.conv(y, block._depthwise_conv, f"{name}.depthwise", True)
        y = self.conv(y, block._project_conv, f"{name}.project", False)
        args = block._block_args
        if args.id_skip and args.stride in (1, [1]) and args.input_filters == args.output_filters:
            y = self.node("Add", [y, x], f"{name}.add")
        return y


def build(net: nets.Garment, side: int) -> onnx.ModelProto:
    """image (n, 3, side, side) to logits (n, 10) and embedding (n, width)."""
    g, net = Builder(), net.eval()
    x = g.conv("image", nets.folded(net.stem)[0], "stem", True)
    for i, block in enumerate(net.blocks):
        x = g.block(x, nets.folded(block), f"block{i}")
    x = g.conv(x, nets.folded(net.head)[0], "head", True)
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x], "pool")], "embedding", axis=1)
    g.node("Gemm", [x, g.constant("fc.weight", net.fc.weight.detach().numpy()),
                    g.constant("fc.bias", net.fc.bias.detach().numpy())], "logits", transB=1)
    width = net.fc.in_features
    made = helper.make_graph(
        g.nodes, "garment",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(CLASSES)]),
         helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width])], g.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="weft")
    onnx.checker.check_model(model, full_check=True)
    return model
