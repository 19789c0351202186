"""Golden files: models, dumps and answers of XGBoost itself, for the tests.

    python gen.py OUT [case ...]     with the XGBoost and numpy to be recorded

writes OUT/<version>/<case>.zip, every time with the same dates inside:

    model.json model.ubj model.bin   what save_model wrote (bin: the old binary form, up to 3.0)
    dump.txt dump_stats.txt dump.json dump_stats.json
    input.f32                        rows to answer, row-major float32, NaN is missing
    margin.f32 proba.f32 leaf.i32    over all rounds
    contribs.f32 interactions.f32    the latter for the first rows only
    range.f32                        margins of the iteration_range in facts.json
    mixed.f32 mixed_margin.f32       rows with both infinities, answered in place
    facts.json                       shapes, importances, attributes, version

Rows include values exactly on split thresholds and one step to either side,
the limits of float32, and rows with everything missing.
"""
import io, json, os, sys, tempfile, zipfile

import numpy as np
import xgboost as xgb

F = np.float32
V = tuple(int(p) for p in xgb.__version__.split(".")[:2])
NAMES = ("request_count response_size_mean uri_query_count not_null_referer_ratio user_agent_count "
         "not_null_accept_language_ratio is_pageview_ratio desktop_ratio mobile_web_ratio mobile_app_ratio "
         "not_null_referer_class_ratio spider_ratio").split()


def traffic(n, seed, missing=0.0):
    """Rows that look like the twelve columns, and a score that depends on them."""
    r = np.random.default_rng(seed)
    X = np.zeros((n, 12), F)
    X[:, 0] = 1 + np.floor(np.exp(r.normal(2, 1.5, n)))
    X[:, 1] = np.exp(r.normal(9, 1, n))
    X[:, 2] = 1 + np.floor((X[:, 0] - 1) * r.random(n))
    X[:, 3] = np.round(r.beta(2, 1, n), 2)
    X[:, 4] = 1 + r.poisson(0.5, n)
    X[:, 5] = r.beta(3, 1, n)
    X[:, 6] = r.beta(1, 2, n)
    X[:, 7:10] = r.dirichlet([2, 2, 0.5], n)
    X[:, 10] = np.clip(0.8 * X[:, 3] + 0.1 * r.normal(size=n), 0, 1)
    X[:, 11] = np.where(r.random(n) < 0.2, r.random(n), 0)
    z = np.log(X[:, 0]) - 2 * X[:, 3] + 1.5 * (X[:, 5] < 0.6) + 2 * X[:, 6] * X[:, 7] + np.sin(X[:, 1] / 3000) - 1.5
    if missing:
        X[r.random(X.shape) < missing] = np.nan
    return X, z.astype(np.float64), r


def questions(X, thresholds):
    """Rows to answer: ordinary ones, with gaps, at the limits, on thresholds."""
    r = np.random.default_rng(5)
    nf = X.shape[1]
    a = X[:45].copy()
    b = X[45:75].copy()
    b[r.random(b.shape) < 0.3] = np.nan
    big = np.finfo(F).max
    edge = np.array([0.0, -0.0, 1, -1, big, -big, np.finfo(F).tiny, 1e-45, -1e-45, np.nan, 16777217, 0.1], F)
    c = np.stack([np.full(nf, e, F) for e in edge])
    d = r.choice(edge, (20, nf)).astype(F)
    e = X[75:120].copy()
    for i in range(len(e)):
        for f in range(nf):
            t = [v for g, v in thresholds if g == f and np.isfinite(v)]
            if t and r.random() < 0.6:
                v = F(t[r.integers(len(t))])
                e[i, f] = (v, np.nextafter(v, F(-np.inf)), np.nextafter(v, F(np.inf)))[i % 3]
    return np.ascontiguousarray(np.vstack([a, b, c, d, e]), F)


def thresholds(model):
    g = model["learner"]["gradient_booster"]
    g = g.get("gbtree", g)
    return [(t["split_indices"][i], t["split_conditions"][i])
            for t in g["model"].get("trees", []) for i, l in enumerate(t["left_children"]) if l != -1]


