"""Makes the small graphs of the tests: python tiny.py FOLDER (needs onnx and numpy).

They have the shapes of real ones and random weights: what they say means nothing.
"""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


def graph(path, side, dims, classes=10, seed=1, batch="n"):
    rng = np.random.default_rng(seed)
    weights = {
        "conv": rng.normal(0, 0.05, (8, 3, 8, 8)),
        "w1": rng.normal(0, 1, (8, dims)),
        "b1": rng.normal(0, 0.1, dims),
        "w2": rng.normal(0, 1, (dims, classes)),
        "b2": rng.normal(0, 0.5, classes),
    }
    nodes = [
        helper.make_node("Conv", ["image", "conv"], ["c"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w1", "b1"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "w2", "b2"], ["logits"]),
    ]
    g = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, side, side])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, classes]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, dims]),
        ],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    save(helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def text(path):
    """A text classifier: is the text one of two words?"""
    g = helper.make_graph(
        [
            helper.make_node("LabelEncoder", ["text"], ["id"], domain="ai.onnx.ml", keys_strings=["silk", "wool"], values_floats=[1.0, -1.0], default_float=0.0),
            helper.make_node("Mul", ["id", "w"], ["logits"]),
        ],
        "text",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["n", 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.array([[4.0, -4.0]], dtype=np.float32), "w")],
    )
    save(helper.make_model(g, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)], ir_version=8), path)


if __name__ == "__main__":
    out = sys.argv[1]
    graph(out + "/tiny.onnx", 32, 16)
    graph(out + "/tiny-one.onnx", 32, 16, batch=1)
    text(out + "/tiny-text.onnx")
