package monthly

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/notebooks-port/internal/studytest"
)

// TestAgainstTheTruth holds what logs come to against the rows of the world
// that they were written from.
func TestAgainstTheTruth(t *testing.T) {
	w := studytest.NewWorld(t)
	status, out, errs := studytest.Call(t, Main, append(small(w), "--json", "--quiet", "--out", t.TempDir())...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	world, err := simulate.New(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Simulated || len(r.Months) != 3 || r.Sources.Kept+r.Sources.API+r.Sources.Cache+r.Sources.Outside != r.Sources.Requests {
		t.Errorf("%v, %d months, %+v", r.Simulated, len(r.Months), r.Sources)
	}
	for i, m := range r.Months {
		rows := world.Rows(i)
		reported, requests := 0, int64(0)
		values := []float64{}
		for _, x := range rows {
			requests += int64(x.Values[columns.RequestCount])
			if x.Label == row.True {
				reported++
				values = append(values, x.Values[columns.ResponseSizeMean])
			}
		}
		slices.Sort(values)
		c := m.Columns[columns.ResponseSizeMean]
		if m.Rows != len(rows) || m.Reported != reported || m.Requests != requests || c.Reported.Rows != reported || math.Abs(float64(c.Reported.Median)-quantile(values, .5)) > 1e-9 {
			t.Errorf("%s: %d rows, %d reported, %d requests, median %v; want %d, %d, %d, %v", m.Month, m.Rows, m.Reported, m.Requests, c.Reported.Median, len(rows), reported, requests, quantile(values, .5))
		}
		windows := 0
		for _, x := range world.Windows() {
			if x.ID[len("simulated-"):len("simulated-")+7] == m.Month.String() {
				windows++
			}
		}
		if len(m.Windows) != windows {
			t.Errorf("%s: %d windows, want %d", m.Month, len(m.Windows), windows)
		}
		for _, c := range m.Columns {
			for _, s := range [][]float64{c.SharesTrue, c.SharesFalse} {
				sum := 0.0
				for _, x := range s {
					sum += x
				}
				if math.Abs(sum-1) > 1e-4 {
					t.Errorf("%s: a histogram of %s holds %v of its rows", m.Month, c.Name, sum)
				}
			}
		}
	}
}

// TestQuantile: monotone, within the values, exact at them.
func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 50).Draw(t, "values")
		slices.Sort(v)
		last := math.Inf(-1)
		for k := range 101 {
			q := quantile(v, float64(k)/100)
			if q < last || q < v[0] || q > v[len(v)-1] {
				t.Fatalf("quantile %d of %v is %v after %v", k, v, q, last)
			}
			last = q
		}
		for i := range v {
			if len(v) > 1 {
				if q := quantile(v, float64(i)/float64(len(v)-1)); math.Abs(q-v[i]) > 1e-3 {
					t.Fatalf("value %d of %v: %v", i, v, q)
				}
			}
		}
	})
	if !math.IsNaN(quantile(nil, .5)) || quantile([]float64{1, 2, 3, 4}, .25) != 1.75 {
		t.Error("numpy gives 1.75")
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	if err := os.WriteFile(log, []byte(`192.0.2.9 - - [10/Jul/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 10 "-" "x"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	studytest.Fails(t, Main, []studytest.Usage{
		{Args: nil, Status: 2, Want: "--logs is missing"},
		{Args: []string{"--dir", dir, "--logs", log}, Status: 2, Want: "not both"},
		{Args: []string{"--logs", log, "--months", "July"}, Status: 2, Want: "--months"},
		{Args: []string{"--logs", log, "--months", "2024-07,2024-07"}, Status: 2, Want: "twice"},
		{Args: []string{"--logs", log, "--min-requests", "-1"}, Status: 2, Want: "want 0 or more"},
		{Args: []string{"--logs", log, "--months", "2024-08"}, Status: 1, Want: "2024-08"},
		{Args: []string{"--dir", filepath.Join(dir, "no")}, Status: 1, Want: "no"},
		{Args: []string{"--logs", log, "--attacks", "detect"}, Status: 1, Want: "no attack stands out"},
	})
	// A month without labels has rows, and no shares.
	if status, out, errs := studytest.Call(t, Main, "--logs", log, "--json", "--quiet", "--out", filepath.Join(dir, "out")); status != 0 || len(out) == 0 {
		t.Error(errs)
	}
}
