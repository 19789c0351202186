package xgboost

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// small is a whole JSON model of one stump.
const small = `{"learner":{"attributes":{"note":"x"},"feature_names":["a","b"],"feature_types":["float","float"],
"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"tree_info":[0],
"trees":[{"base_weights":[0E0,-1E0,1E0],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],
"default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],"loss_changes":[3E0,0E0,0E0],"parents":[2147483647,0,0],
"right_children":[2,-1,-1],"split_conditions":[1.5E0,-1E0,1E0],"split_indices":[1,0,0],"split_type":[0,0,0],
"sum_hessian":[4E0,1E0,3E0],"tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}]},"name":"gbtree"},
"learner_model_param":{"base_score":"5E-1","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},
"objective":{"name":"binary:logistic","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[3,4,1]}`

func TestVariants(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{`"base_score":"5E-1"`, `"base_score":"[5E-1]"`},
		{`"base_score":"5E-1"`, `"base_score":"(0.5,)"`},
		{`"base_score":"5E-1"`, `"base_score":0.5`},
		{`"base_score":"5E-1"`, `"base_score":[5e-1]`},
		{`"default_left":[1,0,0]`, `"default_left":[true,false,false]`},
		{`"split_type":[0,0,0],`, ``},
		{`"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],`, ``},
		{`"num_feature":"2"`, `"num_feature":2`},
		{`"attributes":{"note":"x"},`, ``},
		{`"split_indices":[1,0,0]`, `"split_indices":[1e0,0E0,0.0]`},
		{`,"boost_from_average":"1"`, ``},
		{`"tree_info":[0]`, `"tree_info":[0],"cats":{"enc":[],"feature_segments":[],"sorted_idx":[]}`},
		{`"tree_info":[0]`, `"tree_info":[0],"cats":{"enc":[{"offsets":[],"values":[]},{"type":15,"values":[]}],"feature_segments":[0,0,0],"sorted_idx":[]}`},
		{`"feature_types":["float","float"],`, `"feature_types":null,`},
		{"\n", " \t\r\n"},
	} {
		text := strings.ReplaceAll(small, c.from, c.to)
		if text == small {
			t.Fatalf("%s is not in the model", c.from)
		}
		m, err := Read([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", c.to, err)
			continue
		}
		p := mustPredict(t, m, ensemble.PredictorOptions{})
		for _, r := range []struct{ x, want float32 }{{1, -1}, {1.5, 1}, {float32(math.NaN()), -1}} {
			if got := p.MarginRow([]float32{0, r.x}); got != r.want {
				t.Errorf("%s: margin of %v is %v, want %v", c.to, r.x, got, r.want)
			}
		}
	}
}

