package ensemble

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"sluice/featurestore/fault"
)

// PredictorOptions chooses what a Predictor answers from.
type PredictorOptions struct {
	// IterationRange is [begin, end) in boosting rounds, as XGBoost's
	// iteration_range: {0, 0} is all rounds, {0, best_iteration+1} the best
	// of an early-stopped model.
	IterationRange [2]int
}

// Predictor is a Model prepared for answering. It is immutable and safe for
// concurrent use. It shares the Model's trees, which must not be changed
// afterwards.
//
// Rows are row-major float32, NumFeature values each, NaN is missing, ±Inf are
// ordinary values. Answers are XGBoost's, bit for bit: trees are added in file
// order to the start margin, each sum rounded to float32.
type Predictor struct {
	numFeature int
	groups     int
	output     output
	base       []float32 // start margin per group
	slots      []slot    // columns of a block: one per (feature, way of a missing value) in use
	trees      []compiled
	linear     []float32 // gblinear: NumFeature*groups weights, then groups biases

	blocks sync.Pool // *block, so that a call allocates none

	// For contributions, prepared when first asked for.
	source     []Tree
	weights    []float32
	shapes     []*shape
	shapesOnce sync.Once
}

// NewPredictor prepares m. It checks m first, so that no later call can fail.
func NewPredictor(m *Model, o PredictorOptions) (*Predictor, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	base, err := m.BaseMargins()
	if err != nil {
		return nil, err
	}
	p := &Predictor{
		numFeature: m.NumFeature,
		groups:     m.Groups(),
		output:     objectives[m.Objective].output,
		base:       base,
	}
	if m.Booster == "gblinear" {
		if o.IterationRange != [2]int{} {
			return nil, fault.Field(fault.Unsupported, "iteration_range",
				"a gblinear model has no rounds to choose from: leave iteration_range out")
		}
		p.linear = append([]float32(nil), m.Linear...)
		for g := range base { // XGBoost starts every output of gblinear at the first one's
			base[g] = base[0]
		}
		return p, nil
	}
	from, to, err := m.treeRange(o.IterationRange)
	if err != nil {
		return nil, err
	}
	p.compile(m, from, to)
	return p, nil
}

// treeRange turns rounds into trees.
func (m *Model) treeRange(r [2]int) (from, to int, err error) {
	rounds := m.Rounds()
	if r == [2]int{} {
		return 0, len(m.Trees), nil
	}
	if r[1] == 0 { // XGBoost: an end of 0 is the last round
		r[1] = rounds
	}
	if r[0] < 0 || r[1] > rounds || r[0] >= r[1] {
		return 0, 0, fault.Field(fault.Invalid, "iteration_range",
			"iteration_range (%d, %d) does not fit a model of %d rounds: expected 0 <= begin < end <= %d",
			r[0], r[1], rounds, rounds)
	}
	ptr := m.RoundPointers()
	return int(ptr[r[0]]), int(ptr[r[1]]), nil
}

// NumFeature is the length of a row.
func (p *Predictor) NumFeature() int { return p.numFeature }

// Groups is the number of margins per row: classes, targets, or 1.
func (p *Predictor) Groups() int { return p.groups }

// Outputs is the number of values per row that Probability writes: Groups, or
// 1 for multi:softmax, whose answer is a class.
func (p *Predictor) Outputs() int {
	if p.output == argmaxOutput {
		return 1
	}
	return p.groups
}

// Margin writes rows*Groups margins to dst for rows rows of x. threads is the
// number of goroutines, 0 for one per processor; the answer does not depend on
// it. It panics when dst or x is too short.
func (p *Predictor) Margin(dst, x []float32, rows, threads int) {
	x = x[:rows*p.numFeature]
	dst = dst[:rows*p.groups]
	if p.linear != nil {
		for r := range rows {
			p.linearMargin(dst[r*p.groups:][:p.groups], x[r*p.numFeature:][:p.numFeature])
		}
		return
	}
	if threads == 1 || rows <= blockRows { // as eachBlock would, without a closure's allocation
		b := p.takeBlock()
		for from := 0; from < rows; from += blockRows {
			b.blockMargins(p, dst, x, from, min(blockRows, rows-from))
		}
		p.giveBlock(b)
		return
	}
	p.eachBlock(rows, threads, func(b *block, from, n int) { b.blockMargins(p, dst, x, from, n) })
}

// blockMargins answers for the n rows of x that begin at from.
func (b *block) blockMargins(p *Predictor, dst, x []float32, from, n int) {
	b.load(p, x[from*p.numFeature:], n)
	b.margins(p, dst[from*p.groups:(from+n)*p.groups], n)
}