def ask(b, Q, kw, **how):
    """Predict through a DMatrix. It refuses infinities, but for the one that
    it is told to take for missing, so rows with +Inf are asked with
    missing=-Inf and rows with -Inf with missing=+Inf; NaN is missing anyway."""
    plus = np.isposinf(Q).any(axis=1)
    if not np.isinf(Q).any():
        return b.predict(xgb.DMatrix(Q, **kw), **how)
    if np.isneginf(Q[plus]).any():
        raise AssertionError("a row has both infinities: no DMatrix takes it")
    up = b.predict(xgb.DMatrix(Q[plus], missing=-np.inf, **kw), **how)
    down = b.predict(xgb.DMatrix(Q[~plus], missing=np.inf, **kw), **how)
    out = np.empty((len(Q),) + up.shape[1:], up.dtype)
    out[plus], out[~plus] = up, down
    return out


def save(out, name, params, rounds, X, y, names=True, types=None, weight=None, missing_rows=None, early=None,
         bounds=None, group=None, rng=None, inputs=None, mixed=None):
    p = dict(nthread=1, seed=0, verbosity=0, **params)
    kw = {}
    if types:
        kw["feature_types"] = types
        if "c" in types:
            kw["enable_categorical"] = True
    if names:
        kw["feature_names"] = NAMES[:X.shape[1]]
    D = xgb.DMatrix(X, None if bounds else y, weight=weight, **kw)
    if bounds:
        D.set_float_info("label_lower_bound", bounds[0])
        D.set_float_info("label_upper_bound", bounds[1])
    if group:
        D.set_group(group)
    tk = {}
    if early:
        E = xgb.DMatrix(early[0], early[1], **kw)
        tk = dict(evals=[(E, "valid")], early_stopping_rounds=3, verbose_eval=False)
    b = xgb.train(p, D, rounds, **tk)
    linear = params.get("booster") == "gblinear"
    files = {}
    with tempfile.TemporaryDirectory() as tmp:
        def keep(file, write, as_=None):
            try:
                path = os.path.join(tmp, file)
                write(path)
                with open(path, "rb") as f:
                    files[as_ or file] = f.read()
            except Exception as e:  # the version cannot: the file is left out
                print(name, as_ or file, str(e).splitlines()[0], file=sys.stderr)
        keep("model.json", b.save_model)
        if V >= (1, 6):
            keep("model.ubj", b.save_model)
        if V <= (3, 0):
            keep("model.deprecated" if V >= (2, 1) else "model.model", b.save_model, "model.bin")
        keep("dump.txt", b.dump_model)
        keep("dump_stats.txt", lambda f: b.dump_model(f, with_stats=True))
        keep("dump.json", lambda f: b.dump_model(f, dump_format="json"))
        keep("dump_stats.json", lambda f: b.dump_model(f, with_stats=True, dump_format="json"))
    model = json.loads(files["model.json"])
    Q = questions(X, thresholds(model)) if inputs is None else inputs(X, thresholds(model))
    if linear:
        Q = Q[:75]
    facts = dict(version=xgb.__version__, rows=len(Q), attributes=b.attributes(), rounds=rounds)

    def put(file, a, t):
        files[file] = np.ascontiguousarray(a, t).tobytes()
    put("input.f32", Q, F)
    full = {} if V < (1, 4) or linear else dict(iteration_range=(0, b.num_boosted_rounds()))
    if V < (1, 4) and early:
        full = dict(ntree_limit=0)
    put("margin.f32", ask(b, Q, kw, output_margin=True, **full), F)
    put("proba.f32", ask(b, Q, kw, **full), F)
    if not linear:
        put("leaf.i32", ask(b, Q, kw, pred_leaf=True, **full), np.int32)
    try:
        put("contribs.f32", ask(b, Q, kw, pred_contribs=True, **full), F)
        put("interactions.f32", ask(b, Q[:130:13], kw, pred_interactions=True, **full), F)
    except Exception as e:
        print(name, "contributions:", str(e).splitlines()[0], file=sys.stderr)
    if rng and V >= (1, 4):
        facts["range"] = rng
        put("range.f32", ask(b, Q, kw, output_margin=True, iteration_range=tuple(rng)), F)
    if mixed is not None:
        def in_place(rows):
            return b.inplace_predict(rows, predict_type="margin", validate_features=False)
        try:
            # Up to 3.3, dart adds in another order in place than over a DMatrix.
            if in_place(Q).astype(F).tobytes() == files["margin.f32"]:
                put("mixed.f32", mixed, F)
                put("mixed_margin.f32", in_place(mixed), F)
            else:
                print(name, "in place, the margins differ: no mixed rows", file=sys.stderr)
        except xgb.core.XGBoostError as e:
            print(name, "in place:", str(e).splitlines()[0], file=sys.stderr)
    imp = {}
    for k in ("weight", "gain", "cover", "total_gain", "total_cover"):
        try:
            imp[k] = b.get_score(importance_type=k)
        except Exception:
            pass
    facts["importance"] = imp
    files["facts.json"] = json.dumps(facts, indent=1, sort_keys=True).encode()
    pack(out, name, files)


