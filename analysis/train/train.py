"""Train garment-l, or garment-s with garment-l as its teacher.

    python train.py garment-l --train px/train256 px/extras256 --validation px/val224 --out garment-l.pt
    python train.py garment-s --teacher garment-l.pt --train px/train128 px/extras128 --validation px/val96 --out garment-s.pt

The pixels are those of `weft preprocess`. Validation chooses among the epochs of
the last phase, and nothing else; no photo of it is trained on.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import data
import nets

PHASES = {  # (side, epochs, learning rate); the last side is that of the model's input
    "garment-l": [(160, 5, 8e-4), (224, 2, 2e-4)],
    "garment-s": [(96, 14, 1.5e-3)],
}
TEACHER_SIDE = 224


@torch.no_grad()
def accuracy(net, pixels, truth) -> float:
    net.eval()
    right = sum((net(data.as_input(pixels[i:i + 64])).argmax(1) == truth[i:i + 64]).sum().item()
                for i in range(0, len(truth), 64))
    return right / len(truth)


def loss_of(net, x, y, teacher, rng):
    """Cross-entropy on smoothed classes with mixup (Zhang et al. 2018), or towards the teacher (Hinton et al. 2015)."""
    share = torch.rand(1, generator=rng).item() * 0.3
    other = torch.randperm(len(x), generator=rng)
    target = F.one_hot(y, len(data.CLASSES)).float() * 0.9 + 0.1 / len(data.CLASSES)
    x, target = x * (1 - share) + x[other] * share, target * (1 - share) + target[other] * share
    if teacher is not None:
        with torch.no_grad():
            big = F.interpolate(x, size=TEACHER_SIDE, mode="bilinear", align_corners=False)
            target = 0.25 * target + 0.75 * teacher(big).softmax(1)
    return -(target * net(x).log_softmax(1)).sum(1).mean()


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = torch.Generator().manual_seed(args.seed)
    sets = [data.load(folder, strict=i == 0) for i, folder in enumerate(args.train)]
    truth = torch.cat([y for _, y in sets])
    row = [(s, i) for s, (_, y) in enumerate(sets) for i in range(len(y))]
    validation = data.load(args.validation)
    net, teacher = nets.NETS[args.model](), None
    if args.teacher:
        teacher = nets.Large().eval()
        teacher.load_state_dict(torch.load(args.teacher))
    average, steps, best = copy.deepcopy(net), 0, 0.0
    for phase, (side, epochs, rate) in enumerate(PHASES[args.model]):
        opt = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
        total = epochs * (len(row) // args.batch)
        for epoch in range(epochs):
            began, order = time.time(), torch.randperm(len(row), generator=rng)
            for b in range(len(row) // args.batch):
                at = epoch * (len(row) // args.batch) + b
                for g in opt.param_groups:
                    g["lr"] = rate * min(1, (at + 1) / 60) * 0.5 * (1 + math.cos(math.pi * at / total))
                pick = order[b * args.batch:(b + 1) * args.batch]
                x = torch.cat([data.as_input(sets[s][0][i:i + 1]) for s, i in (row[p] for p in pick.tolist())])
                net.train()
                loss = loss_of(net, data.augment(x, side, rng), truth[pick], teacher, rng)
                opt.zero_grad()
                loss.backward()
                opt.step()
                steps += 1
                keep = min(0.996, (1 + steps) / (10 + steps))
                with torch.no_grad():
                    for a, p in zip(average.state_dict().values(), net.state_dict().values()):
                        a.lerp_(p, 1 - keep) if a.dtype.is_floating_point else a.copy_(p)
            got = accuracy(average, *validation)
            print(f"phase {phase} epoch {epoch}: loss {loss.item():.3f}, validation {got:.4f}, {time.time() - began:.0f} s", flush=True)
            if phase == len(PHASES[args.model]) - 1 and got >= best:
                best = got
                torch.save(average.state_dict(), args.out)
    print(f"best {best:.4f}: {args.out}")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", choices=sorted(nets.NETS))
    p.add_argument("--train", type=Path, nargs="+", required=True)
    p.add_argument("--validation", type=Path, required=True)
    p.add_argument("--teacher", type=Path)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=2)
    train(p.parse_args())
