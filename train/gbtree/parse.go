package gbtree

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
)

// aliases are other names of parameters.
var aliases = map[string]string{
	"learning_rate":  "eta",
	"min_split_loss": "gamma",
	"reg_lambda":     "lambda",
	"reg_alpha":      "alpha",
	"random_state":   "seed",
	"n_jobs":         "nthread",
}

// setters write one parameter from a value of a JSON or YAML document or of a
// command line.
var setters = map[string]func(p *Params, v any) error{
	"objective":   func(p *Params, v any) error { return setString(&p.Objective, v) },
	"eval_metric": setMetrics,
	"base_score":  setBaseScore,
	"tree_method": setTreeMethod,
	"grow_policy": func(p *Params, v any) error { return setString(&p.GrowPolicy, v) },
	"seed":        setSeed,
	"max_depth":   func(p *Params, v any) error { return setInt(&p.MaxDepth, v) },
	"max_leaves":  func(p *Params, v any) error { return setInt(&p.MaxLeaves, v) },
	"max_bin":     func(p *Params, v any) error { return setInt(&p.MaxBin, v) },
	"nthread":     setThreads,
	"eta":         func(p *Params, v any) error { return setFloat(&p.Eta, v) },
	"gamma":       func(p *Params, v any) error { return setFloat(&p.Gamma, v) },
	"lambda":      func(p *Params, v any) error { return setFloat(&p.Lambda, v) },
	"alpha":       func(p *Params, v any) error { return setFloat(&p.Alpha, v) },
	"subsample":   func(p *Params, v any) error { return setFloat(&p.Subsample, v) },
	"colsample_bytree": func(p *Params, v any) error {
		return setFloat(&p.ColsampleByTree, v)
	},
	"colsample_bylevel": func(p *Params, v any) error {
		return setFloat(&p.ColsampleByLevel, v)
	},
	"colsample_bynode": func(p *Params, v any) error { return setFloat(&p.ColsampleByNode, v) },
	"max_delta_step":   func(p *Params, v any) error { return setFloat(&p.MaxDeltaStep, v) },
	"min_child_weight": func(p *Params, v any) error { return setFloat(&p.MinChildWeight, v) },
	"scale_pos_weight": func(p *Params, v any) error { return setFloat(&p.ScalePosWeight, v) },
	"num_parallel_tree": func(p *Params, v any) error {
		return setInt(&p.NumParallelTree, v)
	},
	"monotone_constraints":    setMonotone,
	"interaction_constraints": setInteraction,
}

// fixed are XGBoost parameters that are read but have one value here; "*" is
// any, for those that change no result.
var fixed = map[string]string{
	"booster":                     "gbtree",
	"device":                      "cpu",
	"process_type":                "default",
	"sampling_method":             "uniform",
	"multi_strategy":              "one_output_per_tree",
	"seed_per_iteration":          "false",
	"refresh_leaf":                "true",
	"disable_default_eval_metric": "false",
	"enable_categorical":          "false",
	"num_class":                   "0",
	"verbosity":                   "*",
	"validate_parameters":         "*",
}

// refused are XGBoost parameters that are not supported, with what to do.
var refused = map[string]string{
	"max_cat_to_onehot":              "categorical features are not supported",
	"max_cat_threshold":              "categorical features are not supported",
	"updater":                        "choose with tree_method",
	"sparse_threshold":               "it has no meaning here",
	"max_cached_hist_node":           "it has no meaning here",
	"feature_weights":                "columns are sampled evenly",
	"tweedie_variance_power":         "its objective is not supported",
	"huber_slope":                    "its objective is not supported",
	"quantile_alpha":                 "its objective is not supported",
	"expectile_alpha":                "its objective is not supported",
	"aft_loss_distribution":          "its objective is not supported",
	"lambdarank_pair_method":         "ranking is not supported",
	"lambdarank_num_pair_per_sample": "ranking is not supported",
	"rate_drop":                      "booster dart is not supported",
	"skip_drop":                      "booster dart is not supported",
	"one_drop":                       "booster dart is not supported",
	"sample_type":                    "booster dart is not supported",
	"normalize_type":                 "booster dart is not supported",
	"feature_selector":               "booster gblinear is not supported",
	"top_k":                          "booster gblinear is not supported",
	"n_estimators":                   "the number of rounds is an option of training, num_boost_round",
	"num_boost_round":                "the number of rounds is an option of training, not a parameter",
	"num_round":                      "the number of rounds is an option of training, num_boost_round",
	"early_stopping_rounds":          "early stopping is an option of training, not a parameter",
	"missing":                        "missing values are NaN",
	"importance_type":                "it is asked of a model, not of training",
	"predictor":                      "it is asked of a model, not of training",
	"single_precision_histogram":     "histograms are float64",
	"use_label_encoder":              "labels are numbers",
}

