# Makes agreement.json: what the reference packages say of generated answers.
#
#     python -m venv v && v/bin/pip install krippendorff==0.9.0 scikit-learn==1.9.1 statsmodels==0.15.0
#     v/bin/python agreement.py > agreement.json
import json

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

random = np.random.default_rng(20261201)


def answers(units, raters, values, right, missing):
    """One row for each unit, one column for each rater; -1 is missing."""
    truth = random.choice(values, units, p=random.dirichlet(np.ones(values)))
    said = np.where(random.random((units, raters)) < right, truth[:, None], random.integers(0, values, (units, raters)))
    return np.where(random.random((units, raters)) < missing, -1, said)


cases = []
for i in range(30):
    units, values = int(random.integers(3, 120)), int(random.integers(2, 12))
    right, missing = random.uniform(0, 1), random.choice([0, 0.2, 0.6])
    table = answers(units, int(random.integers(2, 7)), values, right, missing)
    full = answers(units, int(random.integers(2, 7)), values, right, 0)
    a, b = full[:, 0], full[:, 1]
    data = np.where(table == -1, np.nan, table.astype(float))
    case = {
        "units": [[f"v{v}" for v in row if v >= 0] for row in table.tolist()],
        "full": [[f"v{v}" for v in row] for row in full.tolist()],
        "alpha": None, "cohen": None, "fleiss": None,
    }
    paired = [row for row in table.tolist() if sum(v >= 0 for v in row) > 1]
    if len({v for row in paired for v in row if v >= 0}) > 1:
        case["alpha"] = float(krippendorff.alpha(reliability_data=data.T, level_of_measurement="nominal"))
    if len(set(a) | set(b)) > 1:
        case["cohen"] = float(cohen_kappa_score(a, b))
    if len(np.unique(full)) > 1:
        case["fleiss"] = float(fleiss_kappa(aggregate_raters(full)[0], method="fleiss"))
    cases.append(case)
print("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]")
