"""The other side of BenchmarkAgainstXGBoost.

    python measure.py DIR

trains 100 trees of depth 6 on traffic-like rows with gaps, leaves model.json
and rows.f32 (a million rows of 12) in DIR, prints "ready <version>, rows by <row.c or ctypes>", then
answers one command a line with the seconds of one run:

    predict THREADS    margins of all rows, the faster of inplace_predict and
                       predict on a new DMatrix (its making not counted)
    row                one row in place through the C API, mean of many calls in
                       a C program (row.c) where there is a C compiler, else
                       through ctypes
    contributions THREADS    SHAP values of 4,000 rows
    load               model.json
    peak               peak resident memory, in MB instead of seconds
"""
import ctypes, json, os, shutil, subprocess, sys, time

import numpy as np
import xgboost as xgb

d = sys.argv[1]
r = np.random.default_rng(1)


def rows(n):
    X = np.empty((n, 12), np.float32)
    X[:, 0] = 1 + np.floor(np.exp(r.normal(2, 1.5, n)))
    X[:, 1] = np.exp(r.normal(9, 1, n))
    X[:, 2] = 1 + np.floor((X[:, 0] - 1) * r.random(n))
    X[:, 3] = np.round(r.beta(2, 1, n), 3)
    X[:, 4] = 1 + r.poisson(0.5, n)
    X[:, 5] = r.beta(3, 1, n)
    X[:, 6] = r.beta(1, 2, n)
    X[:, 7:10] = r.dirichlet([2, 2, 0.5], n)
    X[:, 10] = np.clip(0.8 * X[:, 3] + 0.1 * r.normal(size=n), 0, 1)
    X[:, 11] = np.where(r.random(n) < 0.2, r.random(n), 0)
    z = np.log(X[:, 0]) - 2 * X[:, 3] + 1.5 * (X[:, 5] < 0.6) + 2 * X[:, 6] * X[:, 7] + np.sin(X[:, 1] / 3000) - 1.5
    y = (r.random(n) < 1 / (1 + np.exp(-z))).astype(np.float32)
    X[r.random(X.shape) < 0.05] = np.nan
    return X, y


X, y = rows(100_000)
b = xgb.train(dict(objective="binary:logistic", tree_method="hist", max_depth=6, eta=0.3, nthread=2), xgb.DMatrix(X, y), 100)
path = os.path.join(d, "model.json")
b.save_model(path)
del X, y
X, _ = rows(1_000_000)
X.tofile(os.path.join(d, "rows.f32"))
X = np.fromfile(os.path.join(d, "rows.f32"), np.float32).reshape(-1, 12)

lib = xgb.core._LIB
one = np.array(X[0], np.float32).reshape(1, 12)
array = json.dumps(dict(data=[one.ctypes.data, True], shape=[1, 12], strides=None, typestr="<f4", version=3)).encode()
config = json.dumps(dict(type=1, training=False, iteration_begin=0, iteration_end=0, missing=float("nan"),
                         strict_shape=False, cache_id=0)).encode()
timer = None
cc = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
if cc:
    timer = os.path.join(d, "row")
    source = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "row.c")
    if subprocess.run([cc, "-O2", "-o", timer, source, "-ldl"]).returncode:
        timer = None
library = os.path.join(os.path.dirname(xgb.__file__), "lib", "libxgboost.so")
if not os.path.exists(library):
    timer = None
margin = b.inplace_predict(one, predict_type="margin")[0]
shape, dim, out = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64(), ctypes.POINTER(ctypes.c_float)()


def timed(f):
    t = time.perf_counter()
    f()
    return time.perf_counter() - t


def threads(n):
    b.set_param({"nthread": int(n)})


def run(cmd, *a):
    if cmd == "predict":
        threads(a[0])
        D = xgb.DMatrix(X)
        return min(timed(lambda: b.inplace_predict(X, predict_type="margin")), timed(lambda: b.predict(D, output_margin=True)))
    if cmd == "contributions":
        threads(a[0])
        D = xgb.DMatrix(X[:4000])
        return timed(lambda: b.predict(D, pred_contribs=True))
    if cmd == "row" and timer:
        args = [timer, library, path, os.path.join(d, "rows.f32"), "12", "20000"]
        seconds, answer = subprocess.run(args, check=True, capture_output=True, text=True).stdout.split()
        if np.float32(answer) != margin:
            raise RuntimeError("row.c answers %s, Python %s" % (answer, margin))
        return float(seconds)
    if cmd == "row":
        threads(1)
        n = 2000
        t = time.perf_counter()
        for _ in range(n):
            if lib.XGBoosterPredictFromDense(b.handle, array, config, None, ctypes.byref(shape), ctypes.byref(dim), ctypes.byref(out)):
                raise RuntimeError(lib.XGBGetLastError())
        return (time.perf_counter() - t) / n
    if cmd == "load":
        return timed(lambda: xgb.Booster(model_file=path))
    if cmd == "peak":
        for line in open("/proc/self/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    raise ValueError(cmd)


print("ready %s, rows by %s" % (xgb.__version__, "row.c" if timer else "ctypes"), flush=True)
for line in sys.stdin:
    print(run(*line.split()), flush=True)
