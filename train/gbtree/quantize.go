package gbtree

import (
	"context"
	"math"
	"runtime"
)

// Cuts are the bin boundaries of every feature: those of feature f are
// Values[Indptr[f]:Indptr[f+1]], ascending. A value belongs to the first bin
// whose cut is larger.
type Cuts struct {
	Indptr []int
	Values []float32
}

// of is the cuts of one feature.
func (c *Cuts) of(f int) []float32 { return c.Values[c.Indptr[f]:c.Indptr[f+1]] }

// gradientPair is one row's first and second derivative of the loss.
type gradientPair struct{ g, h float32 }

// narrowStride is the number of histogram slots of a feature in the common
// layout: 256 bins, one slot for missing values, padded so that equal bins of
// neighbouring features do not share an address modulo 4 KiB.
const narrowStride = 260

// blockWidth is the largest number of features in a block: six narrow
// histograms of 16 bytes a slot fit into 32 KiB of first-level cache with room
// for the rows that pass through.
const blockWidth = 6

// quantized is a DMatrix with bins in place of values, laid out twice: by
// column for moving rows, by row for summing. The features are cut into blocks;
// blocks of 8-bit bins and of 16-bit bins have rows of their own.
type quantized struct {
	cuts    Cuts
	missing []bool // per feature: some value is missing; its bin is then nbins
	stride  int    // histogram slots per feature
	columns []binColumn
	blocks  []binBlock

	narrow                 []uint8
	wide                   []uint16
	narrowWidth, wideWidth int // bins a row
}

// binColumn is one feature's bin per row, in one of the two widths.
type binColumn struct {
	narrow []uint8
	wide   []uint16
}

// binBlock is the features first, first+1, …, first+n-1, whose bins stand from
// offset on in every row.
type binBlock struct {
	first, n, offset int
	wide             bool // 16-bit bins
}

func (q *quantized) nbins(f int) int { return q.cuts.Indptr[f+1] - q.cuts.Indptr[f] }

type binsKey struct{ maxBin, width int }

// quantize is the matrix in at most maxBin bins a feature, made once and kept.
func (d *DMatrix) quantize(ctx context.Context, maxBin, threads int) (*quantized, error) {
	width := min(blockWidth, max(1, (d.cols+threads-1)/threads))
	d.mu.Lock()
	defer d.mu.Unlock()
	key := binsKey{maxBin, width}
	if q := d.bins[key]; q != nil {
		return q, nil
	}
	q := &quantized{cuts: d.sketchCuts(ctx, maxBin, threads)}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.layOut(d, width)
	q.fill(ctx, d, threads)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.bins = map[binsKey]*quantized{key: q} // one at a time: they are large
	return q, nil
}

// Cuts are the bin boundaries that training with max_bin would use.
func (d *DMatrix) Cuts(maxBin int) Cuts {
	return d.sketchCuts(context.Background(), maxBin, runtime.GOMAXPROCS(0))
}

// rowBlock is how many rows are worked on while they stay in cache.
const rowBlock = 2048

func (d *DMatrix) sketchCuts(ctx context.Context, maxBin, threads int) Cuts {
	parts := make([][]float32, d.cols)
	groups := min(threads, d.cols)
	parallel(threads, groups, func(g int) {
		from, to := g*d.cols/groups, (g+1)*d.cols/groups
		sketches := make([]*sketch, to-from)
		for i := range sketches {
			sketches[i] = newSketch(d.present[from+i], maxBin)
		}
		for r := 0; r < d.rows && ctx.Err() == nil; r += rowBlock {
			end := min(r+rowBlock, d.rows)
			for i, s := range sketches {
				s.pushColumn(d, from+i, r, end)
			}
		}
		for i, s := range sketches {
			parts[from+i] = s.cuts()
		}
	})
	c := Cuts{Indptr: make([]int, 1, d.cols+1)}
	for _, p := range parts {
		c.Values = append(c.Values, p...)
		c.Indptr = append(c.Indptr, len(c.Values))
	}
	return c
}

func (s *sketch) pushColumn(d *DMatrix, f, begin, end int) {
	x := d.x[begin*d.cols+f:]
	if d.weight == nil {
		for i, at := begin, 0; i < end; i, at = i+1, at+d.cols {
			if v := x[at]; v == v {
				s.push(v, 1)
			}
		}
		return
	}
	for i, at := begin, 0; i < end; i, at = i+1, at+d.cols {
		if v := x[at]; v == v {
			s.push(v, d.weight[i])
		}
	}
}

