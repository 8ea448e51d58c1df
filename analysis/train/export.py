"""Take a trained net out of PyTorch: ONNX, int8, checked on validation against what was trained.

    python export.py garment-l --weights garment-l.pt --train px/train192 --validation px/val192 --out ../zoo/garment-l.onnx

The photos for the ranges of the activations come from the training folder.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

import data
import graph
import nets

LIMIT = 8_000_000  # bytes: the file is committed


class Photos(CalibrationDataReader):
    """Photos one by one, as the quantiser asks for them."""

    def __init__(self, pixels: np.ndarray):
        self.left = iter(pixels)

    def get_next(self):
        photo = next(self.left, None)
        return None if photo is None else {"image": data.as_input(photo[None]).numpy()}


def session(path: Path) -> ort.InferenceSession:
    """ONNX Runtime on one thread."""
    o = ort.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), o, providers=["CPUExecutionProvider"])


def answers(path: Path, pixels: np.ndarray, batch: int = 32) -> np.ndarray:
    """(n, side, side, 3) uint8 to logits (n, classes)."""
    s = session(path)
    return np.concatenate([s.run(["logits"], {"image": data.as_input(pixels[i:i + batch]).numpy()})[0]
                           for i in range(0, len(pixels), batch)])


@torch.no_grad()
def answers_of_net(net, pixels: np.ndarray) -> np.ndarray:
    """The same from PyTorch."""
    net.eval()
    return torch.cat([net(data.as_input(pixels[i:i + 32])) for i in range(0, len(pixels), 32)]).numpy()


def softmax(logits: np.ndarray) -> np.ndarray:
    """(n, classes) logits to shares."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def quantise(model: onnx.ModelProto, pixels: np.ndarray, out: Path):
    """int8 QDQ: U8S8, seven bits of weights (AVX2 without VNNI saturates on eight), per channel.

    Ranges are the mean of each photo's least and largest value. The mean over the places and the last
    layer stay as they are: they cost nothing, and the embedding leaves there.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "fp32.onnx"
        onnx.save(model, whole)
        keep = [n.name for n in model.graph.node if n.op_type not in ("Conv", "Clip")]
        quantize_static(str(whole), str(out), Photos(pixels), quant_format=QuantFormat.QDQ, per_channel=True,
                        reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        calibrate_method=CalibrationMethod.MinMax, nodes_to_exclude=keep,
                        extra_options={"CalibMovingAverage": True})


def main(args):
    torch.set_num_threads(1)
    net = nets.NETS[args.model]()
    net.load_state_dict(torch.load(args.weights))
    pixels, _ = data.load(args.train)
    validation, truth = data.load(args.validation)
    truth, side = truth.numpy(), validation.shape[1]
    model = graph.build(net, side)
    whole = args.out.with_suffix(".fp32.onnx") if args.keep_fp32 else Path(tempfile.mkdtemp()) / "fp32.onnx"
    onnx.save(model, whole)
    pick = np.random.default_rng(args.seed).choice(len(pixels), min(args.photos, len(pixels)), replace=False)
    quantise(model, pixels[np.sort(pick)], args.out)

    torch_logits, fp32, int8 = answers_of_net(net, validation), answers(whole, validation), answers(args.out, validation)
    single = answers(args.out, validation[:64], batch=1)
    share = lambda logits: (logits.argmax(1) == truth).mean()
    print(f"validation: torch {share(torch_logits):.4f}, fp32 {share(fp32):.4f}, int8 {share(int8):.4f}")
    print(f"largest difference of a logit, torch to fp32: {np.abs(torch_logits - fp32).max():.2e}")
    print(f"confidence, fp32 to int8: mean {np.abs(softmax(fp32) - softmax(int8)).max(1).mean():.4f}")
    apart = np.abs(softmax(single) - softmax(int8[:64])).max()
    print(f"confidence, one photo to batches: {apart:.2e}; {args.out.stat().st_size} bytes")
    if np.abs(torch_logits - fp32).max() > 1e-3 or apart > 0.01 or args.out.stat().st_size >= LIMIT:
        raise SystemExit("refused: see the figures above")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", choices=sorted(nets.NETS))
    p.add_argument("--weights", type=Path, required=True)
    p.add_argument("--train", type=Path, required=True, help="training photos at the model's own side")
    p.add_argument("--validation", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--photos", type=int, default=240, help="for the ranges of the activations")
    p.add_argument("--keep-fp32", action="store_true")
    p.add_argument("--seed", type=int, default=1)
    main(p.parse_args())
