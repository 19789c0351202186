package xgboost

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"sluice/models/ensemble"
)

// sharedGolden finds ../shared/golden beside the repository.
func sharedGolden(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the package")
		}
		dir = up
	}
	g := filepath.Join(dir, "..", "shared", "golden")
	if _, err := os.Stat(g); err != nil {
		t.Skip("the shared golden files are not here")
	}
	return g
}

func readTable(t testing.TB, path string) (rows, cols int, v []float32) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all[1:] {
		for _, s := range rec {
			x := math.NaN()
			if s != "" {
				if x, err = strconv.ParseFloat(s, 32); err != nil {
					t.Fatal(err)
				}
			}
			v = append(v, float32(x))
		}
	}
	return len(all) - 1, len(all[0]), v
}

func TestGoldenMargins(t *testing.T) {
	for _, version := range []string{"xgboost-1.7.4", "xgboost-3.4.1"} {
		cases, _ := filepath.Glob(filepath.Join(sharedGolden(t), version, "models", "*"))
		for _, dir := range cases {
			t.Run(version+"/"+filepath.Base(dir), func(t *testing.T) {
				for _, file := range []string{"model.json", "model.ubj"} {
					m, err := ReadFile(filepath.Join(dir, file))
					if err != nil {
						t.Fatal(err)
					}
					checkGolden(t, dir, m)
					var buf bytes.Buffer
					if err := WriteUBJSON(&buf, m); err != nil {
						t.Fatal(err)
					}
					again, err := Read(buf.Bytes())
					if err != nil {
						t.Fatal(err)
					}
					checkGolden(t, dir, again)
				}
			})
		}
	}
}

func checkGolden(t *testing.T, dir string, m *ensemble.Model) {
	p, err := ensemble.NewPredictor(m, ensemble.PredictorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows, cols, x := readTable(t, filepath.Join(dir, "input.csv"))
	if cols != p.NumFeature() {
		t.Fatalf("%d columns", cols)
	}
	_, g, want := readTable(t, filepath.Join(dir, "margin.csv"))
	got := make([]float32, rows*g)
	p.Margin(got, x, rows, 1)
	bad := 0
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			if bad++; bad < 4 {
				t.Errorf("margin %d is %v, want %v", i, got[i], want[i])
			}
		}
	}
	if bad > 0 {
		t.Fatalf("%d of %d margins differ", bad, len(want))
	}
	if g == 1 {
		for r := range rows {
			if v := p.MarginRow(x[r*cols : (r+1)*cols]); math.Float32bits(v) != math.Float32bits(want[r]) {
				t.Fatalf("row %d: MarginRow %v, want %v", r, v, want[r])
			}
		}
	}
	_, g, want = readTable(t, filepath.Join(dir, "proba.csv"))
	got = make([]float32, rows*g)
	p.Probability(got, x, rows, 2)
	for i := range want {
		if d := int64(math.Float32bits(want[i])) - int64(math.Float32bits(got[i])); d > 1 || d < -1 {
			t.Fatalf("probability %d is %v, want %v", i, got[i], want[i])
		}
	}
	if m.Booster == "gblinear" {
		return
	}
	_, n, want := readTable(t, filepath.Join(dir, "leaf.csv"))
	leaves := make([]int32, rows*n)
	p.Leaves(leaves, x, rows, 1)
	for i := range want {
		if float32(leaves[i]) != want[i] {
			t.Fatalf("leaf %d is %v, want %v", i, leaves[i], want[i])
		}
	}
	checkContributions(t, dir, p, rows, x)
	checkImportance(t, dir, m)
}

func checkContributions(t *testing.T, dir string, p *ensemble.Predictor, rows int, x []float32) {
	_, n, want := readTable(t, filepath.Join(dir, "contribs.csv"))
	got := make([]float32, rows*n)
	p.Contributions(got, x, rows, 2)
	margin := make([]float32, rows*p.Groups())
	p.Margin(margin, x, rows, 1)
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(want[i])-float64(got[i])))
	}
	if !(worst < 1e-4) {
		t.Fatalf("contributions differ by up to %v", worst)
	}
	side := p.NumFeature() + 1
	pairs := make([]float32, rows*p.Groups()*side*side)
	p.Interactions(pairs, x, rows, 2)
	for i, m := range margin {
		sum := 0.0
		for _, c := range got[i*side : (i+1)*side] {
			sum += float64(c)
		}
		if !(math.Abs(sum-float64(m)) < 1e-5) {
			t.Fatalf("row %d: contributions add up to %v, margin %v", i, sum, m)
		}
		for f := range side {
			sum := 0.0
			for _, c := range pairs[(i*side+f)*side:][:side] {
				sum += float64(c)
			}
			if !(math.Abs(sum-float64(got[i*side+f])) < 1e-5) {
				t.Fatalf("row %d feature %d: interactions add up to %v, contribution %v", i, f, sum, got[i*side+f])
			}
		}
	}
}

func checkImportance(t *testing.T, dir string, m *ensemble.Model) {
	b, err := os.ReadFile(filepath.Join(dir, "importance.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for kind, scores := range want {
		got, err := ensemble.Importance(m, kind)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(scores) {
			t.Fatalf("%s: %d features, want %d", kind, len(got), len(scores))
		}
		for _, s := range got {
			if float64(s.Score) != scores[s.Feature] {
				t.Errorf("%s of %s is %v, want %v", kind, s.Feature, s.Score, scores[s.Feature])
			}
		}
	}
}