// ParseParams reads parameters over the defaults. Values may be numbers, text
// or booleans, lists for the constraints; nil leaves a default. Both names of a
// parameter with aliases at once are refused, and so is any name that is not
// known: the error then names the nearest one that is.
func ParseParams(m map[string]any) (Params, error) {
	p := DefaultParams()
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := m[name]
		key := name
		if a, ok := aliases[name]; ok {
			key = a
		}
		if other, ok := seen[key]; ok {
			return Params{}, fault.Field(fault.Invalid, name, "%s and %s are the same parameter: give one", other, name)
		}
		seen[key] = name
		if v == nil {
			continue
		}
		if err := setParam(&p, name, key, v); err != nil {
			return Params{}, err
		}
	}
	if err := p.Validate(); err != nil {
		return Params{}, err
	}
	return p, nil
}

func setParam(p *Params, name, key string, v any) error {
	if set, ok := setters[key]; ok {
		if err := set(p, v); err != nil {
			kind := fault.Invalid
			if k := fault.KindOf(err); k != fault.Unknown {
				kind = k
			}
			return fault.Field(kind, name, "%s: %w", name, err)
		}
		return nil
	}
	if want, ok := fixed[key]; ok {
		if want == "*" || sameValue(want, v) {
			return nil
		}
		return fault.Field(fault.Unsupported, name, "%s=%v is not supported; only %s is", name, v, want)
	}
	if why, ok := refused[key]; ok {
		return fault.Field(fault.Unsupported, name, "%s is not supported here: %s", name, why)
	}
	return fault.Field(fault.Invalid, name, "%q is not a parameter; did you mean %s?", name, nearest(name))
}

// sameValue compares a value with the text of the only one allowed.
func sameValue(want string, v any) bool {
	switch want {
	case "false", "true":
		switch x := v.(type) {
		case bool:
			return x == (want == "true")
		case string:
			b, err := strconv.ParseBool(strings.ToLower(x))
			return err == nil && b == (want == "true")
		}
		f, err := number(v)
		return err == nil && f == map[string]float64{"false": 0, "true": 1}[want]
	case "0":
		f, err := number(v)
		return err == nil && (f == 0 || f == 1) // one output either way
	}
	s, ok := v.(string)
	return ok && s == want
}

// nearest is the known name at the smallest edit distance.
func nearest(name string) string {
	best, least := "", math.MaxInt
	consider := func(known string) {
		if d := fault.EditDistance(strings.ToLower(name), known); d < least || d == least && known < best {
			best, least = known, d
		}
	}
	for k := range setters {
		consider(k)
	}
	for k := range aliases {
		consider(k)
	}
	return best
}

// number reads any kind of number, or its text.
func number(v any) (float64, error) {
	switch x := v.(type) {
	case float64:
		return x, nil
	case float32:
		return float64(x), nil
	case int:
		return float64(x), nil
	case int32:
		return float64(x), nil
	case int64:
		return float64(x), nil
	case uint64:
		return float64(x), nil
	case json.Number:
		return number(string(x))
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(x), 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number", x)
		}
		return f, nil
	}
	return 0, fmt.Errorf("found %s, expected a number", kindName(v))
}

func kindName(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "a boolean"
	case []any, []int, []string, []float64, [][]int:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", v)
}

func setFloat(dst *float32, v any) error {
	// Text is rounded to float32 once, as XGBoost rounds it.
	if s, ok := v.(json.Number); ok {
		v = string(s)
	}
	if s, ok := v.(string); ok {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 32)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		*dst = float32(f)
		return nil
	}
	f, err := number(v)
	*dst = float32(f)
	return err
}

