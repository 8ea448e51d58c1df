"""Answers of the exported models to made-up images, for whoever runs them from another language.

    python golden.py ../zoo/garment-s.onnx ../zoo/garment-l.onnx --out ../zoo/testdata/golden.json
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

import data
import export

RULE = "image k, row y, column x, channel c (0 red, 1 green, 2 blue): (x*7 + y*13 + c*29 + k*31) mod 256; input (value - 127) / 128"


def image(k: int, side: int) -> np.ndarray:
    """(side, side, 3) uint8 by RULE."""
    y, x, c = np.ogrid[:side, :side, :3]
    return ((x * 7 + y * 13 + c * 29 + k * 31) % 256).astype(np.uint8)


def answers(path: Path) -> dict:
    """Logits and the first numbers of the embedding, for four images asked one by one."""
    s = export.session(path)
    side, images = s.get_inputs()[0].shape[2], []
    for k in range(4):
        x = data.as_input(image(k, side)[None]).numpy()
        logits, embedding = s.run(["logits", "embedding"], {"image": x})
        images.append({"k": k, "logits": [round(float(v), 5) for v in logits[0]],
                       "embedding": [round(float(v), 5) for v in embedding[0][:16]], "width": embedding.shape[1]})
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "side": side, "images": images}


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", type=Path, nargs="+")
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found = {"rule": RULE, "classes": data.CLASSES, "models": {m.stem: answers(m) for m in args.models}}
    args.out.write_text(json.dumps(found, indent=1) + "\n")