def pack(out, name, files):
    folder = os.path.join(out, xgb.__version__)
    os.makedirs(folder, exist_ok=True)
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for f in sorted(files):
            i = zipfile.ZipInfo(f, (2024, 1, 1, 0, 0, 0))
            i.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(i, files[f])
    with open(os.path.join(folder, name + ".zip"), "wb") as f:
        f.write(buf.getvalue())


CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


BASE = dict(objective="binary:logistic", max_depth=4, eta=0.3, tree_method="hist")


def binary(missing=0.0, n=700, seed=11):
    X, z, r = traffic(n, seed, missing)
    return X, (r.random(n) < 1 / (1 + np.exp(-z))).astype(F)


def real(missing=0.0, n=700, seed=11):
    X, z, r = traffic(n, seed, missing)
    return X, (z + 0.3 * r.normal(size=n)).astype(F)


def positive():
    X, z, r = traffic(700, 11)
    return X, r.poisson(np.exp(np.clip(z, -2, 2))).astype(F) + F(0.5)


def simple(name, params, rounds=8, data=binary, **kw):
    def run(out):
        X, y = data()
        save(out, name, dict(BASE, **params), rounds, X, y, **kw)
    CASES[name] = run


simple("logistic", {}, rng=(2, 6))
simple("defaults", {k: None for k in ()} | dict(max_depth=6, tree_method="auto"), rounds=5)
simple("nonames", {}, rounds=4, names=False)
simple("missing", {}, rounds=10, data=lambda: binary(0.2))
simple("base_score", dict(base_score=0.2), rounds=4)
simple("scale_pos_weight", dict(scale_pos_weight=3.7), rounds=4)
simple("monotone", dict(monotone_constraints="(1,0,0,-1,0,0,1,0,0,0,0,0)"), rounds=4)
simple("early_stop", dict(eta=0.9, eval_metric="logloss"), rounds=40, early=binary(seed=12), rng=(0, 3))
simple("dart", dict(booster="dart", rate_drop=0.3, skip_drop=0.2), rounds=10, data=lambda: binary(0.1), rng=(0, 7))
simple("dart_multi", dict(booster="dart", rate_drop=0.3, objective="multi:softprob", num_class=3, max_depth=3), rounds=4,
       data=lambda: (real()[0], np.digitize(real()[1], [-1, 1]).astype(F)))
for o in ("softprob", "softmax"):
    simple("multi_" + o, dict(objective="multi:" + o, num_class=3, max_depth=3), rounds=4, rng=(1, 3),
           data=lambda: (real(0.1)[0], np.digitize(real()[1], [-1, 1]).astype(F)))
simple("single_leaf", dict(gamma=1e9), rounds=3)
simple("lossguide", dict(grow_policy="lossguide", max_leaves=15, max_depth=0), rounds=5)
simple("lossguide_deep", dict(grow_policy="lossguide", max_leaves=48, max_depth=0, min_child_weight=0, reg_lambda=0), rounds=2, data=lambda: binary(0.1))
simple("deep", dict(max_depth=9, min_child_weight=0), rounds=3, data=lambda: binary(0.1))
simple("exact_gamma", dict(tree_method="exact", gamma=2, max_depth=5), rounds=5)
simple("approx", dict(tree_method="approx"), rounds=4)
simple("parallel_tree", dict(num_parallel_tree=3, subsample=0.7, colsample_bynode=0.7), rounds=3, rng=(1, 3))
for o in ("binary:logitraw", "binary:hinge", "reg:logistic"):
    simple(o.replace(":", "_"), dict(objective=o), rounds=4)
for o in ("reg:squarederror", "reg:pseudohubererror"):
    simple(o.replace(":", "_"), dict(objective=o), rounds=4, data=lambda: real(0.1))
if V >= (1, 7):
    simple("reg_absoluteerror", dict(objective="reg:absoluteerror"), rounds=4, data=real)
simple("reg_base_score", dict(objective="reg:squarederror", base_score=-1.25), rounds=4, data=real)
for o in ("count:poisson", "reg:gamma", "reg:tweedie", "reg:squaredlogerror", "survival:cox"):
    simple(o.replace(":", "_"), dict(objective=o), rounds=4, data=positive)
