"""All of it by one command: pixels, garment-l, garment-s, ONNX, temperature, golden file.

    python run.py --weft ../../bin/weft --photos ~/clothing --work ~/garments --zoo ~/garments/zoo

With --labels labels.csv or --more pixels/mine, further photos are trained on.

--photos has the folders train, validation and perhaps extras, each with a folder per class. --labels is a
CSV file with the columns class and path (relative to the file): photos that people labelled. --more is a
folder of `weft preprocess` at --side 224. Steps whose result is there already are left out.
"""

import argparse
import csv
import shutil
import subprocess
import sys
from pathlib import Path

from data import CLASSES

HERE = Path(__file__).parent
SIDES = {"garment-l": 192, "garment-s": 128}
SOURCE = 224  # side of the training pixels, from which crops are taken


def step(result: Path, *command):
    """Runs a command unless its result is there."""
    if result.exists():
        print(f"{result}: there already", flush=True)
        return
    print("+", *command, flush=True)
    subprocess.run([str(c) for c in command], check=True)


def script(result: Path, name: str, *arguments):
    """Runs a script of this folder with this Python."""
    step(result, sys.executable, HERE / name, *arguments)


def labelled(file: Path, out: Path) -> Path:
    """A folder per class of the photos that the CSV file names."""
    with open(file, newline="") as f:
        rows = csv.DictReader(f)
        if not {"class", "path"} <= set(rows.fieldnames or []):
            raise SystemExit(f"{file}: line 1: the columns class and path are wanted, these are {rows.fieldnames}")
        for i, row in enumerate(rows):
            photo = file.parent / row["path"]
            if not photo.is_file():
                raise SystemExit(f"{file}: line {i + 2}: there is no photo {row['path']}")
            if row["class"] not in CLASSES:
                raise SystemExit(f"{file}: line {i + 2}: class {row['class']} is none of {', '.join(CLASSES)}")
            to = out / row["class"] / f"{i}{photo.suffix}"
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo, to)
    return out


def pixels(args) -> dict[str, Path]:
    """Exports the photos at the sides that are wanted; the folders by name."""
    wanted = [("train", SOURCE)] + [(kind, side) for side in SIDES.values() for kind in ("train", "validation")]
    folders = {kind: args.photos / kind for kind in ("train", "validation", "extras") if (args.photos / kind).is_dir()}
    if "extras" in folders:
        wanted.append(("extras", SOURCE))
    if args.labels:
        folders["labels"] = labelled(args.labels, args.work / "labels")
        wanted.append(("labels", SOURCE))
    made = {}
    for kind, side in wanted:
        made[f"{kind}{side}"] = out = args.work / f"{kind}{side}"
        step(out / "pixels.npy", args.weft, "preprocess", "--photos", folders[kind], "--out", out, "--side", side)
    return made


def finish(args, px, model: str, *more):
    """From weights to the files of the zoo."""
    side, onnx = SIDES[model], args.zoo / f"{model}.onnx"
    script(onnx, "export.py", model, "--weights", args.work / f"{model}.pt", "--train", px[f"train{side}"],
           "--validation", px[f"validation{side}"], "--out", onnx, "--seed", args.seed)
    script(onnx.with_suffix(".json"), "calibrate.py", model, "--onnx", onnx, "--validation", px[f"validation{side}"],
           "--seed", args.seed, *more)
    return onnx


def main(args):
    args.work.mkdir(parents=True, exist_ok=True)
    args.zoo.mkdir(parents=True, exist_ok=True)
    px = pixels(args)
    learn = [px[name] for name in (f"train{SOURCE}", f"extras{SOURCE}", f"labels{SOURCE}") if name in px] + args.more
    train = [part for folder in learn for part in ("--train", folder)]
    weights = {model: args.work / f"{model}.pt" for model in SIDES}
    script(weights["garment-l"], "train.py", "garment-l", *train, "--validation", px[f"validation{SIDES['garment-l']}"],
           "--out", weights["garment-l"], "--seed", args.seed)
    large = finish(args, px, "garment-l")
    taught = args.work / "taught"
    script(taught / "truth.npy", "teach.py", "--teacher", large, *train, "--side", SIDES["garment-s"], "--out", taught,
           "--seed", args.seed)
    first, second = args.work / "garment-s-1.pt", args.work / "garment-s-2.pt"
    pupil = ["garment-s", "--taught", taught, "--validation", px[f"validation{SIDES['garment-s']}"], "--seed", args.seed]
    script(first, "train.py", *pupil, "--out", first)
    script(second, "train.py", *pupil, "--start", first, "--rate", "1e-3", "--phase", "128:7:1", "--phase", "128:3:3",
           "--out", second)
    script(weights["garment-s"], "soup.py", first, second, "--out", weights["garment-s"])
    small = finish(args, px, "garment-s", "--next", large, "--next-validation", px[f"validation{SIDES['garment-l']}"])
    golden = args.zoo / "testdata" / "golden.json"
    script(golden, "golden.py", small, large, "--out", golden)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--weft", type=Path, required=True, help="the program, from `make build`")
    p.add_argument("--photos", type=Path, required=True)
    p.add_argument("--labels", type=Path)
    p.add_argument("--more", type=Path, action="append", default=[])
    p.add_argument("--work", type=Path, required=True, help="pixels and weights, about 1.5 GB")
    p.add_argument("--zoo", type=Path, required=True, help="where the ONNX and JSON files go")
    p.add_argument("--seed", type=int, default=1)
    main(p.parse_args())
