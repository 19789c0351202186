package xgbgrid

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/studytest"
)

func result(t *testing.T, args ...string) Result {
	t.Helper()
	status, out, errs := studytest.Call(t, Main, append(args, "--json", "--quiet", "--out", t.TempDir())...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLastSplitIsTheGrids: the model that importances and rules stand beside is
// the one of the grid's last split.
func TestLastSplitIsTheGrids(t *testing.T) {
	args := studytest.NewWorld(t).Home(t)
	r := result(t, append(args, "--num_boost_round", "30")...)
	last := r.Splits[len(r.Splits)-1]
	if last.Name != r.Final.Name || last.Confusion != r.Final.Model.Confusion || last.ROCAUC != r.Final.ROCAUC || last.PrecisionLow != r.Final.Model.PrecisionLow {
		t.Errorf("the grid has %+v, the final split %+v", last, r.Final.Model)
	}
	if len(r.Splits) != 8 {
		t.Errorf("%d splits", len(r.Splits))
	}
	all := r.Final.Sweep[0]
	if all.MinRequests != 0 || all.Confusion != r.Final.Model.Confusion {
		t.Errorf("without a minimum: %+v", all)
	}
	for i, s := range r.Final.Sweep[1:] {
		before := r.Final.Sweep[i]
		if s.Rows > before.Rows || s.Confusion.TP > before.Confusion.TP || s.Confusion.FN > before.Confusion.FN || float64(s.Rows) != s.Confusion.Rows() {
			t.Errorf("at least %v: %+v after %+v", s.MinRequests, s, before)
		}
	}
	n, seen := r.Final.New.Confusion, r.Final.Seen.Confusion
	m := r.Final.Model.Confusion
	if n.TP+seen.TP != m.TP || n.FP+seen.FP != m.FP || n.FN+seen.FN != m.FN || n.TN+seen.TN != m.TN {
		t.Errorf("%+v and %+v are not %+v", n, seen, m)
	}
	gain := 0.0
	for i, x := range r.Final.Importances {
		gain += x.TotalGain
		if i > 0 && x.TotalGain > r.Final.Importances[i-1].TotalGain {
			t.Errorf("importances are out of order at %s", x.Column)
		}
		if (x.Weight == 0) != (x.SHAP == 0) {
			t.Errorf("%s: %v splits, contribution %v", x.Column, x.Weight, x.SHAP)
		}
	}
	if gain <= 0 || len(r.Final.Importances) != 12 {
		t.Errorf("total gain %v of %d columns", gain, len(r.Final.Importances))
	}
	two := result(t, append(args, "--num_boost_round", "5", "--months", "2024-06,2024-07")...)
	if len(two.Splits) != 7 || two.Final.Name != "2024-06 → 2024-07" || two.Splits[6].Confusion != two.Final.Model.Confusion {
		t.Errorf("two months: %d splits, %s", len(two.Splits), two.Final.Name)
	}
}

// TestPublishedReport: the study's counts give every figure that it printed.
func TestPublishedReport(t *testing.T) {
	m := study.PublishedTest.Metrics()
	six := func(x interface{ Defined() bool }) string { return fmt.Sprintf("%.6f", x) }
	for i, x := range []struct{ got, want string }{
		{six(m.Classes.False.Precision), "0.715686"}, {six(m.Classes.False.Recall), "0.947493"}, {six(m.Classes.False.F1), "0.815435"},
		{six(m.Classes.True.Precision), "0.924480"}, {six(m.Classes.True.Recall), "0.630680"}, {six(m.Classes.True.F1), "0.749828"},
		{six(m.Accuracy), "0.787582"}, {six(m.Macro.Precision), "0.820083"}, {six(m.Macro.Recall), "0.789086"}, {six(m.Macro.F1), "0.782632"},
		{six(m.Weighted.Precision), "0.821075"}, {six(m.Weighted.Recall), "0.787582"}, {six(m.Weighted.F1), "0.782320"},
	} {
		if x.got != x.want {
			t.Errorf("figure %d: %s, the study has %s", i, x.got, x.want)
		}
	}
}

func TestParams(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := append(studytest.NewWorld(t).Home(t), "--num_boost_round", "3")
	if r := result(t, append(args, "--params", put("p.json", `{"max_depth": 2, "eta": 0.1}`))...); r.Params != "eta 0.1, max_depth 2" {
		t.Errorf("parameters: %q", r.Params)
	}
	home := filepath.Join(dir, "home")
	log := put("access.log", `192.0.2.9 - - [10/Jul/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 10 "-" "x"`+"\n")
	list := put("blacklist-2024-07.txt", "20.30.40.50\n")
	studytest.Fails(t, Main, []studytest.Usage{
		{Args: nil, Status: 2, Want: "--logs is missing: give log files or quoted patterns, or --dir"},
		{Args: []string{"--logs", log}, Status: 2, Want: "--labels is missing"},
		{Args: append(args, "--num_boost_round", "0"), Status: 2, Want: "want 1 to 100000"},
		{Args: append(args, "--target-precision", "1"), Status: 2, Want: "between 0 and 1"},
		{Args: append(args, "--months", "2024-06"), Status: 2, Want: "want two or three"},
		{Args: append(args, "--columns", "nothing"), Status: 1, Want: `no column "nothing"`},
		{Args: append(args, "--columns", "abuseipdb_isReported"), Status: 1, Want: "never an input"},
		{Args: append(args, "--params", filepath.Join(dir, "no.json")), Status: 1, Want: "--params"},
		{Args: append(args, "--params", put("bad.json", "[1]")), Status: 1, Want: "want a JSON object"},
		{Args: append(args, "--params", put("odd.json", `{"max_dept": 2}`)), Status: 1, Want: "max_depth"},
		{Args: append(args, "--params", put("square.json", `{"objective": "reg:squarederror"}`)), Status: 2, Want: "gives no probability"},
		{Args: []string{"--dir", home}, Status: 1, Want: "home"},
		{Args: []string{"--logs", log, "--labels", list}, Status: 1, Want: "months have labelled rows of both kinds"},
	})
}