if V >= (2, 0):
    simple("reg_quantileerror", dict(objective="reg:quantileerror", quantile_alpha=0.8), rounds=4, data=real)
    simple("quantiles", dict(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], max_depth=3), rounds=3, data=real, rng=(1, 2))
    simple("vector_leaf", dict(objective="reg:squarederror", multi_strategy="multi_output_tree", max_depth=2), rounds=2,
           data=lambda: (real()[0], np.c_[real()[1], -real()[1]]))
if V >= (1, 6):
    simple("two_targets", dict(objective="reg:squarederror", max_depth=3), rounds=3, rng=(1, 3),
           data=lambda: (real()[0], np.c_[real()[1], real()[1] ** 2]))
for o in ("ndcg", "pairwise"):
    simple("rank_" + o, dict(objective="rank:" + o), rounds=3, group=[70] * 10,
           data=lambda: (real()[0], np.digitize(real()[1], [-1, 0, 1]).astype(F)))
simple("gblinear_logistic", dict(booster="gblinear", updater="coord_descent", feature_selector="cyclic"), rounds=5)
simple("gblinear_multi", dict(booster="gblinear", updater="coord_descent", objective="multi:softprob", num_class=3), rounds=3,
       data=lambda: (real()[0], np.digitize(real()[1], [-1, 1]).astype(F)))


@case
def aft(out):
    X, y = positive()
    save(out, "aft", dict(BASE, objective="survival:aft"), 3, X, y, bounds=(y, y * F(1.5)))


@case
def categorical(out):
    if V < (1, 6):
        return
    r = np.random.default_rng(3)
    n = 500
    X = np.c_[r.integers(0, 9, n), r.integers(0, 3, n), r.integers(0, 60, n), r.normal(size=n), r.integers(0, 2, n)].astype(F)
    y = ((X[:, 0] % 3 == 1) + 0.3 * X[:, 3] + 0.4 * X[:, 4] + 0.5 * (X[:, 2] % 7 < 3) + 0.1 * r.normal(size=n) > 0.6).astype(F)
    X[r.random(X.shape) < 0.1] = np.nan

    def inputs(X, t):
        Q = X[:120].copy()
        Q[60:70, 0] = np.arange(60, 70)   # never seen
        Q[70:75, 2] = [59, 60, 1000, 3.7, 8.2]
        return Q
    for name, k in (("categorical_onehot", 100), ("categorical_partition", 1)):
        p = dict(BASE, max_cat_to_onehot=k)
        if V < (1, 7) and k == 1:
            continue
        save(out, name, p, 4, X, y, names=False, types=["c", "c", "c", "float", "float"], inputs=inputs)


@case
def frames(out):
    """Categories of a data frame, which 3.1 and later keep in the model."""
    try:
        import pandas as pd
    except ImportError:
        return
    if V < (3, 1):
        return
    r = np.random.default_rng(3)
    n = 300
    country = r.choice(["au", "be", "cl", "dk", "es"], n)
    port = r.integers(5, 9, n) * 10
    v = r.normal(size=n).astype(F)
    y = ((country == "cl") + 0.4 * v + 0.3 * (port == 60) > 0.5).astype(F)
    for name, frame in (("string_categories", dict(country=pd.Categorical(country), v=v)),
                        ("integer_categories", dict(v=v, port=pd.Categorical(port)))):
        b = xgb.train(dict(BASE, max_depth=3, nthread=1, seed=0), xgb.DMatrix(pd.DataFrame(frame), y, enable_categorical=True), 2)
        pack(out, name, {"model.json": bytes(b.save_raw("json")), "model.ubj": bytes(b.save_raw("ubj")),
                         "facts.json": json.dumps(dict(version=xgb.__version__)).encode()})


@case
def types(out):
    r = np.random.default_rng(0)
    n = 400
    X = np.c_[r.integers(0, 50, n), r.normal(size=n), r.integers(0, 2, n)].astype(F)
    y = ((X[:, 0] > 10) + 0.3 * X[:, 1] + 0.3 * X[:, 2] + 0.1 * r.normal(size=n) > 0.9).astype(F)
    for tm in ("exact", "hist"):
        save(out, "types_" + tm, dict(BASE, tree_method=tm), 3, X, y, types=["int", "float", "i"])


