"""Answers of an installed XGBoost for models that Sluice wrote.

    python answer.py DIR

For every DIR/*.json and DIR/*.ubj with a DIR/<stem>.f32 (rows of as many
float32 as the model has features) it writes DIR/<file>.margin, float32, and
the version to DIR/version.
"""
import glob, os, sys

import numpy as np
import xgboost as xgb

d = sys.argv[1]
open(os.path.join(d, "version"), "w").write(xgb.__version__)
for path in sorted(glob.glob(os.path.join(d, "*.json")) + glob.glob(os.path.join(d, "*.ubj"))):
    try:
        b = xgb.Booster(params=dict(nthread=1), model_file=path)
    except xgb.core.XGBoostError as e:
        with open(path + ".refused", "w") as f:
            f.write(str(e).splitlines()[0])
        continue
    X = np.fromfile(os.path.splitext(path)[0] + ".f32", np.float32).reshape(-1, b.num_features())
    kw = {}
    if b.feature_names:
        kw["feature_names"] = b.feature_names
    if b.feature_types:
        kw["feature_types"] = b.feature_types
        kw["enable_categorical"] = "c" in b.feature_types
    rounds = {} if "gblinear" in path else dict(iteration_range=(0, b.num_boosted_rounds()))
    m = b.predict(xgb.DMatrix(X, **kw), output_margin=True, **rounds)
    np.ascontiguousarray(m, np.float32).tofile(path + ".margin")