// layOut decides widths and allocates.
func (q *quantized) layOut(d *DMatrix, width int) {
	q.missing = make([]bool, d.cols)
	q.columns = make([]binColumn, d.cols)
	q.stride = narrowStride
	for f := range d.cols {
		q.missing[f] = d.present[f] < d.rows
		slots := q.nbins(f)
		if q.missing[f] {
			slots++
		}
		if slots <= 256 {
			q.columns[f].narrow = make([]uint8, d.rows)
		} else {
			q.columns[f].wide = make([]uint16, d.rows)
		}
		if slots > q.stride {
			q.stride = (slots + 3) &^ 3
		}
	}
	groups := (d.cols + width - 1) / width
	for g := range groups {
		b := binBlock{first: g * d.cols / groups}
		b.n = (g+1)*d.cols/groups - b.first
		for _, c := range q.columns[b.first : b.first+b.n] {
			b.wide = b.wide || c.wide != nil
		}
		if b.wide {
			b.offset = q.wideWidth
			q.wideWidth += b.n
		} else {
			b.offset = q.narrowWidth
			q.narrowWidth += b.n
		}
		q.blocks = append(q.blocks, b)
	}
	q.narrow = make([]uint8, d.rows*q.narrowWidth)
	q.wide = make([]uint16, d.rows*q.wideWidth)
}

// fillBlock is how many rows are binned at a time: their values stay in cache
// while one column after the other is read from them.
const fillBlock = 512

// fill finds every value's bin.
func (q *quantized) fill(ctx context.Context, d *DMatrix, threads int) {
	finders := make([]binFinder, d.cols)
	for f := range finders {
		finders[f] = newBinFinder(q.cuts.of(f))
	}
	chunks := (d.rows + fillBlock - 1) / fillBlock
	parallel(threads, chunks, func(c int) {
		if ctx.Err() != nil {
			return
		}
		begin := c * fillBlock
		end := min(begin+fillBlock, d.rows)
		for _, b := range q.blocks {
			for k := range b.n {
				f := b.first + k
				col := &q.columns[f]
				switch {
				case col.wide != nil:
					fillColumn(col.wide, d, &finders[f], f, begin, end)
					interleave(q.wide, col.wide, b.offset+k, q.wideWidth, begin, end)
				case b.wide:
					fillColumn(col.narrow, d, &finders[f], f, begin, end)
					interleave(q.wide, col.narrow, b.offset+k, q.wideWidth, begin, end)
				default:
					fillColumn(col.narrow, d, &finders[f], f, begin, end)
					interleave(q.narrow, col.narrow, b.offset+k, q.narrowWidth, begin, end)
				}
			}
		}
	})
}

func fillColumn[T uint8 | uint16](dst []T, d *DMatrix, finder *binFinder, f, begin, end int) {
	dst = dst[begin:end]
	x := d.x[begin*d.cols+f:]
	for i := range dst {
		v := x[i*d.cols]
		if v != v {
			dst[i] = T(finder.n)
		} else {
			dst[i] = T(finder.find(v))
		}
	}
}

func interleave[D, S uint8 | uint16](dst []D, src []S, at, width, begin, end int) {
	src = src[begin:end]
	dst = dst[begin*width+at:]
	for i, b := range src {
		dst[i*width] = D(b)
	}
}

// binFinder finds the bin of a value without branches that depend on it. A
// table over equal steps of the ordered value leads to the first candidate;
// halving among the few cuts that share a step does the rest.
type binFinder struct {
	n     int      // bins
	keys  []uint32 // ordered cuts but the last, padded with the largest integer
	low   uint32   // smallest key
	span  uint32   // from low to the largest key
	shift uint
	start []uint16 // by (key-low)>>shift: number of cuts below that step
	half  int      // first halving: half of a power of two above the cuts in any step
}

// finderSteps is the size of a binFinder's table.
const finderSteps = 4096

func newBinFinder(cuts []float32) binFinder {
	b := binFinder{n: len(cuts)}
	inner := cuts[:len(cuts)-1] // beyond them all is the last bin
	for _, c := range inner {
		b.keys = append(b.keys, ordered(c+0)) // -0 becomes 0
	}
	if len(inner) > 0 {
		b.low = b.keys[0]
		b.span = b.keys[len(inner)-1] - b.low
	}
	for b.span>>b.shift >= finderSteps {
		b.shift++
	}
	b.start = make([]uint16, finderSteps)
	most, at := 1, 0
	for step := range b.start {
		b.start[step] = uint16(at)
		first := at
		for at < len(inner) && uint64(b.keys[at]-b.low)>>b.shift <= uint64(step) {
			at++
		}
		most = max(most, at-first)
	}
	for b.half = 1; 2*b.half-1 < most; {
		b.half *= 2
	}
	for range 2 * b.half {
		b.keys = append(b.keys, math.MaxUint32)
	}
	return b
}

// find is the first bin whose cut is larger than v, or the last bin.
func (b *binFinder) find(v float32) int {
	k := ordered(v + 0)
	d := k - b.low
	if k < b.low {
		d = 0
	}
	if d > b.span {
		d = b.span
	}
	at := int(b.start[d>>b.shift&(finderSteps-1)])
	keys := b.keys
	for step := b.half; step > 0; step >>= 1 {
		next := at
		if keys[at+step-1] <= k {
			next = at + step
		}
		at = next
	}
	return at
}
