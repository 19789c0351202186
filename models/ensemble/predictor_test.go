package ensemble

import (
	"math"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
)

// stump is x[0] < 1 ? -1 : 1, missing right.
func stump() Tree {
	return Tree{
		LeftChildren: []int32{1, -1, -1}, RightChildren: []int32{2, -1, -1}, Parents: []int32{noParent, 0, 0},
		SplitIndices: []int32{0, 0, 0}, SplitConditions: []float32{1, -1, 1}, DefaultLeft: []bool{false, false, false},
		LossChanges: []float32{3, 0, 0}, SumHessian: []float32{4, 1, 3}, BaseWeights: []float32{0, -1, 1},
	}
}

func stumps(rounds int) *Model {
	m := &Model{Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.5}, NumFeature: 2, NumTarget: 1, NumParallelTree: 1}
	for range rounds {
		m.Trees = append(m.Trees, stump())
		m.TreeInfo = append(m.TreeInfo, 0)
	}
	return m
}

func TestIterationRange(t *testing.T) {
	m := stumps(5)
	for _, c := range []struct {
		r    [2]int
		want float32 // 0: refused
	}{
		{[2]int{0, 0}, 5}, {[2]int{0, 5}, 5}, {[2]int{0, 1}, 1}, {[2]int{2, 4}, 2}, {[2]int{3, 0}, 2},
		{[2]int{0, 6}, 0}, {[2]int{4, 4}, 0}, {[2]int{-1, 2}, 0}, {[2]int{4, 2}, 0}, {[2]int{5, 0}, 0},
	} {
		p, err := NewPredictor(m, PredictorOptions{IterationRange: c.r})
		switch {
		case c.want == 0 && err == nil:
			t.Errorf("%v: accepted", c.r)
		case c.want == 0:
			if fault.FieldOf(err) != "iteration_range" {
				t.Errorf("%v: %v", c.r, err)
			}
		case err != nil:
			t.Errorf("%v: %v", c.r, err)
		default:
			if got := p.MarginRow([]float32{1, 0}); got != c.want {
				t.Errorf("%v: margin %v, want %v", c.r, got, c.want)
			}
		}
	}
	m.NumParallelTree = 2 // rounds of 2, 2 and 1 trees
	p := mustPredict(t, m, PredictorOptions{IterationRange: [2]int{1, 3}})
	if got := p.MarginRow([]float32{1, 0}); got != 3 {
		t.Errorf("rounds of two trees: margin %v, want 3", got)
	}
}

func mustPredict(t *testing.T, m *Model, o PredictorOptions) *Predictor {
	t.Helper()
	p, err := NewPredictor(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(m *Model)
		want  string // in the message
	}{
		{"objective", func(m *Model) { m.Objective = "my:own" }, "my:own"},
		{"booster", func(m *Model) { m.Booster = "forest" }, "forest"},
		{"child out of range", func(m *Model) { m.Trees[1].LeftChildren[0] = 9 }, "trees[1]: left_children [0] is node 9"},
		{"child below range", func(m *Model) { m.Trees[1].LeftChildren[0] = -2 }, "left_children [0] is node -2"},
		{"one child", func(m *Model) { m.Trees[0].RightChildren[0] = -1 }, "right_children"},
		{"cycle", func(m *Model) { m.Trees[0].LeftChildren[0] = 0 }, "has a parent already"},
		{"both the same", func(m *Model) { m.Trees[0].LeftChildren[0] = 2 }, "has a parent already"},
		{"wrong parent", func(m *Model) { m.Trees[0].Parents[1] = 2 }, "parents [1]"},
		{"feature", func(m *Model) { m.Trees[0].SplitIndices[0] = 2 }, "feature 2"},
		{"NaN threshold", func(m *Model) { m.Trees[0].SplitConditions[0] = float32(math.NaN()) }, "NaN"},
		{"short array", func(m *Model) { m.Trees[0].DefaultLeft = nil }, "default_left"},
		{"no nodes", func(m *Model) { m.Trees[0] = Tree{} }, "left_children is empty"},
		{"tree_info", func(m *Model) { m.TreeInfo[0] = 1 }, "tree_info"},
		{"tree_info length", func(m *Model) { m.TreeInfo = nil }, "tree_info"},
		{"weight_drop", func(m *Model) { m.Booster = "dart" }, "weight_drop"},
		{"indptr", func(m *Model) { m.IterationIndptr = []int32{0, 2, 1, 2} }, "iteration_indptr"},
		{"names", func(m *Model) { m.FeatureNames = []string{"a"} }, "feature_names"},
		{"base scores", func(m *Model) { m.BaseScore = []float32{1, 2} }, "base_score"},
		{"probability", func(m *Model) { m.BaseScore = []float32{1.5} }, "between 0 and 1"},
		{"infinite", func(m *Model) { m.BaseScore = []float32{float32(math.Inf(1))} }, "finite"},
		{"categories", func(m *Model) {
			m.Trees[0].SplitType = []uint8{1, 0, 0}
		}, "categories_nodes"},
		{"segment", func(m *Model) {
			m.Trees[0].SplitType = []uint8{1, 0, 0}
			m.Trees[0].CategoriesNodes, m.Trees[0].CategoriesSegments = []int32{0}, []int64{1 << 62}
			m.Trees[0].CategoriesSizes = []int64{1 << 62}
		}, "categories_segments"},
		{"linear", func(m *Model) { m.Booster, m.Linear = "gblinear", []float32{1} }, "weights"},
	} {
		m := stumps(2)
		c.spoil(m)
		_, err := NewPredictor(m, PredictorOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		} else if k := fault.KindOf(err); k != fault.Invalid && k != fault.Unsupported {
			t.Errorf("%s: kind %v", c.name, k)
		}
	}
}

