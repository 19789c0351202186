package spark

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
)

// byKey are a store's values by attack and address, and the requests of all.
func byKey(t *testing.T, st *featurestore.Store) map[[2]string][]float64 {
	t.Helper()
	out := map[[2]string][]float64{}
	for _, m := range st.Months() {
		if err := st.ScanMonth(m, true, func(r *row.Row) error {
			out[[2]string{r.Attack, r.IP.String()}] = append([]float64(nil), r.Values...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestPrintedQuery runs what features sql --engine spark prints, and holds its
// rows against package build's, to the bit.
func TestPrintedQuery(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		w := makeWorld(t, simulate.Config{Seed: 9, Rows: 120, Scale: .001, Months: 1})
		o := Options{Windows: w.windows.Windows(), Filter: webrequest.DefaultFilter(webrequest.Wikimedia)}
		q, err := Query(o, PrintOptions{Table: "requests", Source: "text"})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), s.python(), "testdata/query.py", filepath.Join(w.lake, "logs"))
		cmd.Env, cmd.Stdin, cmd.Stderr = append(os.Environ(), s.env()...), strings.NewReader(q), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		want := byKey(t, byGo(t, w.parquet, o.Windows, nil, webrequest.DefaultOptions(webrequest.Wikimedia)))
		n := 0
		for line := range strings.Lines(string(out)) {
			var got []any
			if json.Unmarshal([]byte(line), &got) != nil || len(got) != 3+columns.NumFeatures+1 {
				continue // Spark's own words
			}
			n++
			attack, _ := got[1].(string)
			ip, _ := got[2].(string)
			values, ok := want[[2]string{attack, ip}]
			if !ok || got[0] != "2024-06" || got[len(got)-1] != nil {
				t.Fatalf("row %v: package build has none", got)
			}
			for i, name := range columns.Names() {
				v, ok := got[3+i].(float64)
				if ok && math.Float64bits(v) != math.Float64bits(values[i]) || !ok && !math.IsNaN(values[i]) {
					t.Errorf("%s of %s in %s is %v, want %v", name, ip, attack, got[3+i], values[i])
				}
			}
		}
		if n != len(want) || n == 0 {
			t.Errorf("%d rows, want %d", n, len(want))
		}
		t.Logf("%d rows of the printed query, equal in all twelve columns", n)
	})
}

// TestApproximate: distinct counts are within five standard deviations, or one
// off, what they are not made of is the same, and what needs each value is
// missing.
func TestApproximate(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		w := makeWorld(t, simulate.Config{Seed: 9, Rows: 400, Scale: .05, Months: 1})
		c := onSpark(s, "local[2]", Months(w.months(), nil))
		c.Paths, c.Approximate = []string{filepath.Join(w.lake, "logs")}, true
		st, res := mustBuild(t, c)
		got, want := byKey(t, st), byKey(t, byGo(t, w.parquet, c.Windows, nil, webrequest.DefaultOptions(webrequest.Wikimedia)))
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		missing := map[string]bool{"uri_path_entropy": true, "interarrival_median": true, "interarrival_spread": true, "user_agent_ip_count": true}
		approximate := map[string]bool{"uri_query_count": true, "user_agent_count": true, "uri_path_count": true, "distinct_uri_path_ratio": true}
		worst, largest, counts := 0., 0., 0
		for key, values := range want {
			for i, name := range columns.Stored() {
				v := got[key][i]
				switch {
				case missing[name]:
					if !math.IsNaN(v) {
						t.Errorf("%s is %v, want none", name, v)
					}
				case approximate[name]:
					off, one := math.Abs(v-values[i]), 1.
					if name == "distinct_uri_path_ratio" {
						one = 1 / values[columns.RequestCount]
					}
					// Two of a few values may share a register, which no share of them is.
					if off > math.Max(5*ApproximateError*values[i], one+1e-9) {
						t.Errorf("%s of %v is %v, want about %v", name, key, v, values[i])
					}
					if one == 1 && values[i] >= 20 {
						counts++
						worst, largest = math.Max(worst, off/values[i]), math.Max(largest, values[i])
					}
				case math.Float64bits(v) != math.Float64bits(values[i]) && !(math.IsNaN(v) && math.IsNaN(values[i])):
					t.Errorf("%s of %v is %v, want %v", name, key, v, values[i])
				}
			}
		}
		info, _ := st.MonthInfo(june2024)
		if !strings.Contains(strings.Join(info.Notes, "\n"), "approximate") {
			t.Errorf("notes %v", info.Notes)
		}
		if counts < 100 || largest < 1000 {
			t.Errorf("only %d counts of 20 or more, up to %v: the draw is no test", counts, largest)
		}
		t.Logf("Spark %s: %d rows, %d distinct counts of 20 to %v at most %.2f %% off", res.Version, len(got), counts, largest, 100*worst)
	})
}
