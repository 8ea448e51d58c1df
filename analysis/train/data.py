"""Pixels as `weft preprocess` wrote them, and the changes that training makes to them."""

import csv
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

CLASSES = ["dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"]


def load(folder: Path, strict: bool = True) -> tuple[np.ndarray, torch.Tensor]:
    """Pixels (n, side, side, 3; uint8) and classes (n) of one folder.

    A folder named differently from a class is an error, or left out when not strict.
    """
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    with open(folder / "photos.csv", newline="") as f:
        names = [row["class"].lower() for row in csv.DictReader(f)]
    if len(names) != len(pixels):
        raise SystemExit(f"{folder}: {len(pixels)} photos, but {len(names)} rows in photos.csv")
    if strict and not set(names) <= set(CLASSES):
        raise SystemExit(f"{folder}: classes {sorted(set(names) - set(CLASSES))} are none of {CLASSES}")
    keep = [i for i, name in enumerate(names) if name in CLASSES]
    return pixels[keep], torch.tensor([CLASSES.index(names[i]) for i in keep])


def load_all(folders: list[Path]) -> tuple[np.ndarray, torch.Tensor]:
    """The photos of several folders of one side after one another; all but the first may hold other classes."""
    sets = [load(folder, strict=i == 0) for i, folder in enumerate(folders)]
    sides = {pixels.shape[1] for pixels, _ in sets}
    if len(sides) > 1:
        raise SystemExit(f"{[str(f) for f in folders]}: photos of sides {sorted(sides)}; export all with one --side")
    return np.concatenate([p for p, _ in sets]), torch.cat([y for _, y in sets])


def as_input(pixels: np.ndarray) -> torch.Tensor:
    """(n, side, side, 3) uint8 to (n, 3, side, side) as the models want it: (x - 127) / 128."""
    x = (torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() - 127) / 128
    return x.contiguous(memory_format=torch.channels_last)


def uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Random numbers of that shape between low and high."""
    return low + (high - low) * torch.rand(*shape, generator=rng)


def warp(n: int, strength: float, rng: torch.Generator) -> torch.Tensor:
    """(n, 2, 3): random crop (at strength 1 of 0.45 to 1.1 of the area), proportions, turn by up to 15 degrees, mirror."""
    u = lambda low, high: uniform(rng, low, high, n)
    scale, ratio = u(1.1 - 0.65 * strength, 1.1).sqrt(), (0.22 * strength * u(-1, 1)).exp()
    turn = u(-1, 1) * math.radians(15) * strength
    sx, sy = scale * ratio, scale / ratio
    mirror = torch.where(u(0, 1) < 0.5, -1.0, 1.0)
    tx, ty = u(-1, 1) * (1 - sx).clamp(min=0), u(-1, 1) * (1 - sy).clamp(min=0)
    return torch.stack([
        torch.stack([mirror * sx * turn.cos(), -sy * turn.sin(), tx], 1),
        torch.stack([mirror * sx * turn.sin(), sy * turn.cos(), ty], 1),
    ], 1)


def augment(x: torch.Tensor, side: int, rng: torch.Generator, strength: float = 1) -> torch.Tensor:
    """(n, 3, any, any) to (n, 3, side, side): warped, with other light and colour, as far as strength says.

    The batch is first scaled down to a random size, with a filter against aliasing: at
    serving time photos come out of decoders that scale in different ways, some blurred.
    """
    n, source = len(x), x.shape[2]
    via = int(uniform(rng, 0.75 * side, min(source, 1.35 * side), 1).item())
    if via < source:
        x = F.interpolate(x, size=via, mode="bilinear", antialias=True, align_corners=False)
    grid = F.affine_grid(warp(n, strength, rng), [n, 3, side, side], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    around = lambda middle, reach, *shape: middle + strength * reach * uniform(rng, -1, 1, n, *shape, 1, 1)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * around(1, 0.5, 1)
    x = x * around(1, 0.3, 1) + around(0, 0.2, 1) + around(0, 0.08, 3)
    return x.clamp(-1, 1).contiguous(memory_format=torch.channels_last)
