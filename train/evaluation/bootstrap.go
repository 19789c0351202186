package evaluation

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"sluice/featurestore/fault"
)

// maxVerdicts is how many columns of flags one bootstrap carries: the label
// and the verdicts of a row form one byte.
const maxVerdicts = 7

// Bootstrap resamples addresses, not rows: each draw takes as many addresses
// as there are, with replacement, and all rows of each (the cluster bootstrap;
// A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997,
// section 3.8). One draw gives every figure at once, so that differences
// between verdicts are paired.
type Bootstrap struct {
	clusters int
	cluster  []uint32 // of each row, by falling score
	code     []uint8  // label in bit 0, verdict k in bit k+1
	last     []bool   // the row ends a run of equal scores
	sq, ll   []float64
	verdicts int
	ranked   bool
}

// NewBootstrap prepares rows. scores may be nil (no AUCs then), calibrated may
// be nil (no Brier score and log loss then); verdicts holds at most seven
// columns of flags; groups are addresses as any numbers.
func NewBootstrap(labels []bool, scores, calibrated []float64, groups []int, verdicts ...[]bool) (*Bootstrap, error) {
	n := len(labels)
	if len(verdicts) > maxVerdicts {
		return nil, fault.New(fault.Exhausted, "bootstrap: %d columns of flags: at most %d", len(verdicts), maxVerdicts)
	}
	if len(groups) != n || calibrated != nil && len(calibrated) != n {
		return nil, fault.New(fault.Invalid, "bootstrap: %d rows, %d groups, %d probabilities: want equal lengths", n, len(groups), len(calibrated))
	}
	for _, v := range verdicts {
		if len(v) != n {
			return nil, fault.New(fault.Invalid, "bootstrap: %d flags for %d rows", len(v), n)
		}
	}
	ranked := scores != nil
	if !ranked {
		scores = make([]float64, n)
	}
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return nil, err
	}
	dense, clusters := denseGroups(groups)
	b := &Bootstrap{
		clusters: clusters, verdicts: len(verdicts), ranked: ranked,
		cluster: make([]uint32, n), code: make([]uint8, n), last: make([]bool, n),
	}
	if calibrated != nil {
		b.sq, b.ll = make([]float64, n), make([]float64, n)
	}
	for k, i := range r.order {
		b.cluster[k] = uint32(dense[i])
		if labels[i] {
			b.code[k] = 1
		}
		for v, flags := range verdicts {
			if flags[i] {
				b.code[k] |= 2 << v
			}
		}
		if calibrated != nil {
			d := calibrated[i] - truth(labels[i])
			b.sq[k] = d * d
			b.ll[k] = float64(LogLoss(labels[i:i+1], calibrated[i:i+1], nil))
		}
	}
	for _, e := range r.ends {
		b.last[e-1] = true
	}
	return b, nil
}

// Drawn is the figures of one draw, or of the rows themselves.
type Drawn struct {
	ROCAUC, PRAUC, Brier, LogLoss Float
	Verdicts                      []Confusion // one per column of flags
}

// Clusters is the number of addresses.
func (b *Bootstrap) Clusters() int { return b.clusters }

// Estimate is the figures of the rows as they are.
func (b *Bootstrap) Estimate() Drawn {
	counts := make([]uint16, b.clusters)
	for i := range counts {
		counts[i] = 1
	}
	var d Drawn
	b.measure(counts, &d)
	return d
}

