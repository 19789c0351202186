"""Trains with the installed XGBoost what the tests hand over.

Each line on stdin names a folder with case.json, x.bin, y.bin and, where
case.json says so, w.bin and the same files with the prefix "valid_" (float32,
little endian). Written there: model.json, margin.bin, evals.json, cuts.bin and
indptr.json. One line is answered per folder: "ok", the seconds spent on the
matrix and on training, the processor seconds of the same and the process's
largest resident size in KiB, or "error" and the reason.
"""
import json
import sys
import time

import numpy as np
import xgboost as xgb


def arrays(folder, case, prefix):
    x = np.fromfile(f"{folder}/{prefix}x.bin", "<f4").reshape(-1, case["cols"])
    y = np.fromfile(f"{folder}/{prefix}y.bin", "<f4")
    w = np.fromfile(f"{folder}/{prefix}w.bin", "<f4") if case["weights"] else None
    return x, y, w


def matrix(case, x, y, w):
    return xgb.DMatrix(x, y, weight=w, nthread=case["params"]["nthread"])


def peak_kib():
    """The largest resident size of this program; ru_maxrss would count its parent's too."""
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return 0


def run(folder):
    with open(f"{folder}/case.json") as f:
        case = json.load(f)
    data = arrays(folder, case, "")
    cpu, start = time.process_time(), time.perf_counter()
    d = matrix(case, *data)
    evals, history = [], {}
    if case["evals"]:
        evals = [(d, "train")]
        if case["valid"]:
            evals.append((matrix(case, *arrays(folder, case, "valid_")), "valid"))
    b = xgb.train(case["params"], d, case["rounds"], evals=evals, evals_result=history,
                  verbose_eval=False, early_stopping_rounds=case["early_stopping_rounds"] or None)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = peak_kib()
    b.save_model(f"{folder}/model.json")
    every = (0, b.num_boosted_rounds())
    b.predict(d, output_margin=True, iteration_range=every).astype("<f4").tofile(f"{folder}/margin.bin")
    with open(f"{folder}/evals.json", "w") as f:
        json.dump(history, f)
    if case["params"]["tree_method"] == "hist":
        indptr, cuts = d.get_quantile_cut()
        cuts.astype("<f4").tofile(f"{folder}/cuts.bin")
        with open(f"{folder}/indptr.json", "w") as f:
            json.dump([int(i) for i in indptr], f)
    return seconds, cpu, peak


def main():
    print(xgb.__version__, flush=True)
    for line in sys.stdin:
        try:
            print("ok", *run(line.strip()), flush=True)
        except Exception as e:  # the test decides what a refusal means
            print("error", type(e).__name__, str(e).replace("\n", " ")[:300], flush=True)


if __name__ == "__main__":
    main()
