"""Writes sklearn.json: metrics by scikit-learn for random rows with ties,
weights and one class. Run from this folder with a Python that has scikit-learn
1.9 or later:  python3 gen.py > sklearn.json

With an argument it reads cases (labels, scores, flags, weights) as JSON from
that file instead and writes the same figures for them.
"""
import json
import math
import sys
import warnings

import numpy as np
from sklearn import metrics

warnings.filterwarnings("ignore")


def num(x):
    x = float(x)
    return x if math.isfinite(x) else None


def figures(case):
    y = np.array(case["labels"], dtype=bool)
    s = np.array(case["scores"], dtype=float)
    f = np.array(case["flags"], dtype=bool)
    w = None if case["weights"] is None else np.array(case["weights"], dtype=float)
    out = {}
    cm = metrics.confusion_matrix(y, f, labels=[False, True], sample_weight=w)
    out["confusion"] = [num(v) for v in cm.ravel()]
    for avg, key in ((None, "classes"), ("macro", "macro"), ("weighted", "weighted")):
        p, r, f1, sup = metrics.precision_recall_fscore_support(
            y, f, labels=[False, True], average=avg, sample_weight=w, zero_division=np.nan)
        if avg is None:
            out[key] = [[num(p[i]), num(r[i]), num(f1[i]), num(sup[i])] for i in (0, 1)]
        else:
            out[key] = [num(p), num(r), num(f1)]
    out["accuracy"] = num(metrics.accuracy_score(y, f, sample_weight=w))
    both = len(set(y.tolist())) == 2
    out["roc_auc"] = num(metrics.roc_auc_score(y, s, sample_weight=w)) if both else None
    out["pr_auc"] = num(metrics.average_precision_score(y, s, sample_weight=w)) if y.any() else None
    out["brier"] = num(metrics.brier_score_loss(y, s, sample_weight=w, pos_label=True))
    out["log_loss"] = num(metrics.log_loss(y, s, sample_weight=w, labels=[False, True]))
    return out


def cases():
    rng = np.random.default_rng(20240801)
    for n in (1, 2, 3, 7, 40, 120):
        for ties in (0, 1, 2):
            for prevalence in (0.0, 0.1, 0.5, 1.0):
                for weighted in (False, True):
                    s = rng.random(n)
                    if ties:
                        s = np.round(s, 3 - ties)
                    y = rng.random(n) < prevalence
                    t = rng.random()
                    f = s >= t
                    w = rng.random(n) * 3 + 0.01 if weighted else None
                    yield {
                        "labels": [bool(v) for v in y],
                        "scores": [float(v) for v in s],
                        "flags": [bool(v) for v in f],
                        "weights": None if w is None else [float(v) for v in w],
                    }


def main():
    src = cases()
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as fh:
            src = json.load(fh)
    out = []
    for c in src:
        c["want"] = figures(c)
        out.append(c)
    json.dump(out, sys.stdout, separators=(",", ":"))


main()
