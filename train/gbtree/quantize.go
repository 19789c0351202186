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
// column for moving rows, in row-major blocks of few columns for summing.
type quantized struct {
	cuts    Cuts
	missing []bool // per feature: some value is missing; its bin is then nbins
	stride  int    // histogram slots per feature
	columns []binColumn
	blocks  []binBlock
}

// binColumn is one feature's bin per row, in one of the two widths.
type binColumn struct {
	narrow []uint8
	wide   []uint16
}

// binBlock is the bins of the features first, first+1, …, first+n-1, n per row.
type binBlock struct {
	first, n int
	narrow   []uint8
	wide     []uint16
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
		wide := false
		for _, c := range q.columns[b.first : b.first+b.n] {
			wide = wide || c.wide != nil
		}
		if wide {
			b.wide = make([]uint16, d.rows*b.n)
		} else {
			b.narrow = make([]uint8, d.rows*b.n)
		}
		q.blocks = append(q.blocks, b)
	}
}

// fill finds every value's bin.
func (q *quantized) fill(ctx context.Context, d *DMatrix, threads int) {
	finders := make([]binFinder, d.cols)
	for f := range finders {
		finders[f] = newBinFinder(q.cuts.of(f))
	}
	chunks := (d.rows + rowBlock - 1) / rowBlock
	parallel(threads, chunks, func(c int) {
		if ctx.Err() != nil {
			return
		}
		begin := c * rowBlock
		end := min(begin+rowBlock, d.rows)
		for bi := range q.blocks {
			b := &q.blocks[bi]
			for k := range b.n {
				f := b.first + k
				if col := &q.columns[f]; col.narrow != nil {
					fillColumn(col.narrow, d, &finders[f], f, begin, end)
					if b.narrow != nil {
						interleave(b.narrow, col.narrow, k, b.n, begin, end)
					} else {
						interleave(b.wide, col.narrow, k, b.n, begin, end)
					}
				} else {
					fillColumn(col.wide, d, &finders[f], f, begin, end)
					interleave(b.wide, col.wide, k, b.n, begin, end)
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

func interleave[D, S uint8 | uint16](dst []D, src []S, k, n, begin, end int) {
	src = src[begin:end]
	dst = dst[begin*n+k:]
	for i, b := range src {
		dst[i*n] = D(b)
	}
}

// binFinder finds the bin of a value without branches that depend on it.
type binFinder struct {
	n    int      // bins
	keys []uint32 // ordered cuts but the last, padded with the largest integer
	half int      // first step of the search
}

func newBinFinder(cuts []float32) binFinder {
	b := binFinder{n: len(cuts), half: 1}
	inner := cuts[:len(cuts)-1] // beyond them all is the last bin
	for 2*b.half-1 < len(inner) {
		b.half *= 2
	}
	b.keys = make([]uint32, 2*b.half)
	for i := range b.keys {
		b.keys[i] = math.MaxUint32
		if i < len(inner) {
			b.keys[i] = ordered(inner[i] + 0) // -0 becomes 0
		}
	}
	return b
}

// find is the first bin whose cut is larger than v, or the last bin.
func (b *binFinder) find(v float32) int {
	k := ordered(v + 0)
	at := 0
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
