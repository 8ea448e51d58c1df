"""Converts MediaPipe's selfie segmentation from TensorFlow Lite to ONNX.

    python convert.py OUT.onnx

The weights come out of the package mediapipe (requirements.txt), which is under
Apache-2.0. The graph is converted operator by operator, since one of them,
Convolution2DTransposeBias, is MediaPipe's own and no general converter knows it.
At the end both are asked with the same pictures, and the largest difference is
printed; beyond 1e-3 the script fails.

Input `image`: [n,3,256,256], RGB from 0 to 1. Output `mask`: [n,1,256,256], 0 to 1.
"""

import pathlib
import sys

import mediapipe
import numpy as np
import onnx
import onnxruntime
import tflite
from onnx import TensorProto, helper, numpy_helper

SOURCE = pathlib.Path(mediapipe.__file__).parent / "modules/selfie_segmentation/selfie_segmentation.tflite"
SIDE = 256
CODES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.INT32: np.int32}


class Converter:
    """Collects the nodes and weights of the ONNX graph. Everything is NCHW."""

    def __init__(self, model):
        self.model, self.graph = model, model.Subgraphs(0)
        self.nodes, self.weights, self.names, self.constants = [], {}, {}, {}

    def constant(self, i):
        """The value of a weight, seen through the DEQUANTIZE that widens it."""
        if i in self.constants:
            return self.constants[i]
        t = self.graph.Tensors(i)
        raw = self.model.Buffers(t.Buffer()).DataAsNumpy()
        shape = t.ShapeAsNumpy()
        return np.frombuffer(bytes(raw), TYPES[t.Type()]).reshape(shape)

    def weight(self, value):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.ascontiguousarray(value)
        return name

    def add(self, op, inputs, out, **attributes):
        """One node; out is the number of the tensor it makes, or a name."""
        name = out if isinstance(out, str) else f"t{out}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        if not isinstance(out, str):
            self.names[out] = name
        return name

    def activated(self, op, inputs, out, activation, **attributes):
        if activation == tflite.ActivationFunctionType.NONE:
            return self.add(op, inputs, out, **attributes)
        if activation != tflite.ActivationFunctionType.RELU:
            raise SystemExit(f"activation {activation} is not known here")
        return self.add("Relu", [self.add(op, inputs, f"t{out}_raw", **attributes)], out)

    def pads(self, padding, size, kernel, stride):
        """SAME as TensorFlow has it: what is odd goes to the end."""
        if padding == tflite.Padding.VALID:
            return [0, 0, 0, 0]
        total = [max((-(-s // st) - 1) * st + k - s, 0) for s, k, st in zip(size, kernel, stride)]
        begin = [t // 2 for t in total]
        return begin + [t - b for t, b in zip(total, begin)]

    def convolve(self, op, options, x, kernel, out, group=1):
        options.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
        stride = [options.StrideH(), options.StrideW()]
        size = self.graph.Tensors(op.Inputs(0)).ShapeAsNumpy()[1:3]
        bias = self.constant(op.Inputs(2)).astype(np.float32)
        self.activated(
            "Conv", [x, self.weight(kernel), self.weight(bias)], out, options.FusedActivationFunction(),
            group=group, strides=stride, kernel_shape=list(kernel.shape[2:]), pads=self.pads(options.Padding(), size, kernel.shape[2:], stride),
        )

    def operator(self, op):
        code = self.model.OperatorCodes(op.OpcodeIndex())
        name = CODES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        out = op.Outputs(0)
        if name == "DEQUANTIZE":
            self.constants[out] = self.constant(op.Inputs(0)).astype(np.float32)
            return
        x = self.names[op.Inputs(0)]
        if name == "CONV_2D":
            self.convolve(op, tflite.Conv2DOptions(), x, self.constant(op.Inputs(1)).transpose(0, 3, 1, 2), out)
        elif name == "DEPTHWISE_CONV_2D":
            kernel = self.constant(op.Inputs(1)).transpose(3, 0, 1, 2)
            self.convolve(op, tflite.DepthwiseConv2DOptions(), x, kernel, out, group=kernel.shape[0])
        elif name in ("ADD", "MUL"):
            options = tflite.AddOptions() if name == "ADD" else tflite.MulOptions()
            options.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
            self.activated(name.title(), [x, self.names[op.Inputs(1)]], out, options.FusedActivationFunction())
        elif name == "AVERAGE_POOL_2D":  # over everything, in all places
            self.add("GlobalAveragePool", [x], out)
        elif name == "RELU":
            self.add("Relu", [x], out)
        elif name == "HARD_SWISH":
            self.add("HardSwish", [x], out)
        elif name == "LOGISTIC":
            self.add("Sigmoid", [x], out)
        elif name == "RESIZE_BILINEAR":
            options = tflite.ResizeBilinearOptions()
            options.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
            mode = "align_corners" if options.AlignCorners() else "half_pixel" if options.HalfPixelCenters() else "asymmetric"
            scales = self.weight(np.array([1, 1, 2, 2], np.float32))
            self.add("Resize", [x, "", scales], out, mode="linear", coordinate_transformation_mode=mode)
        elif code.CustomCode() == b"Convolution2DTransposeBias":
            kernel = self.constant(op.Inputs(1)).transpose(3, 0, 1, 2)  # out, h, w, in: to in, out, h, w
            self.add("ConvTranspose", [x, self.weight(kernel), self.weight(self.constant(op.Inputs(2)))], out, strides=[2, 2], kernel_shape=[2, 2])
        else:
            raise SystemExit(f"operator {name} is not known here")

    def convert(self):
        self.names[self.graph.Inputs(0)] = "image"
        for i in range(self.graph.OperatorsLength()):
            self.operator(self.graph.Operators(i))
        last = self.names[self.graph.Outputs(0)]
        self.add("Identity", [last], "mask")
        shape = ["n", None, SIDE, SIDE]
        graph = helper.make_graph(
            self.nodes, "selfie_segmentation",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [shape[0], 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("mask", TensorProto.FLOAT, [shape[0], 1, SIDE, SIDE])],
            [numpy_helper.from_array(v, k) for k, v in self.weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="weft")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        return model


def difference(path):
    """The most that ONNX Runtime's mask differs from MediaPipe's, over smooth random pictures."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(4)
    most = 0.0
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as original:
        for _ in range(8):
            small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            picture = np.kron(small, np.ones((32, 32, 1), np.uint8))
            want = original.process(picture).segmentation_mask
            image = picture.astype(np.float32).transpose(2, 0, 1)[None] / 255
            got = session.run(["mask"], {"image": image})[0][0, 0]
            most = max(most, float(np.abs(got - want).max()))
    return most


def main():
    out = pathlib.Path(sys.argv[1])
    model = tflite.Model.GetRootAsModel(SOURCE.read_bytes(), 0)
    out.write_bytes(Converter(model).convert().SerializeToString())
    most = difference(out)
    print(f"{out}: {out.stat().st_size} bytes, at most {most:.2e} from the original's mask")
    if most > 1e-3:
        raise SystemExit("the converted model is not the original")


if __name__ == "__main__":
    main()
