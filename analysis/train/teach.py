"""What garment-l says of changed training photos, kept for garment-s to learn from.

    python teach.py --teacher garment-l.onnx --train px/train224 --train px/extras224 --side 128 --views 6 --out px/taught

Teacher and pupil must see the same crop (Beyer et al. 2022), and asking the teacher once for each
view is many times cheaper than in each epoch. It writes pixels.npy (views, n, side, side, 3),
logits.npy (views, n, classes) and truth.npy (n).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import data
import export


def as_pixels(x: torch.Tensor) -> np.ndarray:
    """(n, 3, side, side) as models want it, back to (n, side, side, 3) uint8."""
    return (x * 128 + 127).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def main(args):
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(args.seed)
    photos, truth = data.load_all(args.train)
    teachers = [export.session(path) for path in args.teacher]
    large = teachers[0].get_inputs()[0].shape[2]
    args.out.mkdir(parents=True, exist_ok=True)
    pixels = np.lib.format.open_memmap(args.out / "pixels.npy", "w+", np.uint8, (args.views, len(truth), args.side, args.side, 3))
    logits = np.zeros((args.views, len(truth), len(data.CLASSES)), np.float32)
    for view in range(args.views):
        for i in range(0, len(truth), 32):
            x = data.augment(data.as_input(photos[i:i + 32]), large, rng)
            logits[view, i:i + 32] = np.mean([t.run(["logits"], {"image": x.contiguous().numpy()})[0] for t in teachers], 0)
            x = F.interpolate(x, size=args.side, mode="bilinear", antialias=True, align_corners=False)
            pixels[view, i:i + 32] = as_pixels(x)
        right = (logits[view].argmax(1) == truth.numpy()).mean()
        print(f"view {view}: the teacher names {right:.4f} as labelled", flush=True)
    np.save(args.out / "logits.npy", logits)
    np.save(args.out / "truth.npy", truth.numpy())


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--teacher", type=Path, action="append", required=True, help="ONNX; of several, the mean of their logits")
    p.add_argument("--train", type=Path, action="append", required=True)
    p.add_argument("--side", type=int, default=128)
    p.add_argument("--views", type=int, default=6)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--seed", type=int, default=1)
    main(p.parse_args())