func TestInfiniteThresholds(t *testing.T) {
	m := mustRead(t, []byte(strings.Replace(small, "1.5E0", "-Infinity", 1)))
	p := mustPredict(t, m, ensemble.PredictorOptions{})
	for _, r := range []struct{ x, want float32 }{
		{float32(math.Inf(-1)), 1}, {-math.MaxFloat32, 1}, {float32(math.Inf(1)), 1}, {float32(math.NaN()), -1},
	} {
		if got := p.MarginRow([]float32{0, r.x}); got != r.want {
			t.Errorf("margin of %v is %v, want %v: only missing values go left", r.x, got, r.want)
		}
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"split_conditions":[-Infinity,-1E0,1E0]`) {
		t.Errorf("written as %s", b.String())
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for _, c := range []struct {
		from, to, want string
		kind           fault.Kind
	}{
		{`"version":[3,4,1]`, `"version":[3,4]`, "version has 2 parts", fault.Invalid},
		{`"learner"`, `"lerner"`, "learner is missing", fault.Invalid},
		{`"base_score":"5E-1",`, ``, "learner.learner_model_param.base_score is missing", fault.Invalid},
		{`"base_score":"5E-1"`, `"base_score":"[]"`, "base_score", fault.Invalid},
		{`"base_score":"5E-1"`, `"base_score":"7"`, "probability between 0 and 1", fault.Invalid},
		{`"name":"gbtree"`, `"name":"forest"`, `gradient_booster.name is "forest"`, fault.Unsupported},
		{`"size_leaf_vector":"1"`, `"size_leaf_vector":"3"`, "trees[0].tree_param.size_leaf_vector is 3: trees with vector leaves", fault.Unsupported},
		{`"name":"binary:logistic"`, `"name":"mine"`, `objective "mine" is not known`, fault.Unsupported},
		{`"num_trees":"1"`, `"num_trees":"2"`, "has 1 trees, gbtree_model_param.num_trees says 2", fault.Invalid},
		{`"num_nodes":"3"`, `"num_nodes":"4"`, "num_nodes says 4", fault.Invalid},
		{`"left_children":[1,`, `"left_children":[7,`, "XGBoost 3.4.1: gradient_booster.model.trees[0]: left_children [0] is node 7", fault.Invalid},
		{`"left_children":[1,`, `"left_children":[99999999999,`, "trees[0].left_children [0] is 99999999999", fault.Invalid},
		{`"split_conditions":[1.5E0`, `"split_conditions":["x"`, "trees[0].split_conditions is an array", fault.Invalid},
		{`"split_conditions":[1.5E0`, `"split_conditions":[NaN`, "is NaN", fault.Invalid},
		{`"default_left":[1,0,0]`, `"default_left":[1,0]`, "default_left has 2 entries", fault.Invalid},
		{`"num_feature":"2","num_target"`, `"num_feature":"-2","num_target"`, "num_feature is -2", fault.Invalid},
		{`"feature_names":["a","b"]`, `"feature_names":["a","b","c"]`, "feature_names has 3 names for 2 features", fault.Invalid},
		{`[3,4,1]}`, `[3,4,1]`, "ends early", fault.Invalid},
		{`[3,4,1]}`, `[3,4,1]}x`, "has more after its end", fault.Invalid},
		{`"note":"x"`, `"note":"x","note":"y"`, `the key "note" twice`, fault.Invalid},
		{`"note":"x"`, `"note":"\q"`, "an escape of JSON", fault.Invalid},
		{`"note":"x"`, `"note":01`, "found", fault.Invalid},
		{`"version":[3,4,1]`, `"version":[9,0,0],"learner2":1`, "", fault.Unknown}, // unknown members are no error
	} {
		text := strings.Replace(small, c.from, c.to, 1)
		if text == small {
			t.Fatalf("%s is not in the model", c.from)
		}
		_, err := Read([]byte(text))
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%s: %v", c.to, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: error %v, want one with %q", c.to, err, c.want)
		case fault.KindOf(err) != c.kind:
			t.Errorf("%s: kind %v, want %v", c.to, fault.KindOf(err), c.kind)
		}
	}
}

func TestOtherFiles(t *testing.T) {
	for data, want := range map[string]string{
		"":                               "cut short, or is no XGBoost model",
		"PK\x03\x04":                     "no XGBoost model",
		"\x1f\x8b\x08":                   "gzip",
		"\x80\x04\x95":                   "pickle",
		"booster[0]:\n0:leaf=1\n":        "dump",
		"[{\"nodeid\":0}]":               "dump",
		"bs64\tAAAA":                     "base64",
		strings.Repeat("x", 400):         "no XGBoost model",
		"{" + strings.Repeat("\x00", 99): "no XGBoost model",
		"{L":                             "ends early",
		"[":                              "dump",
	} {
		if _, err := Read([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want one with %q", data, err, want)
		}
	}
	if _, err := ReadFile("testdata/none"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
}

// TestLengthsThatLie announces more than a file holds; nothing may be
// allocated for it.
func TestLengthsThatLie(t *testing.T) {
	huge := make([]byte, 8)
	binary.BigEndian.PutUint64(huge, 1<<40)
	for _, s := range []string{
		"{L" + string(huge), "{i\x01aSL" + string(huge), "{i\x01a[$d#L" + string(huge), "{i\x01a[#L" + string(huge),
		"{i\x01a[$d#L\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		if _, err := Read([]byte(s)); err == nil || !strings.Contains(err.Error(), "announces") {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, open := range []string{"[", `{"a":`} {
		if _, err := parseJSON([]byte(strings.Repeat(open, 1000))); err == nil || !strings.Contains(err.Error(), "nests deeper") {
			t.Errorf("%s a thousand times: %v", open, err)
		}
	}
	for _, s := range []string{"[" + strings.Repeat("[],", 1<<16) + "1]", "[" + strings.Repeat(`"",`, 1<<16) + "1]"} {
		if _, err := parseJSON([]byte(s)); err == nil || !strings.Contains(err.Error(), "too many values") {
			t.Errorf("%.20s…: %v", s, err)
		}
	}
	if _, err := parseUBJSON([]byte("[" + strings.Repeat("Z", 1<<16))); err == nil || !strings.Contains(err.Error(), "too many values") {
		t.Errorf("65536 nulls: %v", err)
	}
	g := readGolden(t, "testdata/golden/1.7.4/logistic.zip")
	data := bytes.Clone(g.files["model.bin"])
	if bytes.HasPrefix(data, []byte("binf")) {
		data = data[4:] // both spellings are read
		if _, err := Read(data); err != nil {
			t.Error(err)
		}
	}
	for _, at := range []int{learnerHead, learnerHead + 8 + len("binary:logistic"), learnerHead + 16 + len("binary:logistic") + len("gbtree"),
		learnerHead + 16 + len("binary:logistic") + len("gbtree") + boosterHead + 4} {
		bad := bytes.Clone(data)
		binary.LittleEndian.PutUint32(bad[at:], 1<<30)
		if _, err := Read(bad); err == nil {
			t.Errorf("a length of 2^30 at byte %d was believed", at)
		}
	}
	for n := 0; n < len(data); n += 97 {
		if _, err := Read(data[:n]); err == nil {
			t.Errorf("cut to %d bytes it was read", n)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		f    float32
		want string
	}{
		{0.15, "1.5E-1"}, {0, "0E0"}, {float32(math.Copysign(0, -1)), "-0E0"}, {1, "1E0"}, {9, "9E0"}, {-1.25, "-1.25E0"},
		{math.MaxFloat32, "3.4028235E38"}, {math.SmallestNonzeroFloat32, "1E-45"}, {16777216, "1.6777216E7"},
		{float32(math.Inf(1)), "Infinity"}, {float32(math.Inf(-1)), "-Infinity"}, {float32(math.NaN()), "NaN"},
	} {
		if got := string(appendNumber(nil, c.f)); got != c.want {
			t.Errorf("%v is written %s, want %s", c.f, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float32frombits(rapid.Uint32().Draw(t, "bits"))
		text := appendNumber(nil, f)
		v, err := parseJSON(text)
		if err != nil || v.kind != floatKind || math.Float32bits(v.floats[0]) != math.Float32bits(f) && f == f {
			t.Fatalf("%v is written %s and read back %v (%v)", f, text, v.floats, err)
		}
	})
	// The fast path must round as strconv does, ties and long digits included.
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,22})\.[0-9]{1,25}([eE][-+]?[0-9]{1,2})?`).Draw(t, "digits")
		want, err := strconv.ParseFloat(digits, 32)
		if err != nil && !math.IsInf(want, 0) {
			t.Skip(err)
		}
		v, err := parseJSON([]byte(digits))
		if err != nil || v.kind != floatKind || math.Float32bits(v.floats[0]) != math.Float32bits(float32(want)) {
			t.Fatalf("%s is read as %v (%v), want %v", digits, v.floats, err, float32(want))
		}
	})
}

// TestRoundTrip takes random trees through both formats and back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &ensemble.Model{Version: [3]int32{3, 4, 1}, Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.25},
			ObjectiveParams: map[string]map[string]string{"reg_loss_param": {"scale_pos_weight": "1"}},
			NumFeature:      3, NumTarget: 1, NumParallelTree: 1, FeatureNames: []string{"a", "b\"", "ü"}, FeatureTypes: []string{},
			Attributes: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "attributes")}
		for range rapid.IntRange(0, 3).Draw(t, "trees") {
			n := rapid.IntRange(0, 3).Draw(t, "splits")
			tree := ensemble.Tree{LeftChildren: []int32{-1}, RightChildren: []int32{-1}, Parents: []int32{1<<31 - 1}}
			for i := range n { // node i's children are appended
				tree.LeftChildren[i], tree.RightChildren[i] = int32(len(tree.Parents)), int32(len(tree.Parents)+1)
				tree.LeftChildren, tree.RightChildren = append(tree.LeftChildren, -1, -1), append(tree.RightChildren, -1, -1)
				tree.Parents = append(tree.Parents, int32(i), int32(i))
			}
			for range tree.Parents {
				bits := rapid.Float32().Draw(t, "number")
				tree.SplitConditions, tree.BaseWeights = append(tree.SplitConditions, bits), append(tree.BaseWeights, bits)
				tree.LossChanges, tree.SumHessian = append(tree.LossChanges, bits/2), append(tree.SumHessian, bits/3)
				tree.SplitIndices = append(tree.SplitIndices, rapid.Int32Range(0, 2).Draw(t, "feature"))
				tree.DefaultLeft = append(tree.DefaultLeft, rapid.Bool().Draw(t, "default"))
				tree.SplitType = append(tree.SplitType, 0)
			}
			m.Trees, m.TreeInfo = append(m.Trees, tree), append(m.TreeInfo, 0)
		}
		m.IterationIndptr = m.RoundPointers()
		var j, u, j2, u2 bytes.Buffer
		for _, err := range []error{WriteJSON(&j, m), WriteUBJSON(&u, m)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		fromJSON, err := Read(j.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		fromUBJ, err := Read(u.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{WriteJSON(&j2, fromUBJ), WriteUBJSON(&u2, fromJSON)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(j.Bytes(), j2.Bytes()) || !bytes.Equal(u.Bytes(), u2.Bytes()) {
			t.Fatalf("crossing formats changed the model:\n%s\n%s", j.Bytes(), j2.Bytes())
		}
	})
}

func TestReadDumpRefuses(t *testing.T) {
	o := DumpOptions{BaseScore: []float32{0.5}, Objective: "binary:logistic"}
	for _, c := range []struct {
		text string
		o    DumpOptions
		want string
	}{
		{"0:leaf=1\n", DumpOptions{Objective: "binary:logistic"}, "lacks the intercept"},
		{"0:leaf=1\n", DumpOptions{BaseScore: []float32{0.5}}, "lacks the objective"},
		{"0:[a<1] yes=1,no=2,missing=1\n1:leaf=1\n2:leaf=2\n", o, `splits on "a"`},
		{"0:[f0<1] yes=1,no=2,missing=1\n1:leaf=1\n", o, "child 2, which is not there"},
		{"0:[f0<1] yes=1,no=2,missing=3\n1:leaf=1\n2:leaf=1\n3:leaf=1\n", o, "missing values to node 3"},
		{"0:[f0<1] yes=0,no=2,missing=0\n2:leaf=1\n", o, "parent"},
		{"0:leaf=1\n0:[f0<x] yes=1\n", o, "line 2: expected a threshold"},
		{"0:leaf=1\n1:leaf=2\n1:leaf=2\n", o, "node 1 twice"},
		{"1:leaf=1\n", o, "does not begin with node 0"},
		{"bias:\n1\nweight:\n2\n", o, "six digits"},
		{"hello\n", o, "line 1: expected a node's number"},
		{"99999999999:leaf=1\n", o, "expected a node's number"},
		{"0:leaf=1\n16777000:leaf=1\n", o, "ids up to"},
		{`[{"nodeid":0}]`, o, "split"},
		{`[{"nodeid":0,"split":"f0","split_condition":"x","yes":1,"no":2,"missing":1,"children":[]}]`, o, "split_condition is a string"},
		{`{"learner":{}}`, o, "is a model, not a dump"},
	} {
		if _, err := ReadDump([]byte(c.text), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.text, err, c.want)
		}
	}
}
