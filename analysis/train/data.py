"""Pixels as `weft preprocess` wrote them, and the changes that training makes to them."""

import csv
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

CLASSES = ["dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"]


def load(folder: Path, strict: bool = True) -> tuple[np.ndarray, torch.Tensor]:
    """Pixels (n, side, side, 3; uint8, mapped, not read) and classes (n).

    A folder named differently from a class is an error, or left out when not strict.
    """
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    with open(folder / "photos.csv", newline="") as f:
        names = [row["class"].lower() for row in csv.DictReader(f)]
    if strict and not set(names) <= set(CLASSES):
        raise SystemExit(f"{folder}: classes {sorted(set(names) - set(CLASSES))} are none of {CLASSES}")
    keep = [i for i, name in enumerate(names) if name in CLASSES]
    return pixels[keep], torch.tensor([CLASSES.index(names[i]) for i in keep])


def as_input(pixels: np.ndarray) -> torch.Tensor:
    """(n, side, side, 3) uint8 to (n, 3, side, side) as the models want it: (x - 127) / 128."""
    return (torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() - 127) / 128


def augment(x: torch.Tensor, side: int, rng: torch.Generator) -> torch.Tensor:
    """Random crop, proportions, turn by up to 15 degrees, mirror, light and colour; scaled to side."""
    n = len(x)
    u = lambda low, high, *shape: low + (high - low) * torch.rand(n, *shape, generator=rng)
    area, ratio, turn = u(0.45, 1.1).sqrt(), u(-0.22, 0.22).exp(), u(-1, 1) * math.radians(15)
    sx, sy = area * ratio, area / ratio
    mirror = torch.where(u(0, 1) < 0.5, -1.0, 1.0)
    tx, ty = u(-1, 1) * (1 - sx).clamp(min=0), u(-1, 1) * (1 - sy).clamp(min=0)
    theta = torch.stack([
        torch.stack([mirror * sx * turn.cos(), -sy * turn.sin(), tx], 1),
        torch.stack([mirror * sx * turn.sin(), sy * turn.cos(), ty], 1),
    ], 1)
    grid = F.affine_grid(theta, [n, 3, side, side], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * u(0.5, 1.5, 1, 1, 1)
    x = x * u(0.7, 1.3, 1, 1, 1) + u(-0.2, 0.2, 1, 1, 1) + u(-0.08, 0.08, 3, 1, 1)
    return x.clamp(-1, 1.01)
