package gbtree

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"sluice/featurestore/fault"
)

func TestParseParams(t *testing.T) {
	want := DefaultParams()
	want.Eta, want.Lambda, want.Alpha, want.Gamma = 0.1, 2, 0.5, 1
	want.Seed, want.NThread, want.MaxDepth, want.MaxBin = 9, 3, 4, 64
	base := float32(0.25)
	want.BaseScore = &base
	want.EvalMetric = []string{"auc", "logloss"}
	want.MonotoneConstraints = []int{1, 0, -1}
	want.InteractionConstraints = [][]int{{0, 1}, {2}}
	for name, m := range map[string]map[string]any{
		"numbers": {
			"eta": 0.1, "lambda": 2.0, "alpha": 0.5, "gamma": 1, "seed": 9, "nthread": 3, "max_depth": 4, "max_bin": 64, "base_score": 0.25,
			"eval_metric": []any{"auc", "logloss"}, "monotone_constraints": []any{1.0, 0.0, -1.0}, "interaction_constraints": []any{[]any{0.0, 1.0}, []any{2.0}},
		},
		"text and aliases": {
			"learning_rate": "0.1", "reg_lambda": "2", "reg_alpha": " 0.5", "min_split_loss": "1", "random_state": "9", "n_jobs": "3", "max_depth": "4", "max_bin": "64",
			"base_score": "[2.5E-1]", "eval_metric": "auc, logloss", "monotone_constraints": "(1,0,-1)", "interaction_constraints": "[[0, 1], [2]]",
		},
		"values that change nothing": {
			"eta": json.Number("0.1"), "lambda": 2, "alpha": float32(0.5), "gamma": int64(1), "seed": int64(9), "nthread": 3, "max_depth": 4, "max_bin": 64,
			"base_score": []any{0.25}, "eval_metric": []string{"auc", "logloss"}, "monotone_constraints": []int{1, 0, -1}, "interaction_constraints": [][]int{{0, 1}, {2}},
			"booster": "gbtree", "device": "cpu", "tree_method": "auto", "verbosity": 2, "validate_parameters": true, "num_class": 1,
			"seed_per_iteration": "False", "refresh_leaf": 1, "sampling_method": "uniform", "max_leaves": nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseParams(m)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
	if p, err := ParseParams(map[string]any{"n_jobs": -1}); err != nil || p.NThread != 0 {
		t.Errorf("n_jobs=-1: %d %v", p.NThread, err)
	}
}

func TestParseParamsRefuses(t *testing.T) {
	for _, c := range []struct {
		m    map[string]any
		kind fault.Kind
		want string
	}{
		{map[string]any{"learning_rte": 0.1}, fault.Invalid, "did you mean learning_rate?"},
		{map[string]any{"MaxDepth": 3}, fault.Invalid, "did you mean max_depth?"},
		{map[string]any{"eta": 0.1, "learning_rate": 0.2}, fault.Invalid, "eta and learning_rate are the same"},
		{map[string]any{"eta": true}, fault.Invalid, "eta: found a boolean, expected a number"},
		{map[string]any{"eta": "fast"}, fault.Invalid, `eta: "fast" is not a number`},
		{map[string]any{"eta": -1}, fault.Invalid, "eta is -1"},
		{map[string]any{"gamma": "nan"}, fault.Invalid, "gamma is NaN"},
		{map[string]any{"subsample": 1.5}, fault.Invalid, "subsample is 1.5; expected a number in [0, 1]"},
		{map[string]any{"max_depth": 2.5}, fault.Invalid, "not a whole number"},
		{map[string]any{"max_depth": -1}, fault.Invalid, "max_depth is -1"},
		{map[string]any{"max_depth": 40}, fault.Invalid, "at most 30"},
		{map[string]any{"max_bin": 1}, fault.Invalid, "max_bin is 1; expected 2 to 65535"},
		{map[string]any{"tree_method": "approx"}, fault.Unsupported, "tree_method approx is not supported"},
		{map[string]any{"tree_method": "fast"}, fault.Invalid, `tree_method "fast" is not known`},
		{map[string]any{"grow_policy": "breadth"}, fault.Invalid, "depthwise or lossguide"},
		{map[string]any{"objective": "multi:softprob", "num_class": 3}, fault.Unsupported, "num_class=3 is not supported"},
		{map[string]any{"objective": "multi:softprob"}, fault.Unsupported, `objective "multi:softprob" is not supported`},
		{map[string]any{"booster": "dart"}, fault.Unsupported, "booster=dart is not supported; only gbtree is"},
		{map[string]any{"device": "cuda"}, fault.Unsupported, "device=cuda"},
		{map[string]any{"enable_categorical": true}, fault.Unsupported, "enable_categorical=true"},
		{map[string]any{"max_cat_to_onehot": 4}, fault.Unsupported, "categorical features are not supported"},
		{map[string]any{"n_estimators": 100}, fault.Unsupported, "num_boost_round"},
		{map[string]any{"eval_metric": "map"}, fault.Unsupported, `metric "map" is not supported`},
		{map[string]any{"eval_metric": "error@x"}, fault.Invalid, "not a threshold"},
		{map[string]any{"eval_metric": "auc@2"}, fault.Unsupported, "takes no threshold"},
		{map[string]any{"base_score": 1.5}, fault.Invalid, "expects a probability"},
		{map[string]any{"monotone_constraints": "(2)"}, fault.Invalid, "expected -1, 0 or 1"},
		{map[string]any{"interaction_constraints": "[0,1]"}, fault.Invalid, "list of lists"},
		{map[string]any{"interaction_constraints": [][]int{{-1}}}, fault.Invalid, "negative"},
		{map[string]any{"tree_method": Exact, "max_depth": 0}, fault.Unsupported, "max_depth > 0"},
		{map[string]any{"tree_method": Exact, "colsample_bynode": 0.5}, fault.Unsupported, "does not sample columns by node"},
	} {
		_, err := ParseParams(c.m)
		if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: want %s %q, got %s %v", c.m, c.kind, c.want, fault.KindOf(err), err)
		}
	}
}

// FuzzParseParams wants an answer or an error for any JSON object, and what is
// accepted to mean the same after a round trip.
func FuzzParseParams(f *testing.F) {
	for _, s := range []string{
		`{}`,
		`{"eta":0.1,"max_depth":3,"objective":"reg:squarederror"}`,
		`{"monotone_constraints":"(1,0,-1)","interaction_constraints":[[0,1],[2]]}`,
		`{"eval_metric":["auc","error@0.3"],"base_score":"[5E-1]"}`,
		`{"learning_rte":1}`,
		`{"seed":1e300,"max_bin":"64","num_class":1}`,
		`{"tree_method":"exact","colsample_bylevel":0.5,"gamma":1e-45}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var m map[string]any
		if json.Unmarshal([]byte(s), &m) != nil {
			return
		}
		p, err := ParseParams(m)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown || strings.Contains(err.Error(), "\n") && !strings.Contains(s, `\n`) {
				t.Fatalf("an error without a kind or of several lines: %v", err)
			}
			return
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again map[string]any
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		q, err := ParseParams(again)
		if err != nil || q.Fingerprint() != p.Fingerprint() {
			t.Fatalf("%s comes back as another: %v", b, err)
		}
	})
}
