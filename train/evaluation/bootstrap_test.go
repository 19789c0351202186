package evaluation

import (
	"context"
	"math"
	"os"
	"testing"

	"sluice/featurestore/fault"

	"pgregory.net/rapid"
)

// One draw measured in a single pass is what the plain metrics say of the rows
// written out as often as they were drawn.
func TestDrawAgreesWithPlainMetrics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 50).Draw(t, "n")
		labels, scores, groups := make([]bool, n), make([]float64, n), make([]int, n)
		flags := make([]bool, n)
		for i := range n {
			labels[i] = rapid.Bool().Draw(t, "label")
			scores[i] = float64(rapid.IntRange(0, 10).Draw(t, "score")) / 10
			flags[i] = rapid.Bool().Draw(t, "flag")
			groups[i] = rapid.IntRange(0, 9).Draw(t, "group")
		}
		b, err := NewBootstrap(labels, scores, scores, groups, flags)
		if err != nil {
			t.Fatal(err)
		}
		counts := make([]uint16, b.Clusters())
		drawCounts(counts, rapid.Uint64().Draw(t, "stream"))
		total := 0
		for _, c := range counts {
			total += int(c)
		}
		if total != len(counts) {
			t.Fatalf("drew %d of %d clusters", total, len(counts))
		}
		var d Drawn
		b.measure(counts, &d)
		dense, _ := denseGroups(groups)
		var l, f []bool
		var s []float64
		for i, g := range dense {
			for range counts[g] {
				l, f, s = append(l, labels[i]), append(f, flags[i]), append(s, scores[i])
			}
		}
		r, err := Rank(l, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name      string
			got, want Float
		}{{"roc_auc", d.ROCAUC, r.ROCAUC()}, {"pr_auc", d.PRAUC, r.PRAUC()}, {"brier", d.Brier, Brier(l, s, nil)}, {"log_loss", d.LogLoss, LogLoss(l, s, nil)}} {
			if isNaN(c.got) != isNaN(c.want) || math.Abs(float64(c.got-c.want)) > 1e-9 {
				t.Fatalf("%s %v, want %v", c.name, c.got, c.want)
			}
		}
		if want := Confuse(l, f, nil); d.Verdicts[0] != want {
			t.Fatalf("confusion %+v, want %+v", d.Verdicts[0], want)
		}
	})
}

// For a mean over addresses with one row each, the bootstrap's spread is the
// textbook's.
func TestIntervalWidth(t *testing.T) {
	const n = 2000
	labels, flags, groups := make([]bool, n), make([]bool, n), make([]int, n)
	for i := range n {
		labels[i], flags[i], groups[i] = i%4 != 0, true, i
	}
	width := func(groups []int) float64 {
		b, err := NewBootstrap(labels, nil, nil, groups, flags)
		if err != nil {
			t.Fatal(err)
		}
		draws, err := b.Run(context.Background(), 1000, 1, 0, 9, func(d *Drawn, out []float64) {
			out[0] = float64(d.Verdicts[0].Metrics().Classes.True.Precision)
		})
		if err != nil {
			t.Fatal(err)
		}
		low, high, _ := percentiles(draws, 0, 0.95)
		if low > 0.75 || high < 0.75 {
			t.Errorf("interval %v to %v does not hold 0.75", low, high)
		}
		return float64(high - low)
	}
	want := 2 * 1.96 * math.Sqrt(0.75*0.25/n)
	if got := width(groups); math.Abs(got/want-1) > 0.15 {
		t.Errorf("width %v, textbook %v", got, want)
	}
	// Four rows an address, all alike: twice as wide.
	for i := range n {
		labels[i] = i/4%4 != 0
		groups[i] = i / 4
	}
	if got := width(groups); math.Abs(got/(2*want)-1) > 0.15 {
		t.Errorf("width %v with four equal rows an address, want %v", got, 2*want)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	l := []bool{true, false}
	g := []int{1, 2}
	v := make([][]bool, 8)
	for i := range v {
		v[i] = l
	}
	if _, err := NewBootstrap(l, nil, nil, g, v...); !fault.Is(err, fault.Exhausted) {
		t.Errorf("eight columns of flags: %v", err)
	}
	if _, err := NewBootstrap(l, nil, nil, g[1:]); !fault.Is(err, fault.Invalid) {
		t.Errorf("short groups: %v", err)
	}
	if _, err := NewBootstrap(l, nil, nil, g, l[1:]); !fault.Is(err, fault.Invalid) {
		t.Errorf("short flags: %v", err)
	}
	b, err := NewBootstrap(nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := b.Run(context.Background(), 5, 1, 1, 1, func(*Drawn, []float64) {}); err != nil || len(out) != 0 {
		t.Errorf("no rows: %v, %v", out, err)
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{1, 2, 4, 8}
	for q, want := range map[float64]Float{0: 1, 1: 8, 0.5: 3, 0.25: 1.75, 0.9: 6.8} {
		if got := quantile(v, q); math.Abs(float64(got-want)) > 1e-12 {
			t.Errorf("quantile %v = %v, numpy has %v", q, got, want)
		}
	}
	if !isNaN(quantile(nil, 0.5)) {
		t.Error("quantile of nothing")
	}
}

// The whole of a split on 100,000 rows with 1,000 draws.
func BenchmarkEvaluate100k(b *testing.B) {
	n := 100_000
	if os.Getenv("SLUICE_LONG") == "" {
		n = 10_000
	}
	in := fixture(n, 9)
	b.ReportAllocs()
	for b.Loop() {
		mustEvaluate(b, in, Options{Seed: 1})
	}
}

func BenchmarkDraw100k(b *testing.B) {
	in := fixture(100_000, 9)
	bs, err := NewBootstrap(in.Labels, in.Scores, in.Calibrated, in.Groups, in.RulesAtHalf, in.RulesOperating, in.ListedBefore)
	if err != nil {
		b.Fatal(err)
	}
	counts := make([]uint16, bs.Clusters())
	d := Drawn{Verdicts: make([]Confusion, 3)}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		drawCounts(counts, i)
		bs.measure(counts, &d)
		i++
	}
}

func BenchmarkRank100k(b *testing.B) {
	in := fixture(100_000, 9)
	b.ReportAllocs()
	for b.Loop() {
		r, err := Rank(in.Labels, in.Scores, nil)
		if err != nil {
			b.Fatal(err)
		}
		if r.ROCAUC() < 0.5 {
			b.Fatal("the fixture has no skill")
		}
	}
}
