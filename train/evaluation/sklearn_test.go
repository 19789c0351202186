package evaluation

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

type sklearnCase struct {
	Labels  []bool    `json:"labels"`
	Scores  []float64 `json:"scores"`
	Flags   []bool    `json:"flags"`
	Weights []float64 `json:"weights"`
	Want    struct {
		Confusion [4]Float    `json:"confusion"`
		Classes   [2][4]Float `json:"classes"`
		Macro     [3]Float    `json:"macro"`
		Weighted  [3]Float    `json:"weighted"`
		Accuracy  Float       `json:"accuracy"`
		ROCAUC    Float       `json:"roc_auc"`
		PRAUC     Float       `json:"pr_auc"`
		Brier     Float       `json:"brier"`
		LogLoss   Float       `json:"log_loss"`
	} `json:"want"`
}

func agree(t *testing.T, what string, got, want Float) {
	t.Helper()
	if isNaN(got) && isNaN(want) {
		return
	}
	if !(math.Abs(float64(got-want)) <= 1e-12*max(1, math.Abs(float64(want)))) {
		t.Errorf("%s = %v, scikit-learn has %v", what, float64(got), float64(want))
	}
}

func checkSklearn(t *testing.T, cases []sklearnCase) {
	t.Helper()
	for i, c := range cases {
		m := Confuse(c.Labels, c.Flags, c.Weights).Metrics()
		w := c.Want
		before := t.Failed()
		for k, v := range []float64{m.Confusion.TN, m.Confusion.FP, m.Confusion.FN, m.Confusion.TP} {
			agree(t, "confusion", Float(v), w.Confusion[k])
		}
		for k, cl := range []Class{m.Classes.False, m.Classes.True} {
			agree(t, "precision", cl.Precision, w.Classes[k][0])
			agree(t, "recall", cl.Recall, w.Classes[k][1])
			agree(t, "f1", cl.F1, w.Classes[k][2])
			agree(t, "support", cl.Support, w.Classes[k][3])
		}
		for _, a := range []struct {
			what string
			got  Class
			want [3]Float
		}{{"macro", m.Macro, w.Macro}, {"weighted", m.Weighted, w.Weighted}} {
			agree(t, a.what+" precision", a.got.Precision, a.want[0])
			agree(t, a.what+" recall", a.got.Recall, a.want[1])
			agree(t, a.what+" f1", a.got.F1, a.want[2])
		}
		agree(t, "accuracy", m.Accuracy, w.Accuracy)
		r, err := Rank(c.Labels, c.Scores, c.Weights)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, "roc_auc", r.ROCAUC(), w.ROCAUC)
		agree(t, "pr_auc", r.PRAUC(), w.PRAUC)
		agree(t, "brier", Brier(c.Labels, c.Scores, c.Weights), w.Brier)
		agree(t, "log_loss", LogLoss(c.Labels, c.Scores, c.Weights), w.LogLoss)
		if t.Failed() && !before {
			t.Errorf("case %d: %d rows, weights %v", i, len(c.Labels), c.Weights != nil)
		}
	}
}

func TestAgreesWithSklearn(t *testing.T) {
	b, err := os.ReadFile("testdata/sklearn.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []sklearnCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 100 {
		t.Fatalf("%d golden cases, want 100 or more", len(cases))
	}
	checkSklearn(t, cases)
}

// Fresh rows each time the installed scikit-learn is at hand.
func TestAgreesWithInstalledSklearn(t *testing.T) {
	python := os.Getenv("SLUICE_XGBOOST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if testing.Short() {
		t.Skip("short: scikit-learn is not started")
	}
	if err := exec.Command(python, "-c", "import sklearn.metrics").Run(); err != nil {
		t.Skipf("%s has no scikit-learn; the golden values of TestAgreesWithSklearn stand in", filepath.Base(python))
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	var cases []sklearnCase
	for range 60 {
		n := 1 + rng.IntN(500)
		c := sklearnCase{Labels: make([]bool, n), Scores: make([]float64, n), Flags: make([]bool, n)}
		if rng.IntN(2) == 0 {
			c.Weights = make([]float64, n)
		}
		levels, base := 1+rng.IntN(2*n), rng.Float64()*1.2-.1
		for i := range n {
			c.Labels[i] = rng.Float64() < base
			c.Scores[i] = float64(rng.IntN(levels)) / float64(levels)
			c.Flags[i] = c.Scores[i] > 0.6
			if c.Weights != nil {
				c.Weights[i] = 0.01 + rng.ExpFloat64()
			}
		}
		cases = append(cases, c)
	}
	b, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "testdata/gen.py", file).Output()
	if err != nil {
		t.Fatalf("gen.py: %v", err)
	}
	var got []sklearnCase
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d", seed)
	checkSklearn(t, got)
}
