package drift

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/featurestore/fault"

	"pgregory.net/rapid"
)

// Values of scipy.stats.kstwobign.sf.
func TestKolmogorov(t *testing.T) {
	for _, c := range []struct{ x, want float64 }{
		{0.3, 0.9999906941986655}, {0.5, 0.9639452436648751}, {0.8, 0.5441424115741981},
		{1, 0.26999967167735456}, {1.36, 0.049485876755377876}, {2, 0.0006709252557796953},
	} {
		if got := kolmogorov(c.x); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Q(%v) = %v, want %v", c.x, got, c.want)
		}
	}
}

// slowKS looks at both distribution functions at every value.
func slowKS(a, b []float64) float64 {
	below := func(v []float64, x float64) float64 {
		var n, k float64
		for _, y := range v {
			if !math.IsNaN(y) {
				n++
				if y <= x {
					k++
				}
			}
		}
		return k / n
	}
	var d float64
	for _, v := range [][]float64{a, b} {
		for _, x := range v {
			if !math.IsNaN(x) {
				d = max(d, math.Abs(below(a, x)-below(b, x)))
			}
		}
	}
	return d
}

func TestKSAgreesWithSlowTwin(t *testing.T) {
	a := []float64{1, 2, 2, 3, 5, 8, 13, 21, 21, 34}
	b := []float64{2, 4, 4, 7, 9, 30, 31, 50}
	if got := KS(a, b).D; math.Abs(got-0.275) > 1e-15 {
		t.Errorf("D = %v, scipy has 0.275", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []float64 {
			return append(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 {
				if rapid.IntRange(0, 6).Draw(t, "missing") == 0 {
					return math.NaN()
				}
				return float64(rapid.IntRange(0, 9).Draw(t, "v"))
			}), 0, 30).Draw(t, name), 4)
		}
		a, b := draw("a"), draw("b")
		got := KS(a, b)
		if want := slowKS(a, b); math.Abs(got.D-want) > 1e-12 {
			t.Fatalf("D = %v, want %v", got.D, want)
		}
		if !(got.PValue >= 0 && got.PValue <= 1) {
			t.Fatalf("p value %v", got.PValue)
		}
		h := NewHistogram("x", a, Bins)
		o := h.Empty()
		for _, x := range b {
			o.Add(x)
		}
		if k := BinnedKS(h, o); k > got.D+1e-12 {
			t.Fatalf("binned D %v above D %v", k, got.D)
		}
	})
}

func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOf(rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Map(rapid.IntRange(0, 4), func(i int) float64 { return float64(i) }), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)))).Draw(t, "v")
		h := NewHistogram("x", v, Bins)
		if h.Total() != int64(len(v)) {
			t.Fatalf("%d counted of %d", h.Total(), len(v))
		}
		if len(h.Counts) > Bins {
			t.Fatalf("%d bins", len(h.Counts))
		}
		for i, e := range h.Edges {
			var below int64
			for _, x := range v {
				if x <= e {
					below++
				}
			}
			var sum int64
			for _, c := range h.Counts[:i+1] {
				sum += c
			}
			if sum != below {
				t.Fatalf("%d counted up to %v, want %d", sum, e, below)
			}
		}
		if d, err := PSI(h, h); err != nil || len(v) > 0 && d != 0 {
			t.Fatalf("PSI with itself %v, %v", d, err)
		}
	})
}

// A shift that is known by hand: bins of 50 and 50 against 80 and 20, large
// enough that the half counts do not matter.
func TestPSIByHand(t *testing.T) {
	e := Histogram{Name: "x", Edges: []float64{0}, Counts: []int64{5e8, 5e8}}
	a := Histogram{Name: "x", Edges: []float64{0}, Counts: []int64{8e8, 2e8}}
	got, err := PSI(e, a)
	if err != nil {
		t.Fatal(err)
	}
	if want := 0.3*math.Log(0.8/0.5) + -0.3*math.Log(0.2/0.5); math.Abs(got-want) > 1e-8 {
		t.Errorf("PSI %v, want %v", got, want)
	}
	if _, err := PSI(e, Histogram{Edges: []float64{1}, Counts: []int64{1, 1}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("other bins: %v", err)
	}
	if v, err := PSI(e, e.Empty()); err != nil || !math.IsNaN(v) {
		t.Errorf("empty: %v, %v", v, err)
	}
}

// Samples of one distribution have PSI near 0; a shifted one is found.
func TestReport(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(n int, shift float64) [][]float64 {
		out := make([][]float64, 2)
		for range n {
			out[0] = append(out[0], rng.NormFloat64())
			out[1] = append(out[1], rng.NormFloat64()+shift)
		}
		return out
	}
	p, err := NewProfile([]string{"a", "b"}, draw(5000, 0))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReport(p)
	for month, shift := range []float64{0, 1} {
		c, err := p.Count(draw(5000, shift))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add([]string{"2024-07", "2024-08"}[month], p, c); err != nil {
			t.Fatal(err)
		}
	}
	if v, _ := r.Months[0].Max(r.Columns); v > 0.02 {
		t.Errorf("PSI %v without a shift", v)
	}
	if v, c := r.Months[1].Max(r.Columns); v < 0.25 || c != "b" {
		t.Errorf("PSI %v in %s with a shift of 1 in b", v, c)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(back)
	if string(again) != string(b) {
		t.Error("the report changes when read and written again")
	}
	empty, err := p.Count([][]float64{nil, nil})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add("2024-09", p, empty); err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("an empty month: %v", err)
	}
	if _, err := p.Count(nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("missing columns: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	p, err := NewProfile([]string{"a"}, [][]float64{{1, 2, 3, 4, math.NaN()}})
	if err != nil {
		f.Fatal(err)
	}
	b, err := p.MarshalIndent()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"schema_version":1,"columns":[{"name":"a","edges":[2,1],"counts":[1,1,1],"missing":0}]}`))
	f.Add([]byte(`{"schema_version":1,"columns":[{"name":"a","edges":[],"counts":[-1],"missing":0}]}`))
	f.Add([]byte(`{"schema_version":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		for _, h := range p.Columns {
			e := h.Empty()
			e.Add(0)
			e.Add(math.Inf(1))
			if _, err := PSI(h, e); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkCount(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	v := make([]float64, 100_000)
	for i := range v {
		v[i] = rng.ExpFloat64()
	}
	h := NewHistogram("x", v, Bins)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		h.Add(v[i%len(v)])
		i++
	}
}
