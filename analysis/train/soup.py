"""The mean of the weights of several trainings that began at the same one (Wortsman et al. 2022).

    python soup.py first.pt second.pt --out garment-s.pt
"""

import argparse
from pathlib import Path

import torch

if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("weights", type=Path, nargs="+")
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    parts = [torch.load(path) for path in args.weights]
    torch.save({k: sum(w[k] for w in parts) / len(parts) if v.dtype.is_floating_point else v
                for k, v in parts[0].items()}, args.out)