@case
def one_feature(out):
    X, y = binary(0.3)
    save(out, "one_feature", dict(BASE, max_depth=2), 3, X[:, :1].copy(), y)


@case
def escapes(out):
    X, y = binary()
    X = X[:, [0, 3, 5]].copy()
    global NAMES
    old, NAMES = NAMES, ['a "quoted" name', "tab\tand \\ backslash", "für naïve \u4e2d\u6587"]
    try:
        save(out, "escapes", dict(BASE, max_depth=2), 2, X, y)
    finally:
        NAMES = old


def infinite(X, t):
    """Rows with one infinity each way, beside gaps and thresholds."""
    Q = questions(X, t)[30:130].copy()
    r = np.random.default_rng(6)
    sign = np.where(np.arange(len(Q)) % 2, F(np.inf), F(-np.inf))[:, None]
    Q = np.where(r.random(Q.shape) < 0.35, sign, Q)
    nf = Q.shape[1]
    one = np.concatenate([np.where(np.eye(nf, dtype=bool), s, X[:nf]) for s in (F(np.inf), F(-np.inf))])
    return np.ascontiguousarray(np.vstack([Q, one, np.full((1, nf), np.inf), np.full((1, nf), -np.inf)]), F)


def both(X):
    """Rows in which +Inf, -Inf, NaN and numbers stand side by side."""
    r = np.random.default_rng(7)
    Q = X[:80].copy()
    u = r.random(Q.shape)
    Q[u < 0.25] = np.inf
    Q[u > 0.75] = -np.inf
    Q[(u > 0.45) & (u < 0.55)] = np.nan
    return np.ascontiguousarray(Q, F)


@case
def infinities(out):
    if V < (1, 4):
        return
    X, y = binary(0.15)
    r = np.random.default_rng(9)
    X[r.random(len(y)) < 0.3 + 0.4 * y, 4] = np.nan  # splits on presence: thresholds of -Infinity
    X[:, 9] = np.where(r.random(len(y)) < 0.5 * y, np.nan, 1)
    for name, p in (("inf_numeric", {}), ("inf_deep", dict(max_depth=9, min_child_weight=0)), ("inf_dart", dict(booster="dart", rate_drop=0.3)),
                    ("inf_multi", dict(objective="multi:softprob", num_class=3, max_depth=3))):
        label = np.digitize(real()[1], [-1, 1]).astype(F) if name == "inf_multi" else y
        save(out, name, dict(BASE, **p), 4, X, label, inputs=infinite, mixed=both(X))
    if V < (1, 7):
        return
    r = np.random.default_rng(3)
    n = 500
    X = np.c_[r.integers(0, 9, n), r.integers(0, 60, n), r.normal(size=n), r.integers(0, 40, n)].astype(F)
    y = ((X[:, 0] % 3 == 1) + 0.3 * X[:, 2] + 0.5 * (X[:, 1] % 7 < 3) + 0.3 * (X[:, 3] > 20) + 0.1 * r.normal(size=n) > 0.8).astype(F)
    X[r.random(X.shape) < 0.1] = np.nan
    for name, k in (("inf_onehot", 100), ("inf_partition", 1)):
        save(out, name, dict(BASE, max_cat_to_onehot=k), 4, X, y, names=False, types=["c", "c", "float", "c"],
             inputs=infinite, mixed=both(X))


@case
def gaps(out):
    """Splits on presence alone: thresholds at minus infinity where the version makes them."""
    X, y = binary()
    r = np.random.default_rng(9)
    X[r.random(len(y)) < 0.3 + 0.4 * y, 4] = np.nan
    X[:, 9] = np.where(r.random(len(y)) < 0.5 * y, np.nan, 1)
    save(out, "gaps", dict(BASE), 5, X, y)


FEW = ("logistic missing dart dart_multi multi_softprob early_stop lossguide_deep exact_gamma parallel_tree count_poisson "
       "quantiles two_targets categorical gblinear_logistic gaps types vector_leaf base_score infinities").split()

if __name__ == "__main__":
    out = sys.argv[1]
    chosen = sys.argv[2:]
    if not chosen:
        chosen = list(CASES) if V in ((1, 7), (3, 4)) else FEW
    for name in chosen:
        if name == "types" and V < (1, 3):
            continue  # its JSON dump of indicators is no JSON
        if name in CASES:
            try:
                CASES[name](out)
            except Exception as e:
                print(xgb.__version__, name, "left out:", str(e).splitlines()[0], file=sys.stderr)
