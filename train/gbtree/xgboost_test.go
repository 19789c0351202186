package gbtree

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// xgboost is a Python process with XGBoost 3.4.1 in it.
type xgboost struct {
	in  *bufio.Writer
	out *bufio.Scanner
}

// startXGBoost starts the interpreter named by SLUICE_XGBOOST_PYTHON, or
// python3, and skips the test where it cannot import XGBoost 3.4.1.
func startXGBoost(t testing.TB) *xgboost {
	t.Helper()
	python := os.Getenv("SLUICE_XGBOOST_PYTHON")
	if python == "" {
		python = "python3"
	}
	cmd := exec.Command(python, filepath.Join("testdata", "xgboost_train.py"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("XGBoost is not at hand: %v; set SLUICE_XGBOOST_PYTHON to an interpreter that has it", err)
	}
	x := &xgboost{in: bufio.NewWriter(in), out: bufio.NewScanner(out)}
	x.out.Buffer(nil, 1<<20)
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	if !x.out.Scan() || x.out.Text() != "3.4.1" {
		t.Skipf("%s has no XGBoost 3.4.1 (answer %q); set SLUICE_XGBOOST_PYTHON to an interpreter that has it", python, x.out.Text())
	}
	return x
}

// effort is what a run cost: seconds, processor seconds and the largest
// resident size of its process in KiB.
type effort struct{ seconds, cpu, peak float64 }

// train runs one folder.
func (x *xgboost) train(folder string) (effort, error) {
	fmt.Fprintln(x.in, folder)
	if err := x.in.Flush(); err != nil {
		return effort{}, err
	}
	if !x.out.Scan() {
		return effort{}, errors.New("XGBoost went away")
	}
	answer, rest, _ := strings.Cut(x.out.Text(), " ")
	if answer != "ok" {
		return effort{}, fmt.Errorf("XGBoost: %s", rest)
	}
	var e effort
	_, err := fmt.Sscan(rest, &e.seconds, &e.cpu, &e.peak)
	return e, err
}

// randomCase is one run of both trainers.
type randomCase struct {
	Params  map[string]any `json:"params"`
	Rounds  int            `json:"rounds"`
	Cols    int            `json:"cols"`
	Weights bool           `json:"weights"`
	Evals   bool           `json:"evals"`
	Valid   bool           `json:"valid"`
	Early   int            `json:"early_stopping_rounds"`

	train, valid randomRows
}

type randomRows struct{ x, y, w []float32 }

func (r randomRows) matrix(t testing.TB, cols int) *DMatrix {
	t.Helper()
	names := make([]string, cols)
	for i := range names {
		names[i] = defaultName(i)
	}
	d, err := NewDMatrix(r.x, r.y, r.w, names)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (c *randomCase) write(t testing.TB, folder string) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"case.json": b}
	for prefix, r := range map[string]randomRows{"": c.train, "valid_": c.valid} {
		files[prefix+"x.bin"] = floatBytes(r.x)
		files[prefix+"y.bin"] = floatBytes(r.y)
		files[prefix+"w.bin"] = floatBytes(r.w)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func floatBytes(v []float32) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes all
	return b.Bytes()
}

func readFloats(t testing.TB, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// newRandomCase makes a run up from a seed. large gives more than 12,296 rows,
// where the sketch prunes more than once.
func newRandomCase(seed uint64, large bool) *randomCase {
	r := rand.New(rand.NewPCG(seed, 17))
	c := &randomCase{Cols: 1 + r.IntN(14), Rounds: 1 + r.IntN(6)}
	rows := []int{1 + r.IntN(12), 20 + r.IntN(200), 300 + r.IntN(2500), 1000 + r.IntN(6000)}[r.IntN(4)]
	if large {
		rows = 12300 + r.IntN(30000)
		c.Cols = 1 + r.IntN(5)
	}
	regression := r.IntN(3) == 0
	p := map[string]any{"objective": BinaryLogistic, "tree_method": Hist, "nthread": 1, "verbosity": 0, "seed": r.IntN(1 << 20)}
	if regression {
		p["objective"] = RegSquaredError
	}
	if r.IntN(3) == 0 && !large {
		p["tree_method"] = Exact
	}
	c.Params = p
	randomParams(r, c)
	c.Weights = r.IntN(3) == 0
	kinds := make([]int, c.Cols)
	for f := range kinds {
		kinds[f] = r.IntN(10)
	}
	missing := 0.0
	if r.IntN(2) == 0 {
		missing = r.Float64()
	}
	weightKind := r.IntN(3)
	c.train = randomData(r, rows, kinds, missing, regression, c.Weights, weightKind)
	if c.Evals = r.IntN(2) == 0; c.Evals {
		c.Valid = r.IntN(2) == 0
		c.valid = randomData(r, 1+rows/2, kinds, missing, regression, c.Weights, weightKind)
		metrics := []string{"logloss", "error", "error@0.3", "auc", "aucpr"}
		if regression {
			metrics = []string{"rmse"}
		}
		r.Shuffle(len(metrics), func(i, j int) { metrics[i], metrics[j] = metrics[j], metrics[i] })
		p["eval_metric"] = metrics
		if r.IntN(2) == 0 {
			c.Early = 1 + r.IntN(4)
			c.Rounds = 12
		}
	}
	return c
}

func randomParams(r *rand.Rand, c *randomCase) {
	p := c.Params
	exact := p["tree_method"] == Exact
	maybe := func(name string, values ...any) {
		if r.IntN(3) == 0 {
			p[name] = values[r.IntN(len(values))]
		}
	}
	maybe("eta", 0.1, 0.5, 1, 0.05)
	maybe("max_depth", 1, 2, 3, 5, 8, 11)
	maybe("min_child_weight", 0, 0.1, 3, 10)
	maybe("gamma", 0.5, 2, 1e-3)
	maybe("lambda", 0, 0.01, 7)
	maybe("alpha", 0.3, 2)
	maybe("max_delta_step", 0.2, 0.7)
	maybe("scale_pos_weight", 3, 0.2, 1.5)
	maybe("base_score", 0.2, 0.7)
	maybe("subsample", 0.5, 0.83)
	maybe("colsample_bytree", 0.4, 0.8)
	maybe("colsample_bylevel", 0.4, 0.8)
	maybe("num_parallel_tree", 1, 2, 3)
	if !exact {
		maybe("colsample_bynode", 0.4, 0.8)
		maybe("max_bin", 2, 3, 7, 30, 300, 1000)
		maybe("grow_policy", LossGuide)
		maybe("max_leaves", 2, 5, 17, 40)
		if r.IntN(5) == 0 {
			p["max_depth"] = 0 // no limit
		}
	}
	if r.IntN(4) == 0 {
		list := make([]string, c.Cols)
		for f := range list {
			list[f] = strconv.Itoa(r.IntN(3) - 1)
		}
		p["monotone_constraints"] = "(" + strings.Join(list, ",") + ")"
	}
	if r.IntN(4) == 0 {
		sets := [][]int{}
		for range 1 + r.IntN(3) {
			set := r.Perm(c.Cols)
			sets = append(sets, set[:1+r.IntN(c.Cols)])
		}
		b, _ := json.Marshal(sets) // ints always marshal
		p["interaction_constraints"] = string(b)
	}
}

// randomData makes columns of many kinds up, and labels that depend on some.
func randomData(r *rand.Rand, rows int, kinds []int, missing float64, regression, weights bool, weightKind int) randomRows {
	cols := len(kinds)
	d := randomRows{x: make([]float32, rows*cols), y: make([]float32, rows)}
	for i := range rows {
		z := 0.0
		for f, kind := range kinds {
			v := r.NormFloat64()
			if f < 4 {
				z += v * float64(1-2*(f%2))
			}
			switch kind {
			case 0:
				v = math.Floor(math.Exp(1.5*v + 2))
			case 1:
				v = math.Round(v)
			case 2:
				v = math.Round(v*20) / 20
			case 3:
				v = 1 / (1 + math.Exp(-2*v))
			case 4:
				v = 4.25 // constant
			case 5:
				v = math.NaN() // empty
			case 6:
				v = math.Copysign(float64(r.IntN(2)), v) // both zeros
			case 7:
				v *= 1e-41
			case 8:
				v *= 1e37
			}
			if missing > 0 && r.Float64() < missing*float64(f%3)/2 {
				v = math.NaN()
			}
			d.x[i*cols+f] = float32(v)
		}
		d.y[i] = float32(z)
		if !regression {
			d.y[i] = 0
			if r.Float64() < 1/(1+math.Exp(1-z)) {
				d.y[i] = 1
			}
		}
	}
	if !weights {
		return d
	}
	for range rows {
		w := r.ExpFloat64() + 0.05
		switch weightKind {
		case 0:
			w = math.Round(w*1000) / 1000
		case 1:
			w = float64(r.IntN(4)) // zeros among them
		}
		d.w = append(d.w, float32(w))
	}
	d.w[0] = 1 // not all zero
	return d
}

// TestAgainstXGBoost trains made-up rows with made-up parameters in both and
// compares models, margins, metrics and cuts bit for bit.
func TestAgainstXGBoost(t *testing.T) {
	if testing.Short() {
		t.Skip("short: not comparing with the installed XGBoost")
	}
	x := startXGBoost(t)
	cases, first := 60, uint64(1)
	if os.Getenv("SLUICE_LONG") != "" {
		cases = 1000
	}
	if v := os.Getenv("SLUICE_SEED"); v != "" { // repeat one
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cases, first = 1, n
	}
	for seed := first; seed < first+uint64(cases); seed++ {
		c := newRandomCase(seed, seed%20 == 0)
		folder := t.TempDir()
		c.write(t, folder)
		compareWithXGBoost(t, x, c, seed, folder)
	}
	t.Logf("%d cases, seeds %d to %d", cases, first, first+uint64(cases)-1)
}

func compareWithXGBoost(t *testing.T, x *xgboost, c *randomCase, seed uint64, folder string) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("seed %d: %s\n\t%d rows, %d features, weights %v, %d rounds, %v", seed, fmt.Sprintf(format, args...), len(c.train.y), c.Cols, c.Weights, c.Rounds, c.Params)
	}
	if _, err := x.train(folder); err != nil {
		fail("%v", err)
		return
	}
	p, err := ParseParams(c.Params)
	if err != nil {
		fail("%v", err)
		return
	}
	d := c.train.matrix(t, c.Cols)
	o := Options{Rounds: c.Rounds, Threads: 1 + int(seed%3), EarlyStoppingRounds: c.Early}
	if c.Evals {
		o.Evals = []EvalSet{{"train", d}}
		if c.Valid {
			o.Evals = append(o.Evals, EvalSet{"valid", c.valid.matrix(t, c.Cols)})
		}
	}
	r, err := Train(context.Background(), p, d, o)
	if err != nil {
		fail("%v", err)
		return
	}
	if p.TreeMethod == Hist {
		if diff := diffCuts(t, d.Cuts(p.MaxBin), folder); diff != "" {
			fail("%s", diff)
			return
		}
	}
	want := readModel(t, filepath.Join(folder, "model.json"))
	if got := fmt.Sprintf("[%s]", scientific(r.Model.BaseScore[0])); got != want.base {
		fail("base_score %s, want %s", got, want.base)
		return
	}
	if len(r.Model.Trees) != len(want.trees) {
		fail("%d trees, want %d", len(r.Model.Trees), len(want.trees))
		return
	}
	for i := range want.trees {
		if diff := diffTree(&r.Model.Trees[i], &want.trees[i]); diff != "" {
			fail("tree %d: %s", i, diff)
			return
		}
	}
	if got := margins(r.Model, d); !slices.Equal(got, readFloats(t, filepath.Join(folder, "margin.bin"))) {
		fail("margins differ")
	}
	if r.Metrics[len(r.Metrics)-1] == "aucpr" && want.attributes["best_score"] != "" {
		// Its last digits are those of the C library's logarithm.
		score, err := strconv.ParseFloat(want.attributes["best_score"], 64)
		if err != nil || math.Abs(score-r.BestScore) > 1e-12 && !(math.IsNaN(score) && math.IsNaN(r.BestScore)) {
			fail("best_score %v, want %v", r.BestScore, want.attributes["best_score"])
		}
		want.attributes["best_score"] = r.Model.Attributes["best_score"]
	}
	if fmt.Sprint(r.Model.Attributes) != fmt.Sprint(want.attributes) {
		fail("attributes %v, want %v", r.Model.Attributes, want.attributes)
	}
	compareHistory(t, r, filepath.Join(folder, "evals.json"), fail)
}