// measure computes a draw's figures in one pass over the rows by falling score.
func (b *Bootstrap) measure(counts []uint16, d *Drawn) {
	var hist [1 << (maxVerdicts + 1)]float64
	var tp, fp, tp0, fp0, area, ap, sq, ll float64
	prob := b.sq != nil
	for k, c := range b.cluster {
		if n := counts[c]; n != 0 {
			w := float64(n)
			code := b.code[k]
			hist[code] += w
			if code&1 != 0 {
				tp += w
			} else {
				fp += w
			}
			if prob {
				sq += w * b.sq[k]
				ll += w * b.ll[k]
			}
		}
		if b.last[k] {
			if fp != fp0 {
				area += (fp - fp0) * (tp + tp0) / 2
			}
			if tp != tp0 {
				ap += (tp - tp0) * tp / (tp + fp)
			}
			tp0, fp0 = tp, fp
		}
	}
	d.ROCAUC, d.PRAUC, d.Brier, d.LogLoss = NaN(), NaN(), NaN(), NaN()
	if b.ranked {
		d.ROCAUC, d.PRAUC = ratio(area, tp*fp), ratio(ap, tp)
	}
	if prob {
		d.Brier, d.LogLoss = ratio(sq, tp+fp), ratio(ll, tp+fp)
	}
	if cap(d.Verdicts) < b.verdicts {
		d.Verdicts = make([]Confusion, b.verdicts)
	}
	d.Verdicts = d.Verdicts[:b.verdicts]
	clear(d.Verdicts)
	for code, w := range hist {
		if w == 0 {
			continue
		}
		for v := range d.Verdicts {
			d.Verdicts[v].add(code&1 != 0, code&(2<<v) != 0, w)
		}
	}
}

// Run makes draws and hands each to figures, which fills one row of the
// result: out[draw][figure]. threads <= 0 means all processors; the result
// does not depend on it. A cancelled context ends the run.
func (b *Bootstrap) Run(ctx context.Context, draws, nFigures, threads int, seed uint64, figures func(d *Drawn, out []float64)) ([][]float64, error) {
	pool := sync.Pool{New: func() any { return new(Drawn) }}
	return b.each(ctx, draws, nFigures, threads, seed, func(counts []uint16, out []float64) {
		d := pool.Get().(*Drawn)
		b.measure(counts, d)
		figures(d, out)
		pool.Put(d)
	})
}

// each runs f once per draw with how often each cluster was drawn.
func (b *Bootstrap) each(ctx context.Context, draws, nFigures, threads int, seed uint64, f func(counts []uint16, out []float64)) ([][]float64, error) {
	out := make([][]float64, draws)
	flat := make([]float64, draws*nFigures)
	for i := range out {
		out[i] = flat[i*nFigures : (i+1)*nFigures : (i+1)*nFigures]
	}
	if b.clusters == 0 || draws == 0 {
		return out[:0], nil
	}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, draws) {
		wg.Go(func() {
			counts := make([]uint16, b.clusters)
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= draws {
					return
				}
				drawCounts(counts, mix(seed)^uint64(i))
				f(counts, out[i])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fault.As(fault.Interrupted, err)
	}
	return out, nil
}

// drawCounts draws len(counts) clusters with replacement and counts how often
// each came. An index is the high half of a 32-bit product, whose bias is
// below len(counts)/2^32 of a count.
func drawCounts(counts []uint16, stream uint64) {
	clear(counts)
	n := uint64(len(counts))
	state := mix(stream)
	for i := uint64(0); i < n; i += 2 {
		state += 0x9e3779b97f4a7c15
		x := (state ^ state>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
		counts[(x>>32)*n>>32]++
		if i+1 < n {
			counts[(x&0xffffffff)*n>>32]++
		}
	}
}

// Interval is a figure with its percentile interval over the draws.
type Interval struct {
	Figure   string `json:"figure"` // path in the split, as in "operating_point.classes.True.precision"
	Estimate Float  `json:"estimate"`
	Low      Float  `json:"low"`
	High     Float  `json:"high"`
	// Undefined counts draws in which the figure had no value; they are left
	// out.
	Undefined int `json:"undefined_draws"`
}

// percentiles fills an interval of the given level from one column of draws.
func percentiles(draws [][]float64, column int, level float64) (low, high Float, undefined int) {
	v := make([]float64, 0, len(draws))
	for _, d := range draws {
		if f := Float(d[column]); f.Defined() {
			v = append(v, d[column])
		} else {
			undefined++
		}
	}
	slices.Sort(v)
	return quantile(v, (1-level)/2), quantile(v, (1+level)/2), undefined
}

// quantile is the linear interpolation between order statistics (R. J.
// Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American
// Statistician 50, 1996: type 7, numpy's default). NaN of nothing.
func quantile(sorted []float64, q float64) Float {
	if len(sorted) == 0 {
		return NaN()
	}
	h := q * float64(len(sorted)-1)
	i := int(h)
	if i+1 >= len(sorted) {
		return Float(sorted[len(sorted)-1])
	}
	return Float(sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i]))
}
