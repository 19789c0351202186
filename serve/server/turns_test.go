package server

import (
	"cmp"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Sides that are compared take turns of slice each, in blocks of first, second,
// second, first, so that whatever else the machine does, and whatever drifts,
// falls on both alike. Of the blocks that half counts in which other programs,
// and other machines on the same hardware, took the least of the processors,
// which says nothing about either side. Every turn begins with the client's
// garbage collected: none pays for another's.
const slice = 100 * time.Millisecond

// side is one of those compared.
type side struct {
	call func() error // from several goroutines at a time
	pids []int        // of the processes that answer
}

// turn is what a side's turns of one block came to.
type turn struct {
	calls     int
	took      time.Duration
	cpu       time.Duration // of client and server
	others    time.Duration // what of the processors was somebody else's
	latencies latencies
}

// latencies counts calls by how long they took, in steps of half a percent from
// a microsecond upwards, so that those of many turns add up to one distribution.
type latencies [4096]int32

const perNatural = 200 // steps of 1/200 of the natural logarithm

func (l *latencies) add(d time.Duration) {
	step := int(perNatural * math.Log(max(1, float64(d)/1e3)))
	l[min(step, len(l)-1)]++
}

// quantile is the q-th quantile in seconds.
func (l *latencies) quantile(q float64) float64 {
	var all int64
	for _, n := range l {
		all += int64(n)
	}
	left := int64(math.Ceil(q * float64(all)))
	for i, n := range l {
		if left -= int64(n); left <= 0 {
			return 1e-6 * math.Exp((float64(i)+0.5)/perNatural)
		}
	}
	return math.NaN()
}

func (t *turn) add(o *turn) {
	t.calls += o.calls
	t.took += o.took
	t.cpu += o.cpu
	t.others += o.others
	for i, n := range o.latencies {
		t.latencies[i] += n
	}
}

// rate is calls a second.
func (t *turn) rate() float64 { return float64(t.calls) / t.took.Seconds() }

// perCall is the processor's time a call in seconds; 0 where the system does not
// tell.
func (t *turn) perCall() float64 { return t.cpu.Seconds() / float64(t.calls) }

// p99 is the 99th percentile of the latency in seconds.
func (t *turn) p99() float64 { return t.latencies.quantile(0.99) }

// measured takes the processors' time of what f does with a side.
func (s *side) measured(f func(*turn)) *turn {
	runtime.GC()
	t := &turn{}
	used, all := processorTime(s.pids...), machineTime()
	f(t)
	t.cpu = processorTime(s.pids...) - used
	t.others = max(0, machineTime()-all-t.cpu)
	return t
}

// closed calls from n goroutines, each as soon as it has its answer.
func (s *side) closed(b *testing.B, n int) *turn {
	took := make([][]time.Duration, n)
	for i := range took {
		took[i] = make([]time.Duration, 0, 4096)
	}
	t := s.measured(func(t *turn) {
		begun := time.Now()
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				mine := took[i]
				for last := begun; last.Sub(begun) < slice; {
					if err := s.call(); err != nil {
						b.Error(err)
						break
					}
					now := time.Now()
					mine, last = append(mine, now.Sub(last)), now
				}
				took[i] = mine
			})
		}
		all.Wait()
		t.took = time.Since(begun)
	})
	for _, mine := range took {
		t.calls += len(mine)
		for _, d := range mine {
			t.latencies.add(d)
		}
	}
	return t
}

// open calls at a rate that does not wait for answers: call i is meant to be
// sent at i/rate, and its latency counts from then, whenever one of the n
// goroutines comes to it. What waits behind a slow call is slow too.
func (s *side) open(b *testing.B, n int, rate float64) *turn {
	took := make([]time.Duration, int(rate*slice.Seconds()))
	t := s.measured(func(t *turn) {
		var next atomic.Int64
		var all sync.WaitGroup
		begun := time.Now()
		for range n {
			all.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(took) {
						return
					}
					meant := begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
					time.Sleep(time.Until(meant))
					if err := s.call(); err != nil {
						b.Error(err)
						return
					}
					took[i] = time.Since(meant)
				}
			})
		}
		all.Wait()
		t.calls, t.took = len(took), time.Since(begun)
	})
	for _, d := range took {
		t.latencies.add(d)
	}
	return t
}

