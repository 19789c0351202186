package calibration

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"sluice/featurestore/fault"

	"pgregory.net/rapid"
)

func TestAgreesWithSklearn(t *testing.T) {
	b, err := os.ReadFile("testdata/sklearn.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Labels   []bool     `json:"labels"`
		P        []float64  `json:"p"`
		Grid     []float64  `json:"grid"`
		Isotonic []float64  `json:"isotonic"`
		Own      [2]float64 `json:"sklearn_sigmoid"`
		Sigmoid  [2]float64 `json:"sigmoid"`
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 5 {
		t.Fatalf("%d cases", len(cases))
	}
	for k, c := range cases {
		iso, err := FitIsotonic(c.Labels, c.P)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range c.Grid {
			if got := iso.Apply(x); !(math.Abs(got-c.Isotonic[i]) <= 1e-12) {
				t.Errorf("case %d: isotonic(%v) = %v, scikit-learn has %v", k, x, got, c.Isotonic[i])
			}
		}
		platt, err := FitPlatt(c.Labels, c.P)
		if err != nil {
			t.Fatal(err)
		}
		got := [2]float64{platt.Slope, platt.Intercept}
		for j := range got {
			if !(math.Abs(got[j]-c.Sigmoid[j]) <= 1e-6*max(1, math.Abs(c.Sigmoid[j]))) {
				t.Errorf("case %d: sigmoid %v, the optimum is %v", k, got, c.Sigmoid)
			}
			// scikit-learn's own solver stops earlier.
			if !(math.Abs(got[j]-c.Own[j]) <= 1e-3*max(1, math.Abs(c.Own[j]))) {
				t.Errorf("case %d: sigmoid %v, scikit-learn has %v", k, got, c.Own)
			}
		}
	}
}

// slowIsotonic is the min-max formula: the greatest over starts of the least
// over ends of the mean label.
func slowIsotonic(labels []bool, p []float64, x float64) float64 {
	mean := func(lo, hi float64) float64 {
		var s, n float64
		for i, v := range p {
			if v >= lo && v <= hi {
				n++
				if labels[i] {
					s++
				}
			}
		}
		return s / n
	}
	best := math.Inf(-1)
	for _, a := range p {
		if a > x {
			continue
		}
		least := math.Inf(1)
		for _, b := range p {
			if b >= x {
				least = min(least, mean(a, b))
			}
		}
		best = max(best, least)
	}
	return best
}

func TestIsotonicAgreesWithMinMax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(t, "n")
		labels, p := make([]bool, n), make([]float64, n)
		for i := range n {
			labels[i] = rapid.Bool().Draw(t, "label")
			p[i] = float64(rapid.IntRange(0, 12).Draw(t, "p")) / 12
		}
		c, err := FitIsotonic(labels, p)
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := 1/float64(n+2), float64(n+1)/float64(n+2)
		for _, x := range p {
			want := min(max(slowIsotonic(labels, p, x), lo), hi)
			if got := c.Apply(x); math.Abs(got-want) > 1e-12 {
				t.Fatalf("isotonic(%v) = %v, the min-max formula gives %v", x, got, want)
			}
		}
	})
}

func TestMonotoneAndRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		labels, p := make([]bool, n), make([]float64, n)
		for i := range n {
			labels[i] = rapid.Bool().Draw(t, "label")
			p[i] = rapid.Float64Range(0, 1).Draw(t, "p")
		}
		for _, fit := range []func([]bool, []float64) (*Calibrator, error){Fit, FitIsotonic, FitPlatt} {
			c, err := fit(labels, p)
			if err != nil {
				t.Fatal(err)
			}
			last := -1.0
			for k := range 201 {
				v := c.Apply(float64(k) / 200)
				if !(v >= 0 && v <= 1) || v < last {
					t.Fatalf("%s: Apply(%v) = %v after %v", c.Kind, float64(k)/200, v, last)
				}
				last = v
			}
			b, err := c.MarshalIndent()
			if err != nil {
				t.Fatal(err)
			}
			back, err := Parse(b)
			if err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			for _, x := range p {
				if back.Apply(x) != c.Apply(x) {
					t.Fatalf("read back, Apply(%v) changes", x)
				}
			}
		}
	})
}

func TestFitChooses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rows := func(n int, base float64) (labels []bool, p []float64) {
		for range n {
			v := rng.Float64()
			p = append(p, v)
			labels = append(labels, rng.Float64() < base*v)
		}
		return labels, p
	}
	for _, c := range []struct {
		n    int
		base float64
		want Kind
	}{{2000, 1, Isotonic}, {500, 1, Platt}, {500, 0, Identity}, {12, 1, Identity}, {0, 1, Identity}} {
		labels, p := rows(c.n, c.base)
		got, err := Fit(labels, p)
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind != c.want {
			t.Errorf("%d rows, base %v: %s, want %s", c.n, c.base, got.Kind, c.want)
		}
	}
	if _, err := Fit([]bool{true}, []float64{math.NaN()}); !fault.Is(err, fault.Invalid) {
		t.Errorf("NaN: %v", err)
	}
	if _, err := Fit([]bool{true}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("lengths: %v", err)
	}
	var zero Calibrator
	if zero.Apply(0.3) != 0.3 || !math.IsNaN(zero.Apply(math.NaN())) {
		t.Error("the zero value is not the identity")
	}
	labels, p := make([]bool, 40), make([]float64, 40)
	for i := range p {
		p[i] = float64(i) / 40
		labels[i] = i < 20
	}
	falling, err := FitPlatt(labels, p)
	if err != nil || falling.Apply(0) != falling.Apply(1) || math.Abs(falling.Apply(0.5)-0.5) > 1e-12 {
		t.Errorf("falling relation: %+v, %v", falling, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schema_version":1,"kind":"isotonic","rows":3,"reason":"","x":[0.1,0.5],"y":[0.2,0.7]}`))
	f.Add([]byte(`{"schema_version":1,"kind":"platt","slope":1.2,"intercept":-0.3}`))
	f.Add([]byte(`{"schema_version":1,"kind":"isotonic","x":[0.5,0.5],"y":[0,1]}`))
	f.Add([]byte(`{"schema_version":9}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		last := -1.0
		for k := range 51 {
			v := c.Apply(float64(k) / 50)
			if !(v >= 0 && v <= 1) || v < last {
				t.Fatalf("accepted, yet Apply(%v) = %v after %v", float64(k)/50, v, last)
			}
			last = v
		}
	})
}

func BenchmarkApply(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 4))
	labels, p := make([]bool, 100_000), make([]float64, 100_000)
	for i := range p {
		p[i] = rng.Float64()
		labels[i] = rng.Float64() < p[i]
	}
	c, err := FitIsotonic(labels, p)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Apply(p[i%len(p)])
		i++
	}
}