// Probability writes rows*Outputs values to dst: the margins through the
// objective's transformation (for the logistic objectives a probability).
func (p *Predictor) Probability(dst, x []float32, rows, threads int) {
	if p.output == argmaxOutput {
		m := make([]float32, rows*p.groups)
		p.Margin(m, x, rows, threads)
		p.output.transform(dst[:rows], m, p.groups)
		return
	}
	dst = dst[:rows*p.groups]
	p.Margin(dst, x, rows, threads)
	p.output.transform(dst, dst, p.groups)
}

// Leaves writes to dst, for each row, the node id of the leaf it ends in, tree
// after tree.
func (p *Predictor) Leaves(dst []int32, x []float32, rows, threads int) {
	n := len(p.trees)
	x = x[:rows*p.numFeature]
	dst = dst[:rows*n]
	p.eachBlock(rows, threads, func(b *block, from, rows int) {
		b.load(p, x[from*p.numFeature:], rows)
		for t := range p.trees {
			b.walk(&p.trees[t])
			for r := range rows {
				dst[(from+r)*n+t] = p.trees[t].ids[b.at[r]]
			}
		}
	})
}

// Trees is the number of trees that answer: the length of a row of Leaves.
func (p *Predictor) Trees() int { return len(p.trees) }

// eachBlock deals blocks of up to blockRows rows to threads goroutines.
func (p *Predictor) eachBlock(rows, threads int, do func(b *block, from, n int)) {
	blocks := (rows + blockRows - 1) / blockRows
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if threads = min(threads, blocks); threads <= 1 {
		b := p.takeBlock()
		for from := 0; from < rows; from += blockRows {
			do(b, from, min(blockRows, rows-from))
		}
		p.giveBlock(b)
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			b := p.takeBlock()
			defer p.giveBlock(b)
			for {
				i := int(next.Add(1)) - 1
				if i >= blocks {
					return
				}
				do(b, i*blockRows, min(blockRows, rows-i*blockRows))
			}
		})
	}
	wg.Wait()
}

func (p *Predictor) takeBlock() *block {
	if b, ok := p.blocks.Get().(*block); ok {
		return b
	}
	return newBlock(p)
}

// giveBlock keeps b for the next call, without the caller's rows.
func (p *Predictor) giveBlock(b *block) {
	b.x = nil
	p.blocks.Put(b)
}

// linearMargin is gblinear's: the bias and the start margin, then each present
// feature in order, every product and sum rounded to float32.
func (p *Predictor) linearMargin(dst, row []float32) {
	for g := range dst {
		a := p.linear[p.numFeature*p.groups+g] + p.base[g]
		for f, v := range row {
			if v == v {
				a += float32(v * p.linear[f*p.groups+g])
			}
		}
		dst[g] = a
	}
}

// MarginRow is the margin of one row of a model with a single output. It does
// not allocate. It panics when the model has several outputs or the row is
// short.
func (p *Predictor) MarginRow(row []float32) float32 {
	if p.groups != 1 {
		panic("ensemble: MarginRow of a model with several outputs; use Margin")
	}
	row = row[:p.numFeature]
	if p.linear != nil {
		var dst [1]float32
		p.linearMargin(dst[:], row)
		return dst[0]
	}
	var few [64]uint32
	keys := few[:]
	if len(p.slots) > len(few) {
		b := keyPool.Get().(*[]uint32)
		defer keyPool.Put(b)
		if cap(*b) < len(p.slots) {
			*b = make([]uint32, len(p.slots))
		}
		keys = (*b)[:len(p.slots)]
	}
	for i, s := range p.slots {
		keys[i] = s.key(row[s.feature])
	}
	return p.sumRow(keys, row)
}

var keyPool = sync.Pool{New: func() any { return new([]uint32) }}

// ProbabilityRow is MarginRow through the objective's transformation.
func (p *Predictor) ProbabilityRow(row []float32) float32 {
	v := [1]float32{p.MarginRow(row)}
	p.output.transform(v[:], v[:], 1)
	return v[0]
}

// A slot is one column of keys: a feature, and on which side of every
// threshold its missing values fall.
type slot struct {
	feature int32
	missing uint32 // the key of NaN: lowKey goes left everywhere, highKey right
}

const (
	lowKey  = 0
	highKey = math.MaxUint32
)

// key maps floats to integers in the same order, -0 equal to +0, and NaN to
// below or above everything, so that one integer comparison decides a node
// with missing values included.
func (s slot) key(v float32) uint32 {
	if v != v {
		return s.missing
	}
	return orderedKey(v)
}

// orderedKey is between lowKey and highKey for every number, ±Inf included.
func orderedKey(v float32) uint32 {
	b := int32(math.Float32bits(v))
	if b < 0 {
		b = math.MinInt32 - b
	}
	return uint32(b) ^ 1<<31
}