// blocks are the turns of several sides: what each side's came to, a block.
type blocks [][]turn

// take gives every side its turns of one more block.
func (k *blocks) take(sides []*side, do func(*side) *turn) {
	now := make([]turn, len(sides))
	order := make([]int, len(sides))
	for i := range order {
		order[i] = i
	}
	if len(*k)%2 == 1 {
		slices.Reverse(order)
	}
	for _, i := range order {
		now[i].add(do(sides[i]))
	}
	for _, i := range slices.Backward(order) {
		now[i].add(do(sides[i]))
	}
	*k = append(*k, now)
}

// calm is the half of the blocks in which others took the least.
func (k blocks) calm() blocks {
	others := func(turns []turn) (share float64) {
		var taken, took time.Duration
		for i := range turns {
			taken += turns[i].others
			took += turns[i].took
		}
		return taken.Seconds() / took.Seconds()
	}
	sorted := slices.SortedStableFunc(slices.Values(k), func(a, b []turn) int { return cmp.Compare(others(a), others(b)) })
	return sorted[:(len(sorted)+1)/2]
}

// sum is what all of a side's turns came to.
func (k blocks) sum(i int) *turn {
	all := &turn{}
	for _, b := range k {
		all.add(&b[i])
	}
	return all
}

// others is the share of the processors that was somebody else's.
func (k blocks) others() float64 {
	var taken, took time.Duration
	for i := range k[0] {
		t := k.sum(i)
		taken += t.others
		took += t.took
	}
	return taken.Seconds() / took.Seconds() / float64(runtime.NumCPU())
}

// spread is a figure of all blocks, and the bounds within which nine of ten
// draws of the blocks, with replacement, have it.
func (k blocks) spread(figure func(blocks) float64) (of, low, high float64) {
	const draws = 200
	rng := rand.New(rand.NewPCG(1, uint64(len(k))))
	drawn := make([]float64, draws)
	some := make(blocks, len(k))
	for d := range drawn {
		for i := range some {
			some[i] = k[rng.IntN(len(k))]
		}
		drawn[d] = figure(some)
	}
	slices.Sort(drawn)
	return figure(k), drawn[draws/20], drawn[draws-1-draws/20]
}

// report reports a figure, and as name-low and name-high its spread.
func (k blocks) report(b *testing.B, name string, figure func(blocks) float64) {
	of, low, high := k.spread(figure)
	b.ReportMetric(of, name)
	b.ReportMetric(low, name+"-low")
	b.ReportMetric(high, name+"-high")
}

// What the benchmarks report is worked out as it should be.
func TestTurns(t *testing.T) {
	one, two := &turn{}, &turn{}
	for i := range 10_000 {
		(map[bool]*turn{true: one, false: two})[i%3 == 0].latencies.add(time.Duration(i+1) * time.Microsecond)
	}
	one.add(two)
	for _, q := range []float64{0.5, 0.9, 0.99, 1} {
		if got, want := one.latencies.quantile(q), q*10_000e-6; math.Abs(got/want-1) > 0.006 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}

	var order []int
	a, z := &side{}, &side{}
	var k blocks
	for i := range 41 {
		k.take([]*side{a, z}, func(s *side) *turn {
			if s == a {
				order = append(order, 0)
				return &turn{calls: 150 + 1000*(i%2), took: time.Second, others: time.Duration(i%2) * time.Second}
			}
			order = append(order, 1)
			return &turn{calls: 50 + 5*(i/2%2), took: time.Second}
		})
	}
	if !slices.Equal(order[:8], []int{0, 1, 1, 0, 1, 0, 0, 1}) {
		t.Errorf("order %v", order[:8])
	}
	calm := k.calm()
	if len(calm) != 21 || calm.others() != 0 || k.others() == 0 {
		t.Errorf("%d calm blocks, %v of them others'", len(calm), calm.others())
	}
	of, low, high := calm.spread(func(k blocks) float64 { return k.sum(0).rate() / k.sum(1).rate() })
	if math.Abs(of-21*150/(11*50+10*55.)) > 1e-9 || low >= of || high <= of || low < 150/55. || high > 150/50. {
		t.Errorf("ratio %v, from %v to %v", of, low, high)
	}
}
