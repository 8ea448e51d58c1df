# Makes ppi.json: what the authors' package ppi-python (0.2.3) says of shares.
#
#     python -m venv v && v/bin/pip install ppi-python==0.2.3 && v/bin/python ppi.py > ppi.json
import json

import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

random = np.random.default_rng(20261130)
cases = []
for i in range(40):
    share, hit, fancy = random.uniform(0.03, 0.9), random.uniform(0.3, 1), random.uniform(0, 0.5)
    labels, posts = int(random.integers(30, 800)), int(random.integers(100, 20000))
    people = random.random(labels + posts) < share
    model = np.where(people, random.random(labels + posts) < hit, random.random(labels + posts) < fancy)
    y, f, rest = people[:labels].astype(float), model[:labels].astype(float), model[labels:].astype(float)
    low, high = ppi_mean_ci(y, f, rest, alpha=0.05)
    cases.append({
        "Pairs": {
            "Both": int((y * f).sum()), "ModelOnly": int(((1 - y) * f).sum()),
            "PeopleOnly": int((y * (1 - f)).sum()), "Neither": int(((1 - y) * (1 - f)).sum()),
        },
        "Unlabelled": {"Posts": posts, "Predicted": int(rest.sum())},
        "Mean": float(np.squeeze(ppi_mean_pointestimate(y, f, rest))), "Low": float(np.squeeze(low)), "High": float(np.squeeze(high)),
    })
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