func setInt(dst *int, v any) error {
	f, err := number(v)
	if err != nil {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return fmt.Errorf("%v is not a whole number within 32 bits", v)
	}
	*dst = int(f)
	return nil
}

func setThreads(p *Params, v any) error {
	if err := setInt(&p.NThread, v); err != nil {
		return err
	}
	p.NThread = max(p.NThread, 0) // -1 is scikit-learn's way to say all
	return nil
}

func setSeed(p *Params, v any) error {
	switch x := v.(type) {
	case json.Number:
		v = string(x)
	case int64:
		p.Seed = x
		return nil
	}
	if s, ok := v.(string); ok {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
		p.Seed = n
		return nil
	}
	f, err := number(v)
	if err != nil {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return fmt.Errorf("%v is not a whole number", v)
	}
	p.Seed = int64(f)
	return nil
}

func setString(dst *string, v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("found %s, expected text", kindName(v))
	}
	*dst = s
	return nil
}

func setTreeMethod(p *Params, v any) error {
	if err := setString(&p.TreeMethod, v); err != nil {
		return err
	}
	if p.TreeMethod == "auto" {
		p.TreeMethod = Hist
	}
	return nil
}

func setMetrics(p *Params, v any) error {
	p.EvalMetric = nil
	switch x := v.(type) {
	case string:
		for name := range strings.SplitSeq(x, ",") {
			p.EvalMetric = append(p.EvalMetric, strings.TrimSpace(name))
		}
		return nil
	case []string:
		p.EvalMetric = append(p.EvalMetric, x...)
		return nil
	case []any:
		for _, e := range x {
			s, ok := e.(string)
			if !ok {
				return fmt.Errorf("found %s in the list, expected names of metrics", kindName(e))
			}
			p.EvalMetric = append(p.EvalMetric, s)
		}
		return nil
	}
	return fmt.Errorf("found %s, expected the name of a metric or a list of them", kindName(v))
}

// setBaseScore takes a number, its text, or a list of one, as model files have.
func setBaseScore(p *Params, v any) error {
	if s, ok := v.(string); ok {
		v = strings.Trim(strings.TrimSpace(s), "[]()")
	}
	if l, ok := v.([]any); ok && len(l) == 1 {
		v = l[0]
	}
	var f float32
	if err := setFloat(&f, v); err != nil {
		return err
	}
	p.BaseScore = &f
	return nil
}

// setMonotone takes a list of -1, 0, 1, or its text in round or square
// brackets.
func setMonotone(p *Params, v any) error {
	if s, ok := v.(string); ok {
		s = strings.Trim(strings.TrimSpace(s), "()[]")
		list := []any{}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v = list
	}
	c, err := ints(v)
	if err != nil {
		return err
	}
	p.MonotoneConstraints = c
	return nil
}

// setInteraction takes a list of lists of feature numbers, or its JSON text.
func setInteraction(p *Params, v any) error {
	if s, ok := v.(string); ok {
		if s = strings.TrimSpace(s); s == "" {
			p.InteractionConstraints = nil
			return nil
		}
		var sets [][]int
		if err := json.Unmarshal([]byte(s), &sets); err != nil {
			return fmt.Errorf("%q is not a list of lists of feature numbers like [[0,1],[2,3]]", s)
		}
		p.InteractionConstraints = sets
		return nil
	}
	if sets, ok := v.([][]int); ok {
		p.InteractionConstraints = sets
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("found %s, expected a list of lists of feature numbers", kindName(v))
	}
	p.InteractionConstraints = nil
	for _, e := range list {
		set, err := ints(e)
		if err != nil {
			return err
		}
		p.InteractionConstraints = append(p.InteractionConstraints, set)
	}
	return nil
}

func ints(v any) ([]int, error) {
	switch x := v.(type) {
	case []int:
		return slices.Clone(x), nil
	case []any:
		out := make([]int, len(x))
		for i, e := range x {
			if err := setInt(&out[i], e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("found %s, expected a list of whole numbers", kindName(v))
}
