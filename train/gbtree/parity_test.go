package gbtree

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/models/ensemble"
)

// parityCase is a run of XGBoost 3.4.1: its parameters, its model and what it
// measured. See testdata/parity/README.md.
type parityCase struct {
	Train, Valid        string
	Params              map[string]any
	Rounds              int
	Weights             bool
	EarlyStoppingRounds int                             `json:"early_stopping_rounds"`
	Evals               map[string]map[string][]float64 `json:"evals"`
	Attributes          map[string]string
	BaseScore           string      `json:"base_score"`
	FeatureNames        []string    `json:"feature_names"`
	IterationIndptr     []int32     `json:"iteration_indptr"`
	TreeInfo            []int32     `json:"tree_info"`
	Trees               []treeJSON  `json:"trees"`
	Margin              []float32   `json:"margin"`
	Cuts                *parityCuts `json:"cuts"`
	Objective           struct {
		Name         string
		RegLossParam map[string]string `json:"reg_loss_param"`
	}
}

type parityCuts struct {
	Indptr []int
	Values []any
}

// treeJSON is a tree as XGBoost's model files spell it.
type treeJSON struct {
	BaseWeights     []float32         `json:"base_weights"`
	DefaultLeft     []int             `json:"default_left"`
	LeftChildren    []int32           `json:"left_children"`
	LossChanges     []float32         `json:"loss_changes"`
	Parents         []int32           `json:"parents"`
	RightChildren   []int32           `json:"right_children"`
	SplitConditions []float32         `json:"split_conditions"`
	SplitIndices    []int32           `json:"split_indices"`
	SumHessian      []float32         `json:"sum_hessian"`
	TreeParam       map[string]string `json:"tree_param"`
}

func readGzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func loadCase(t testing.TB, name string) *parityCase {
	t.Helper()
	var c parityCase
	if err := json.Unmarshal(readGzip(t, filepath.Join("testdata", "parity", name+".json.gz")), &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

// loadMatrix reads label[,weight],features… with empty cells missing.
func loadMatrix(t testing.TB, name string, weighted bool) *DMatrix {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(string(readGzip(t, filepath.Join("testdata", "parity", "data", name+".csv.gz"))))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	first := 1
	var x, label, weight []float32
	if weighted {
		first = 2
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 32); err != nil {
					t.Fatal(err)
				}
			}
			switch {
			case i == 0:
				label = append(label, float32(v))
			case i < first:
				weight = append(weight, float32(v))
			default:
				x = append(x, float32(v))
			}
		}
	}
	d, err := NewDMatrix(x, label, weight, rows[0][first:])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parityNames(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "parity", "*.json.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no parity cases found: %v", err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".json.gz"))
	}
	return names
}

func (c *parityCase) train(t testing.TB, threads int) (*Result, *DMatrix) {
	t.Helper()
	p, err := ParseParams(c.Params)
	if err != nil {
		t.Fatal(err)
	}
	d := loadMatrix(t, c.Train, c.Weights)
	o := Options{Rounds: c.Rounds, Threads: threads, EarlyStoppingRounds: c.EarlyStoppingRounds, Evals: []EvalSet{{"train", d}}}
	if c.Valid != "" {
		o.Evals = append(o.Evals, EvalSet{"valid", loadMatrix(t, c.Valid, c.Weights)})
	}
	r, err := Train(context.Background(), p, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return r, d
}

// TestParity trains every case and compares all that XGBoost wrote, bit for bit.
func TestParity(t *testing.T) {
	if n := len(parityNames(t)); n != 54 {
		t.Errorf("%d cases found, want 32 hist_* and 22 exact_*", n)
	}
	for _, name := range parityNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := loadCase(t, name)
			r, d := c.train(t, 1)
			compareModel(t, c, r.Model)
			compareEvals(t, c, r)
			if got := margins(r.Model, d); !slices.Equal(got, c.Margin) {
				t.Errorf("training margins differ")
			}
			if c.Cuts != nil {
				compareCuts(t, c, d, r)
			}
		})
	}
}

