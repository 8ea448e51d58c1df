"""Train one of the two garment models on pixels of `weft preprocess`.

    python train.py garment-l --train px/train224 --train px/extras224 --validation px/val192 --out garment-l.pt
    python train.py garment-s --taught px/taught --validation px/val128 --out garment-s.pt

garment-l learns from labels, garment-s from labels and from what garment-l says of the same views (teach.py).
Validation chooses among the epochs, and nothing else; no photo of it is trained on.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import data
import nets

# (side, epochs, first blocks left as they are); the learning rate falls over all of them.
PHASES = {
    "garment-l": [(144, 10, 4), (192, 2, 7)],
    "garment-s": [(128, 9, 3), (128, 5, 5)],
}
RATE = {"garment-l": 7e-4, "garment-s": 1.5e-3}


@torch.no_grad()
def accuracy(net, pixels, truth) -> float:
    """Share of photos named rightly."""
    net.eval()
    right = sum((net(data.as_input(pixels[i:i + 32])).argmax(1) == truth[i:i + 32]).sum().item()
                for i in range(0, len(truth), 32))
    return right / len(truth)


def mixed(x, target, rng):
    """Mixup (Zhang et al. 2018) of a batch with itself: up to 0.3 of another photo and of its target."""
    share, other = torch.rand(1, generator=rng).item() * 0.3, torch.randperm(len(x), generator=rng)
    return x * (1 - share) + x[other] * share, target * (1 - share) + target[other] * share


def smooth(y):
    """(n) classes to (n, classes), a tenth of the weight spread evenly (Szegedy et al. 2016)."""
    return F.one_hot(y, len(data.CLASSES)).float() * 0.9 + 0.1 / len(data.CLASSES)


def rate_at(step: int, steps: int) -> float:
    """Share of the highest rate: up over 60 steps, then down along a cosine (Loshchilov and Hutter 2017)."""
    return min(1, (step + 1) / 60) * 0.5 * (1 + math.cos(math.pi * step / steps))


@torch.no_grad()
def follow(average, net, step: int):
    """Moves the average of the weights towards the net's (Polyak and Juditsky 1992)."""
    keep = min(0.99, (1 + step) / (10 + step))
    for a, p in zip(average.state_dict().values(), net.state_dict().values()):
        a.lerp_(p, 1 - keep) if a.dtype.is_floating_point else a.copy_(p)


class Labelled:
    """Photos, changed anew in each epoch, and their labels."""

    def __init__(self, folders):
        self.pixels, self.truth = data.load_all(folders)

    def __len__(self):
        return len(self.truth)

    def batch(self, epoch: int, pick, side: int, rng):
        """(b, 3, side, side) and targets (b, classes)."""
        return data.augment(data.as_input(self.pixels[pick.numpy()]), side, rng), smooth(self.truth[pick])


class Taught:
    """Views that teach.py wrote, and what label and teacher say of them, at 0.25 to 0.75 (Hinton et al. 2015)."""

    def __init__(self, folder):
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        truth, logits = torch.from_numpy(np.load(folder / "truth.npy")), torch.from_numpy(np.load(folder / "logits.npy"))
        self.target = 0.25 * smooth(truth) + 0.75 * logits.softmax(2)

    def __len__(self):
        return self.pixels.shape[1]

    def batch(self, epoch: int, pick, side: int, rng):
        """(b, 3, side, side) and targets (b, classes); each photo's views in turn, a little changed."""
        view = (pick + epoch) % len(self.pixels)
        x = data.as_input(self.pixels[view.numpy(), pick.numpy()])
        return data.augment(x, side, rng, strength=0.4), self.target[view, pick]


def epoch_of(net, average, opt, photos, side, rng, at: list, steps: int, args):
    """Trains on every photo once; at[0] counts the steps."""
    order, each = torch.randperm(len(photos), generator=rng), len(photos) // args.batch
    for b in range(each):
        for g in opt.param_groups:
            g["lr"] = args.rate * rate_at(at[0], steps)
        pick = order[b * args.batch:(b + 1) * args.batch]
        x, target = mixed(*photos.batch(at[0] // each, pick, side, rng), rng)
        net.train()
        loss = -(target * net(x).log_softmax(1)).sum(1).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        at[0] += 1
        follow(average, net, at[0])
    return loss.item()


def phase(text: str) -> tuple[int, ...]:
    """side:epochs:frozen as numbers."""
    side, epochs, frozen = map(int, text.split(":"))
    return side, epochs, frozen


def train(args):
    """Trains by the phases and keeps the averaged weights of the best epoch."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = torch.Generator().manual_seed(args.seed)
    photos, validation = Taught(args.taught) if args.taught else Labelled(args.train), data.load(args.validation)
    net = nets.NETS[args.model]()
    if args.start:
        net.load_state_dict(torch.load(args.start))
    net = net.to(memory_format=torch.channels_last)
    average, at, best = copy.deepcopy(net), [0], 0.0
    steps = sum(p[1] for p in args.phase) * (len(photos) // args.batch)
    opt = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    print(f"{args.model}: {len(photos)} photos, {steps} steps", flush=True)
    for side, epochs, frozen in args.phase:
        net.freeze(frozen)
        for epoch in range(epochs):
            began = time.time()
            loss = epoch_of(net, average, opt, photos, side, rng, at, steps, args)
            trained = time.time() - began
            got = accuracy(average, *validation)
            print(f"side {side} epoch {epoch}: loss {loss:.3f}, validation {got:.4f}, {trained:.0f} s", flush=True)
            if got >= best:
                best = got
                torch.save(average.state_dict(), args.out.with_suffix(".part"))
    args.out.with_suffix(".part").rename(args.out)
    print(f"best {best:.4f}: {args.out}")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", choices=sorted(nets.NETS))
    learn = p.add_mutually_exclusive_group(required=True)
    learn.add_argument("--train", type=Path, action="append", help="labelled photos; other folders than the first may hold other classes")
    learn.add_argument("--taught", type=Path, help="what teach.py wrote")
    p.add_argument("--validation", type=Path, required=True)
    p.add_argument("--start", type=Path, help="weights to go on from, in the place of ImageNet's")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--phase", type=phase, action="append", metavar="SIDE:EPOCHS:FROZEN", help="in the place of the model's own")
    p.add_argument("--rate", type=float, help="highest learning rate, in the place of the model's own")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=1)
    args = p.parse_args()
    args.phase, args.rate = args.phase or PHASES[args.model], args.rate or RATE[args.model]
    train(args)
