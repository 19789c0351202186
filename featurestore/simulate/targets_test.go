package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// writeRows writes a month as CSV: the twelve columns, then the label.
func writeRows(t testing.TB, path string, rows []row.Row) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(strings.Join(columns.Names(), ",") + "," + columns.Label + "\n")
	for _, r := range rows {
		for _, v := range r.Values[:columns.NumFeatures] {
			b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
			b.WriteByte(',')
		}
		fmt.Fprintln(&b, int(r.Label)-int(row.False))
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

type measured struct {
	Precision, Recall, F1 float64
	Text                  string
}

// published is what testdata/targets.py measures in one world.
type published struct {
	Rows      int
	Positive  float64
	Shares    map[string]float64
	Test      measured
	FN        map[string]float64
	Split0    measured `json:"split_0"`
	Split1    measured `json:"split_1"`
	Split01   measured `json:"split_01"`
	Month01   measured `json:"month_0_to_1"`
	TotalGain []string `json:"total_gain"`
	Rule      measured
}

// Over 20 seeds, XGBoost itself finds in the simulated months what was
// published of the real ones.
func TestTargets(t *testing.T) {
	python := os.Getenv("SLUICE_XGBOOST_PYTHON")
	if os.Getenv("SLUICE_LONG") == "" || python == "" {
		t.Skip("trains 100 models with XGBoost: set SLUICE_LONG and SLUICE_XGBOOST_PYTHON, a Python with xgboost 3.4.1")
	}
	seeds := 20
	if s := os.Getenv("SLUICE_SEEDS"); s != "" {
		var err error
		if seeds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{filepath.Join("testdata", "targets.py")}
	for seed := 1; seed <= seeds; seed++ {
		w, err := New(Config{Seed: int64(seed)})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for i := range 3 {
			writeRows(t, filepath.Join(dir, fmt.Sprintf("m%d.csv", i)), w.Rows(i))
		}
		args = append(args, dir)
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	sum := summary{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for seed := 1; lines.Scan(); seed++ {
		var p published
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d: %d rows, %.4f positive; test %.3f/%.3f f1 %.3f, rule f1 %.3f (%s); splits %.3f/%.3f %.3f/%.3f %.3f/%.3f; 0→1 %.3f/%.3f; fn %.3f, ≥10K %.3f; gain %v",
			seed, p.Rows, p.Positive, p.Test.Precision, p.Test.Recall, p.Test.F1, p.Rule.F1, p.Rule.Text,
			p.Split0.Precision, p.Split0.Recall, p.Split1.Precision, p.Split1.Recall, p.Split01.Precision, p.Split01.Recall,
			p.Month01.Precision, p.Month01.Recall, p.FN["0"], p.FN["10000"], p.TotalGain[:3])
		p.check(t, seed, sum)
	}
	sum.log(t)
}

// summary gathers each figure over the seeds.
type summary map[string][]float64

func (s summary) log(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		v := s[name]
		mean := 0.
		for _, x := range v {
			mean += x / float64(len(v))
		}
		t.Logf("%s: mean %.3f, %.3f to %.3f", name, mean, slices.Min(v), slices.Max(v))
	}
}

func (p published) check(t *testing.T, seed int, sum summary) {
	t.Helper()
	within := func(what string, got, lo, hi float64) {
		t.Helper()
		sum[what] = append(sum[what], got)
		if !(got >= lo && got <= hi) {
			t.Errorf("seed %d: %s is %.4f, want %.4f to %.4f", seed, what, got, lo, hi)
		}
	}
	within("rows", float64(p.Rows), 6845*.98, 6845*1.02)
	within("positive share", p.Positive, .495, .515)
	for k, want := range map[string]float64{"10": .85, "100": .73, "1000": .55, "10000": .21, "100000": .02} {
		within("share of pairs with "+k+" requests", p.Shares[k], want-.02, want+.02)
	}
	sum["F1"] = append(sum["F1"], p.Test.F1)
	sum["F1 of the best rule"] = append(sum["F1 of the best rule"], p.Rule.F1)
	sum["false negatives"] = append(sum["false negatives"], p.FN["0"])
	sum["false negatives at 10K requests"] = append(sum["false negatives at 10K requests"], p.FN["10000"])
	sum["precision of first to second month"] = append(sum["precision of first to second month"], p.Month01.Precision)
	sum["recall of first to second month"] = append(sum["recall of first to second month"], p.Month01.Recall)
	within("precision", p.Test.Precision, .90, .95)
	within("recall", p.Test.Recall, .60, .66)
	for name, m := range map[string]measured{"first month": p.Split0, "second month": p.Split1, "both": p.Split01} {
		within("precision of a random split of "+name, m.Precision, .85, 1)
		within("recall of a random split of "+name, m.Recall, .85, 1)
		within("F1 of first to second month, below a random split of "+name, m.F1-p.Month01.F1, .05, 1)
	}
	within("best rule's F1 against the trees'", p.Rule.F1-p.Test.F1, -.03, .03)
	within("false negatives at 10K requests below all", p.FN["0"]-p.FN["10000"], .10, 1)
	if g := strings.Join(p.TotalGain[:2], " "); g != "request_count response_size_mean" && g != "response_size_mean request_count" {
		t.Errorf("seed %d: total_gain ranks %s first", seed, g)
	}
}
