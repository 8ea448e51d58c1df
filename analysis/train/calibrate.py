"""Temperature, thresholds and accuracy of an exported model on validation, written beside it as JSON.

    python calibrate.py garment-s --onnx ../zoo/garment-s.onnx --validation px/val128 \
        --next ../zoo/garment-l.onnx --next-validation px/val192

Temperature scaling and the expected calibration error in 15 bins of equal width: Guo et al. 2017.
The same photos choose the temperature and measure it, so the error with the temperature of the
other photos (20 folds) is given too.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np

import data
import export

BINS, FOLDS = 15, 20
THRESHOLDS = [round(t, 2) for t in np.arange(0.4, 0.96, 0.05)] + [0.97, 0.99]


def ece(shares: np.ndarray, truth: np.ndarray) -> float:
    """(n, classes) shares, (n) classes: mean distance of confidence and accuracy, weighted by photos of the bin."""
    confidence, right = shares.max(1), shares.argmax(1) == truth
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return float(sum(abs(right[which == b].sum() - confidence[which == b].sum()) for b in range(BINS)) / len(truth))


def loss(logits: np.ndarray, truth: np.ndarray, temperature: float) -> float:
    """Mean negative log likelihood."""
    return float(-np.log(export.softmax(logits / temperature)[np.arange(len(truth)), truth] + 1e-12).mean())


def temperature_of(logits: np.ndarray, truth: np.ndarray) -> float:
    """That of the least loss, on a grid of 1 %."""
    return min((float(t) for t in np.geomspace(0.2, 5, 324)), key=lambda t: loss(logits, truth, t))


def left_out(logits: np.ndarray, truth: np.ndarray, seed: int) -> float:
    """Calibration error when each photo's temperature comes from photos of other folds."""
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    scaled = np.empty_like(logits)
    for f in range(FOLDS):
        scaled[fold == f] = logits[fold == f] / temperature_of(logits[fold != f], truth[fold != f])
    return ece(export.softmax(scaled), truth)


def per_class(predicted: np.ndarray, truth: np.ndarray) -> dict:
    """Recall (a class's accuracy) and precision of each class."""
    table = {}
    for c, name in enumerate(data.CLASSES):
        hits = int(((predicted == c) & (truth == c)).sum())
        said, are = int((predicted == c).sum()), int((truth == c).sum())
        table[name] = {"photos": are, "accuracy": round(hits / max(1, are), 4), "precision": round(hits / max(1, said), 4)}
    return table


def thresholds(shares, truth, then=None) -> list[dict]:
    """For each threshold: photos kept and how many of them right; with a next model, of the chain of both."""
    rows, right = [], shares.argmax(1) == truth
    for t in THRESHOLDS:
        kept = shares.max(1) >= t
        row = {"threshold": float(t), "kept": round(float(kept.mean()), 4),
               "accuracy_kept": round(float(right[kept].mean()), 4) if kept.any() else None}
        if then is not None:
            row["accuracy_chain"] = round(float(np.where(kept, right, then.argmax(1) == truth).mean()), 4)
        rows.append(row)
    return rows


def milliseconds(path: Path, pixels: np.ndarray, runs: int = 200) -> float:
    """Least time of one photo on one thread, of many, as other work disturbs it."""
    s, x, took = export.session(path), {"image": data.as_input(pixels[:1]).numpy()}, []
    for _ in range(runs):
        began = time.perf_counter()
        s.run(None, x)
        took.append(time.perf_counter() - began)
    return round(1000 * min(took), 2)


def report(args) -> dict:
    """All that is measured of one model."""
    pixels, truth = data.load(args.validation)
    truth, logits = truth.numpy(), export.answers(args.onnx, pixels)
    heat = temperature_of(logits, truth)
    shares, predicted = export.softmax(logits / heat), logits.argmax(1)
    confusion = np.zeros((len(data.CLASSES),) * 2, int)
    np.add.at(confusion, (truth, predicted), 1)
    then = None
    if args.next:
        then = export.answers(args.next, data.load(args.next_validation)[0])
    return {
        "model": args.model, "classes": data.CLASSES, "side": int(pixels.shape[1]), "seed": args.seed,
        "temperature": round(heat, 4), "photos": len(truth),
        "accuracy": round(float((predicted == truth).mean()), 4),
        "ece": round(ece(shares, truth), 4), "ece_left_out": round(left_out(logits, truth, args.seed), 4),
        "ece_uncalibrated": round(ece(export.softmax(logits), truth), 4),
        "loss": round(loss(logits, truth, heat), 4), "per_class": per_class(predicted, truth),
        "confusion": confusion.tolist(), "thresholds": thresholds(shares, truth, then),
        "ms_per_image": milliseconds(args.onnx, pixels),
        "bytes": args.onnx.stat().st_size, "sha256": hashlib.sha256(args.onnx.read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--onnx", type=Path, required=True)
    p.add_argument("--validation", type=Path, required=True)
    p.add_argument("--next", type=Path, help="the model that is asked where this one is not sure")
    p.add_argument("--next-validation", type=Path)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    found = report(args)
    args.onnx.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    print({k: found[k] for k in ("accuracy", "temperature", "ece", "ece_left_out", "ece_uncalibrated", "ms_per_image", "bytes")})
