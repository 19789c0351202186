"""Writes sklearn.json: scikit-learn's isotonic regression and the maximum
likelihood sigmoid for random rows. Run from this folder with a Python that has
scikit-learn 1.9 or later:  python3 gen.py > sklearn.json
"""
import json
import sys

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.calibration import _sigmoid_calibration

rng = np.random.default_rng(7)
out = []
for n, ties in ((5, 0), (30, 1), (30, 0), (200, 2), (400, 0)):
    p = rng.random(n) * 0.98 + 0.01
    if ties:
        p = np.clip(np.round(p, ties), 0.01, 0.99)
    y = rng.random(n) < p ** 1.7
    y[0], y[-1] = True, False
    iso = IsotonicRegression(y_min=1 / (n + 2), y_max=(n + 1) / (n + 2), out_of_bounds="clip").fit(p, y)
    grid = np.linspace(0, 1, 41)
    x = logit(p)
    # scikit-learn's own objective: Platt's targets, sigmoid of -(A x + B).
    a, b = _sigmoid_calibration(x, y.astype(float))
    npos, nneg = y.sum(), (~y).sum()
    t = np.where(y, (npos + 1) / (npos + 2), 1 / (nneg + 2))

    def loss(v):
        f = v[0] * x + v[1]
        return np.sum(np.logaddexp(0, -f) + (1 - t) * f)

    def grad(v):
        r = expit(v[0] * x + v[1]) - t
        return np.array([np.sum(r * x), np.sum(r)])

    def hess(v):
        q = expit(v[0] * x + v[1])
        h = q * (1 - q)
        return np.array([[np.sum(h * x * x), np.sum(h * x)], [np.sum(h * x), np.sum(h)]])

    v = np.array([-a, -b])
    for _ in range(20):
        v = v - np.linalg.solve(hess(v), grad(v))
    out.append({
        "labels": [bool(q) for q in y], "p": [float(q) for q in p], "grid": [float(q) for q in grid],
        "isotonic": [float(q) for q in iso.predict(grid)],
        "sklearn_sigmoid": [float(-a), float(-b)], "sigmoid": [float(v[0]), float(v[1])],
    })
json.dump(out, sys.stdout, separators=(",", ":"))
