"""The published experiments on simulated rows, with XGBoost's defaults.

usage: targets.py FOLDER...   Each folder holds m0.csv, m1.csv and m2.csv: the
twelve columns, then the label. Prints one JSON object a folder: figures of
each experiment, in the published study's terms.
"""

import json
import sys

import numpy as np
import pandas as pd
import xgboost

COUNT, SIZE = "request_count", "response_size_mean"


def fit(x, y):
    model = xgboost.XGBClassifier(nthread=1)
    model.fit(x, y)
    return model


def measure(y, hat):
    tp = int(((hat == 1) & (y == 1)).sum())
    fp = int(((hat == 1) & (y == 0)).sum())
    fn = int(((hat == 0) & (y == 1)).sum())
    p, r = tp / max(1, tp + fp), tp / max(1, tp + fn)
    return {"precision": p, "recall": r, "f1": 2 * p * r / max(1e-9, p + r)}


def apply(rule, x):
    up, small, both, n, s = rule
    a = x[COUNT].to_numpy() >= n if up else x[COUNT].to_numpy() < n
    b = x[SIZE].to_numpy() < s if small else x[SIZE].to_numpy() >= s
    return (a & b if both else a | b).astype(int)


def best_rule(x, y):
    """The best of the eight by F1 on the training months."""
    y = y.to_numpy()
    counts = np.unique(np.quantile(x[COUNT], np.linspace(0, 1, 41)))
    sizes = np.unique(np.quantile(x[SIZE], np.linspace(0, 1, 41)))
    best = (-1.0, None)
    for up in (True, False):
        for small in (True, False):
            for both in (True, False):
                for n in counts:
                    for s in sizes:
                        rule = (up, small, both, n, s)
                        f1 = measure(y, apply(rule, x))["f1"]
                        if f1 > best[0]:
                            best = (f1, rule)
    return best[1]


def split(x, y):
    order = np.random.default_rng(0).permutation(len(x))
    cut = int(0.8 * len(x))
    a, b = order[:cut], order[cut:]
    return measure(y.iloc[b].to_numpy(), fit(x.iloc[a], y.iloc[a]).predict(x.iloc[b]))


def run(folder):
    months = [pd.read_csv(f"{folder}/m{i}.csv") for i in range(3)]
    xs = [m.iloc[:, :12] for m in months]
    ys = [m.iloc[:, 12] for m in months]
    x01, y01 = pd.concat(xs[:2], ignore_index=True), pd.concat(ys[:2], ignore_index=True)
    model = fit(x01, y01)
    hat = model.predict(xs[2])
    y = ys[2].to_numpy()
    out = {"rows": len(y), "positive": float(y.mean()), "test": measure(y, hat)}
    out["fn"] = {
        str(k): float(((hat == 0) & (y == 1) & keep).sum() / max(1, ((y == 1) & keep).sum()))
        for k in (0, 10, 100, 1000, 10000)
        for keep in [xs[2][COUNT].to_numpy() >= k]
    }
    out["shares"] = {str(k): float((xs[2][COUNT] >= k).mean()) for k in (10, 100, 1000, 10000, 100000)}
    out["split_0"], out["split_1"], out["split_01"] = split(xs[0], ys[0]), split(xs[1], ys[1]), split(x01, y01)
    out["month_0_to_1"] = measure(ys[1].to_numpy(), fit(xs[0], ys[0]).predict(xs[1]))
    gain = model.get_booster().get_score(importance_type="total_gain")
    out["total_gain"] = sorted(gain, key=lambda f: -gain[f])
    whole = sum(gain.values())
    out["gain_share"] = {f: round(gain[f] / whole, 3) for f in out["total_gain"][:5]}
    rule = best_rule(x01, y01)
    out["rule"] = dict(
        measure(y, apply(rule, xs[2])),
        text=f"{COUNT} {'>=' if rule[0] else '<'} {rule[3]:.0f} {'and' if rule[2] else 'or'} {SIZE} {'<' if rule[1] else '>='} {rule[4]:.0f}",
    )
    return out


for folder in sys.argv[1:]:
    print(json.dumps(run(folder)), flush=True)