// TestNoAllocation holds one row to none, and blocks to what a call needs
// however many rows it has.
func TestNoAllocation(t *testing.T) {
	m := benchModel(20, 6, 12)
	p := mustPredict(t, m, PredictorOptions{})
	row := benchRows(1, 12)
	if n := testing.AllocsPerRun(100, func() { p.MarginRow(row) }); n != 0 {
		t.Errorf("MarginRow allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { p.ProbabilityRow(row) }); n != 0 {
		t.Errorf("ProbabilityRow allocates %v times", n)
	}
	const more = 640 // rows, against 64
	few, many := benchRows(64, 12), benchRows(more, 12)
	dst, phi := make([]float32, more), make([]float32, more*13)
	leaves := make([]int32, more*20)
	for name, call := range map[string]func(x []float32, rows int){
		"Margin":        func(x []float32, rows int) { p.Margin(dst, x, rows, 1) },
		"Probability":   func(x []float32, rows int) { p.Probability(dst, x, rows, 1) },
		"Leaves":        func(x []float32, rows int) { p.Leaves(leaves, x, rows, 1) },
		"Contributions": func(x []float32, rows int) { p.Contributions(phi, x, rows, 1) },
	} {
		call(few, 64)
		a := testing.AllocsPerRun(3, func() { call(few, 64) })
		b := testing.AllocsPerRun(3, func() { call(many, more) })
		if b > a && !testing.Short() { // the race detector's pools forget on purpose
			t.Errorf("%s allocates %v times for 64 rows, %v times for %d", name, a, b, more)
		}
	}
	wide := mustPredict(t, benchModel(20, 6, 400), PredictorOptions{})
	row = benchRows(1, 400)
	wide.MarginRow(row)
	if n := testing.AllocsPerRun(100, func() { wide.MarginRow(row) }); n >= 1 {
		t.Errorf("MarginRow of 400 features allocates %v times", n)
	}
}

func TestObjectives(t *testing.T) {
	margins := []float32{-1, 0, 2}
	for objective, want := range map[string][]float32{
		"binary:logistic":  {Sigmoid(-1), 0.5, Sigmoid(2)},
		"binary:logitraw":  margins,
		"binary:hinge":     {0, 0, 1},
		"count:poisson":    {Expf(-1), 1, Expf(2)},
		"reg:squarederror": margins,
		"multi:softmax":    {2},
	} {
		got := make([]float32, len(want))
		objectives[objective].output.transform(got, margins, 3)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", objective, got, want)
		}
	}
	m := stumps(0)
	if got := mustPredict(t, m, PredictorOptions{}).ProbabilityRow([]float32{0, 0}); got != 0.5 {
		t.Errorf("a model without trees answers %v, want its base score", got)
	}
}

func TestSchema(t *testing.T) {
	m := stumps(1)
	if _, err := m.Schema(); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("a model without names has a schema: %v", err)
	}
	s := NewSchema([]string{"request_count", "spider_ratio"})
	if err := m.SetSchema(s); err != nil {
		t.Fatal(err)
	}
	got, err := m.Schema()
	if err != nil || !slices.Equal(got.Names, s.Names) || got.Hash != columns.Hash(s.Names) {
		t.Errorf("read %v (%v), want %v", got, err, s)
	}
	mapping, err := got.Map([]string{"spider_ratio", "other", "request_count"})
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 2)
	mapping.Row(row, []float64{0.25, 7, math.NaN()})
	if !math.IsNaN(float64(row[0])) || row[1] != 0.25 {
		t.Errorf("mapped to %v", row)
	}
	for _, names := range [][]string{{"request_count"}, {"request_count", "spider_ratio", "spider_ratio"}} {
		if _, err := got.Map(names); err == nil || !strings.Contains(err.Error(), "spider_ratio") {
			t.Errorf("%v: %v, want a refusal that names spider_ratio", names, err)
		}
	}
	for _, names := range [][]string{{"request_count"}, {"a", "a"}, {"a", columns.Label}} {
		if err := m.SetSchema(NewSchema(names)); err == nil {
			t.Errorf("%v was taken for the schema of two features", names)
		}
	}
	m.Attributes[SchemaAttribute] = strings.Replace(m.Attributes[SchemaAttribute], got.Hash, "000000000000", 1)
	if _, err := m.Schema(); fault.KindOf(err) != fault.Version {
		t.Errorf("another hash: %v", err)
	}
	if err := m.SetSchema(s); err != nil {
		t.Fatal(err)
	}
	m.FeatureNames = []string{"spider_ratio", "request_count"}
	if _, err := m.Schema(); err == nil {
		t.Error("feature_names in another order were accepted")
	}
}

func TestExplainsNeedsCover(t *testing.T) {
	m := stumps(2)
	m.Trees[1].SumHessian = nil
	p := mustPredict(t, m, PredictorOptions{})
	if err := p.Explains(); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("Explains says %v", err)
	}
	if _, err := Importance(m, "cover"); err == nil {
		t.Error("importance by a cover that is not there")
	}
	if _, err := Importance(m, "shine"); err == nil {
		t.Error("importance by shine")
	}
}