// compareHistory wants metrics equal; aucpr, whose logarithms are the C
// library's, to 1e-12.
func compareHistory(t *testing.T, r *Result, path string, fail func(string, ...any)) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string][]float64{}
	// Python writes NaN, which JSON has not.
	if err := json.Unmarshal(bytes.ReplaceAll(b, []byte("NaN"), []byte("-1e300")), &want); err != nil {
		t.Fatal(err)
	}
	for set, metrics := range want {
		for m, values := range metrics {
			got := r.Evals[set][m]
			same := slices.EqualFunc(got, values, func(a, b float64) bool {
				if b == -1e300 {
					return math.IsNaN(a)
				}
				return a == b || m == "aucpr" && math.Abs(a-b) < 1e-12
			})
			if !same {
				fail("%s %s: %v, want %v", set, m, got, values)
			}
		}
	}
}

func diffCuts(t *testing.T, got Cuts, folder string) string {
	t.Helper()
	var indptr []int
	b, err := os.ReadFile(filepath.Join(folder, "indptr.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &indptr); err != nil {
		t.Fatal(err)
	}
	values := readFloats(t, filepath.Join(folder, "cuts.bin"))
	for f := range indptr[:len(indptr)-1] {
		want := values[indptr[f]+1 : indptr[f+1]]
		mine := got.of(f)
		for i := range max(len(mine), len(want)) {
			if i >= len(mine) || i >= len(want) || math.Float32bits(mine[i]) != math.Float32bits(want[i]) {
				return fmt.Sprintf("feature %d: cuts differ at %d of %d (%d)", f, i, len(want), len(mine))
			}
		}
	}
	return ""
}

type readTrees struct {
	base       string
	trees      []treeJSON
	attributes map[string]string
}

// readModel reads the parts of a model file that are compared.
func readModel(t testing.TB, path string) readTrees {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Learner struct {
			Attributes map[string]string
			Param      struct {
				BaseScore string `json:"base_score"`
			} `json:"learner_model_param"`
			Booster struct {
				Model struct{ Trees []treeJSON }
			} `json:"gradient_booster"`
		}
	}
	// -Infinity stands as a bare word in thresholds.
	b = bytes.ReplaceAll(b, []byte("-Infinity"), []byte("-3.25e38"))
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for i := range m.Learner.Booster.Model.Trees {
		s := m.Learner.Booster.Model.Trees[i].SplitConditions
		for j, v := range s {
			if v == minusInfinity {
				s[j] = float32(math.Inf(-1))
			}
		}
	}
	return readTrees{m.Learner.Param.BaseScore, m.Learner.Booster.Model.Trees, m.Learner.Attributes}
}

// minusInfinity stands for -Infinity while JSON is read; no run has it.
const minusInfinity = float32(-3.25e38)
