package drift

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

func liveProfile(t testing.TB, r *rand.Rand) Profile {
	t.Helper()
	columns := make([][]float64, 3)
	for i := range 2000 {
		columns[0] = append(columns[0], math.Floor(r.ExpFloat64()*20))
		columns[1] = append(columns[1], r.Float64())
		if i%10 == 0 {
			columns[1][i] = math.NaN()
		}
		columns[2] = append(columns[2], r.Float64())
	}
	p, err := NewProfile([]string{"request_count", "spider_ratio", ScoreColumn}, columns)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Counting rows as they come gives what counting them at once gives.
func TestLiveCountsAsCount(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := liveProfile(t, r)
	l, err := NewLive(p, []string{"spider_ratio", "request_count"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	var wg sync.WaitGroup
	var mu sync.Mutex
	all := make([][]float64, 3)
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(g)))
			for range 50 {
				n := 1 + r.IntN(100)
				x, scores := make([]float32, 2*n), make([]float64, n)
				for i := range n {
					x[2*i], x[2*i+1], scores[i] = float32(r.Float64()*0.7), float32(math.Floor(r.ExpFloat64()*30)), r.Float64()
					if r.IntN(5) == 0 {
						x[2*i] = float32(math.NaN())
					}
				}
				l.Add(now, x, n, func(i int) float64 { return scores[i] })
				mu.Lock()
				for i := range n {
					all[0], all[1], all[2] = append(all[0], float64(x[2*i+1])), append(all[1], float64(x[2*i])), append(all[2], scores[i])
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	counted, err := p.Count(all)
	if err != nil {
		t.Fatal(err)
	}
	rows, names, psi := l.PSI(now)
	if rows != int64(len(all[0])) {
		t.Errorf("%d rows, want %d", rows, len(all[0]))
	}
	for i, at := range []int{1, 0, 2} { // the order asked for
		want, err := PSI(p.Columns[at], counted.Columns[at])
		if err != nil || names[i] != p.Columns[at].Name || psi[i] != want {
			t.Errorf("%s: PSI %v, want %v of %s (%v)", names[i], psi[i], want, p.Columns[at].Name, err)
		}
	}
	if psi[0] < 0.1 {
		t.Errorf("PSI %v of a column that moved", psi[0])
	}
}

// Rows are forgotten after the span, and no sooner than half of it.
func TestLiveForgets(t *testing.T) {
	p := liveProfile(t, rand.New(rand.NewPCG(1, 2)))
	l, err := NewLive(p, []string{"spider_ratio", "request_count"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	nan := float32(math.NaN())
	if rows, _, psi := l.PSI(now); rows != 0 || !math.IsNaN(psi[0]) {
		t.Errorf("of nothing: %d rows, PSI %v", rows, psi)
	}
	l.Add(now, []float32{0.5, 3, nan, nan, nan, 3}, 3, func(int) float64 { return 0.5 })
	for _, c := range []struct {
		after time.Duration
		rows  int64
	}{{0, 2}, {29 * time.Minute, 2}, {31 * time.Minute, 2}, {59 * time.Minute, 2}, {62 * time.Minute, 0}} {
		if rows, _, _ := l.PSI(now.Add(c.after)); rows != c.rows {
			t.Errorf("after %v: %d rows, want %d", c.after, rows, c.rows)
		}
	}
	l.Add(now.Add(3*time.Hour), []float32{0.5, 3}, 1, func(int) float64 { return 0.5 })
	if rows, _, _ := l.PSI(now.Add(10 * time.Hour)); rows != 0 {
		t.Errorf("%d rows after a long silence", rows)
	}
	if _, err := NewLive(p, []string{"other"}, time.Hour); !fault.Is(err, fault.Invalid) {
		t.Errorf("a column that the profile lacks: %v", err)
	}
}

// Of very many rows few are looked at, whatever the size of the calls, and the
// shares come out the same.
func TestLiveOfVeryMany(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	l, err := NewLive(liveProfile(t, r), []string{"spider_ratio", "request_count"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	total, asked := 0, 0
	for total < 40*many {
		n := 1 + r.IntN(100)
		x := make([]float32, 2*n)
		for i := range x {
			x[i] = r.Float32()
		}
		l.Add(now, x, n, func(int) float64 { asked++; return r.Float64() })
		total += n
	}
	rows, _, psi := l.PSI(now)
	if math.Abs(float64(rows-int64(total))) > 200 {
		t.Errorf("%d rows, counted as %d", total, rows)
	}
	if most := many + total/every + 200; asked > most {
		t.Errorf("%d of %d rows were looked at, want at most %d", asked, total, most)
	}
	if psi[2] > 0.01 {
		t.Errorf("PSI %v of scores that did not move", psi[2])
	}
}

func BenchmarkLiveAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	l, err := NewLive(liveProfile(b, r), []string{"spider_ratio", "request_count"}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	const n = 64
	x := make([]float32, 2*n)
	for i := range x {
		x[i] = float32(r.Float64() * 40)
	}
	now := time.Unix(1e9, 0)
	b.ReportAllocs()
	for b.Loop() {
		l.Add(now, x, n, func(int) float64 { return 0.5 })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n/3, "ns/value")
}
