package leavesadapter

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// theirTestdata is the folder of model files that comes with leaves itself.
func theirTestdata(t testing.TB) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/dmitryikh/leaves").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "testdata")
	if err != nil || !filepath.IsAbs(dir) {
		t.Skip("the module cache does not hold leaves' test data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("leaves came without its test data")
	}
	return dir
}

func numbers(t *testing.T, path string) [][]float64 {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
		var row []float64
		for _, w := range strings.Fields(line) {
			v, err := strconv.ParseFloat(w, 64)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, v)
		}
		out = append(out, row)
	}
	return out
}

func TestLightGBM(t *testing.T) {
	dir := theirTestdata(t)
	rows := numbers(t, filepath.Join(dir, "breast_cancer_test.tsv"))
	for _, c := range []struct {
		model, want string
		tolerance   float64
	}{
		{"lg_dart_breast_cancer.model", "lg_dart_breast_cancer_true_predictions.txt", 1e-6},
		{"lg_dart_breast_cancer.json", "", 0},
	} {
		data, err := os.ReadFile(filepath.Join(dir, c.model))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Read(data, c.want != "")
		if err != nil {
			t.Fatal(err)
		}
		var want [][]float64
		if c.want != "" {
			want = numbers(t, filepath.Join(dir, c.want))
		}
		for i, row := range rows {
			got := make([]float64, m.Outputs())
			if err := m.Predict(got, row[:m.NumFeature()]); err != nil {
				t.Fatal(err)
			}
			if want != nil && math.Abs(got[0]-want[i][0]) > c.tolerance {
				t.Fatalf("%s row %d: %v, want %v", c.model, i, got[0], want[i][0])
			}
		}
		if err := m.Predict(make([]float64, 1), rows[0][:2]); err == nil {
			t.Error("a short row was answered")
		}
	}
}

func TestSklearn(t *testing.T) {
	dir := theirTestdata(t)
	data, err := os.ReadFile(filepath.Join(dir, "sk_gradient_boosting_classifier.model"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read(data, false)
	if err != nil {
		t.Fatal(err)
	}
	want := numbers(t, filepath.Join(dir, "sk_gradient_boosting_classifier_true_predictions.txt"))
	text, err := os.ReadFile(filepath.Join(dir, "sk_gradient_boosting_classifier_test.libsvm"))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		row := make([]float64, m.NumFeature())
		for _, w := range strings.Fields(line)[1:] {
			k, v, _ := strings.Cut(w, ":")
			f, err := strconv.Atoi(k)
			if err != nil {
				t.Fatal(err)
			}
			if row[f], err = strconv.ParseFloat(v, 64); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]float64, m.Outputs())
		if err := m.Predict(got, row); err != nil {
			t.Fatal(err)
		}
		if math.Abs(got[0]-want[i][0]) > 1e-6 {
			t.Fatalf("row %d: %v, want %v", i, got[0], want[i][0])
		}
	}
}

// smallTree is a whole LightGBM text model of one tree.
const smallTree = `tree
version=v3
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
objective=binary sigmoid:1
tree_sizes=200

Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
threshold=1.5 2.5
decision_type=2 2
left_child=-1 -2
right_child=1 -3
leaf_value=0.1 0.2 0.3

`

func TestSmallTree(t *testing.T) {
	m, err := Read([]byte(smallTree), false)
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{1, 0, 2, 2, 2, 3}
	got := make([]float64, 3)
	if err := m.PredictDense(got, x, 3); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.1, 0.2, 0.3} {
		if got[i] != want {
			t.Errorf("row %d: %v, want %v", i, got[i], want)
		}
	}
}

// TestDamaged spoils the small tree in ways that send leaves into a panic, an
// endless loop or all of memory.
func TestDamaged(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"version=v3", "version=v4", "version"},
		{"max_feature_idx=1", "max_feature_idx=99999999999", "max_feature_idx"},
		{"max_feature_idx=1", "max_feature_idx=0", "split_feature"},
		{"num_class=1", "num_class=1000000000", "num_class"},
		{"num_leaves=3", "num_leaves=2000000000", "num_leaves"},
		{"num_leaves=3", "num_leaves=0", "num_leaves"},
		{"right_child=1 -3", "right_child=0 -3", "right_child"},
		{"right_child=1 -3", "right_child=1 -2", "right_child"},
		{"right_child=1 -3", "right_child=7 -3", "right_child"},
		{"left_child=-1 -2", "left_child=-1", "left_child"},
		{"leaf_value=0.1 0.2 0.3", "leaf_value=0.1", "leaf_value"},
		{"decision_type=2 2", "decision_type=3 2", "cat"},
		{"threshold=1.5 2.5", "threshold=1.5", "threshold"},
		{"tree_sizes=200", "tree_sizes=200 200", "num_leaves"},
	} {
		_, err := Read([]byte(strings.Replace(smallTree, c.from, c.to, 1)), false)
		if err == nil {
			t.Errorf("%s: read without an error", c.to)
		} else if !strings.Contains(err.Error(), c.want) && !strings.Contains(err.Error(), "leaves gave up") {
			t.Errorf("%s: error %q does not name %s", c.to, err, c.want)
		}
	}
	for _, s := range []string{"", "binf", "\x80\x04x", "{", `{"learner":{}}`, `{"tree_info":[{"num_leaves":9}],"num_class":1}`,
		"ccopy_reg\n_reconstructor\n(I99999999\n"} {
		if _, err := Read([]byte(s), false); err == nil {
			t.Errorf("%q: read without an error", s)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(smallTree))
	f.Add([]byte(`{"name":"tree","version":"v3","num_class":1,"num_tree_per_iteration":1,"max_feature_idx":0,"tree_info":[{"num_leaves":2,"num_cat":1,"tree_structure":{"split_index":0,"split_feature":0,"threshold":"1||3","decision_type":"==","default_left":true,"missing_type":"None","left_child":{"leaf_value":1},"right_child":{"leaf_value":2}}}]}`))
	f.Add([]byte("ccopy_reg\n_reconstructor\np0\n(csklearn.ensemble\nX\np1\nI1\ntp2\nRp3\n."))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Read(data, false)
		if err != nil {
			return
		}
		if bytes.HasPrefix(data, []byte("tree")) && m.NumFeature() > maxFeatures {
			t.Fatal("a row length beyond the limit")
		}
		if err := m.Predict(make([]float64, m.Outputs()), make([]float64, m.NumFeature())); err != nil {
			t.Skip(err)
		}
	})
}