func compareModel(t *testing.T, c *parityCase, m *ensemble.Model) {
	t.Helper()
	if base := fmt.Sprintf("[%s]", scientific(m.BaseScore[0])); base != c.BaseScore {
		t.Errorf("base_score %s, want %s", base, c.BaseScore)
	}
	if !slices.Equal(m.FeatureNames, c.FeatureNames) || !slices.Equal(m.IterationIndptr, c.IterationIndptr) || !slices.Equal(m.TreeInfo, c.TreeInfo) {
		t.Errorf("names, indptr or tree_info differ: %v %v", m.IterationIndptr, c.IterationIndptr)
	}
	if fmt.Sprint(m.Attributes) != fmt.Sprint(c.Attributes) {
		t.Errorf("attributes %v, want %v", m.Attributes, c.Attributes)
	}
	if got, want := m.ObjectiveParams["reg_loss_param"]["scale_pos_weight"], c.Objective.RegLossParam["scale_pos_weight"]; got != want || m.Objective != c.Objective.Name {
		t.Errorf("objective %s %s, want %s %s", m.Objective, got, c.Objective.Name, want)
	}
	if len(m.Trees) != len(c.Trees) {
		t.Fatalf("%d trees, want %d", len(m.Trees), len(c.Trees))
	}
	for i := range m.Trees {
		if diff := diffTree(&m.Trees[i], &c.Trees[i]); diff != "" {
			t.Fatalf("tree %d: %s", i, diff)
		}
	}
}

// diffTree names the first difference of two trees, or "".
func diffTree(got *ensemble.Tree, want *treeJSON) string {
	if len(got.Parents) != len(want.Parents) {
		return fmt.Sprintf("%d nodes, want %d", len(got.Parents), len(want.Parents))
	}
	for i := range got.Parents {
		left := 0
		if got.DefaultLeft[i] {
			left = 1
		}
		for _, v := range []struct {
			name      string
			got, want uint32
		}{
			{"parent", uint32(got.Parents[i]), uint32(want.Parents[i])},
			{"left child", uint32(got.LeftChildren[i]), uint32(want.LeftChildren[i])},
			{"right child", uint32(got.RightChildren[i]), uint32(want.RightChildren[i])},
			{"split index", uint32(got.SplitIndices[i]), uint32(want.SplitIndices[i])},
			{"split condition", math.Float32bits(got.SplitConditions[i]), math.Float32bits(want.SplitConditions[i])},
			{"default left", uint32(left), uint32(want.DefaultLeft[i])},
			{"loss change", math.Float32bits(got.LossChanges[i]), math.Float32bits(want.LossChanges[i])},
			{"hessian sum", math.Float32bits(got.SumHessian[i]), math.Float32bits(want.SumHessian[i])},
			{"base weight", math.Float32bits(got.BaseWeights[i]), math.Float32bits(want.BaseWeights[i])},
		} {
			if v.got != v.want {
				return fmt.Sprintf("node %d: %s %d (%v), want %d (%v)", i, v.name, int32(v.got), math.Float32frombits(v.got), int32(v.want), math.Float32frombits(v.want))
			}
		}
	}
	if n := strconv.Itoa(int(got.NumDeleted)); n != want.TreeParam["num_deleted"] {
		return fmt.Sprintf("%s nodes deleted, want %s", n, want.TreeParam["num_deleted"])
	}
	return ""
}

func compareEvals(t *testing.T, c *parityCase, r *Result) {
	t.Helper()
	for set, metrics := range c.Evals {
		for m, want := range metrics {
			if got := r.Evals[set][m]; !slices.Equal(got, want) {
				t.Errorf("%s %s: %v, want %v", set, m, got, want)
			}
		}
	}
}

func compareCuts(t *testing.T, c *parityCase, d *DMatrix, r *Result) {
	t.Helper()
	p, err := ParseParams(c.Params)
	if err != nil {
		t.Fatal(err)
	}
	cuts := d.Cuts(p.MaxBin)
	var want []float32
	for f := range cuts.Indptr[:len(cuts.Indptr)-1] {
		// The file has one -Infinity before the cuts of each feature.
		for _, v := range c.Cuts.Values[c.Cuts.Indptr[f]+1 : c.Cuts.Indptr[f+1]] {
			want = append(want, float32(v.(float64)))
		}
	}
	if !slices.Equal(cuts.Values, want) {
		t.Errorf("cuts differ")
	}
}

// margins walks every row through every tree, one after the other.
func margins(m *ensemble.Model, d *DMatrix) []float32 {
	obj := objective{logistic: m.Objective == BinaryLogistic}
	out := filled(d.rows, obj.startMargin(m.BaseScore[0]))
	for i := range m.Trees {
		for r := range out {
			id := int32(0)
			for m.Trees[i].LeftChildren[id] >= 0 {
				id = next(&m.Trees[i], id, d.x[r*d.cols:(r+1)*d.cols])
			}
			out[r] += m.Trees[i].SplitConditions[id]
		}
	}
	return out
}

// scientific writes a float32 as XGBoost's JSON does: 6.486667E-1.
func scientific(v float32) string {
	s := strings.ToUpper(strconv.FormatFloat(float64(v), 'e', -1, 32))
	mantissa, exponent, _ := strings.Cut(s, "E")
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
