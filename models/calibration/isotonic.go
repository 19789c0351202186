package calibration

import "slices"

// FitIsotonic is isotonic regression by pooling adjacent violators (M. Ayer et
// al., "An empirical distribution function for sampling with incomplete
// information", Annals of Mathematical Statistics 26, 1955): the rising step
// function nearest to the labels in squares. Rows of equal probability are one
// point of their mean label. As in scikit-learn's IsotonicRegression, inner
// points of a level are dropped and values between points interpolated, so
// that the result is continuous.
//
// Levels are kept inside [1/(n+2), (n+1)/(n+2)]: n rows without an exception
// are no proof that there is none.
func FitIsotonic(labels []bool, p []float64) (*Calibrator, error) {
	if err := check(labels, p); err != nil {
		return nil, err
	}
	c := &Calibrator{SchemaVersion: SchemaVersion, Kind: Isotonic, Rows: len(labels), Reason: "enough rows for a free form"}
	if len(p) == 0 {
		return &Calibrator{SchemaVersion: SchemaVersion, Kind: Identity, Reason: "no rows to calibrate on"}, nil
	}
	order := make([]int32, len(p))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return int(a - b)
	})
	// A block is a run of points pooled to one level; counts are integers, so
	// that no order of sums shows in the result.
	type block struct {
		pos, rows   int64
		first, last int // points
	}
	var xs []float64
	var blocks []block
	for k := 0; k < len(order); {
		x := p[order[k]]
		b := block{first: len(xs), last: len(xs)}
		for ; k < len(order) && p[order[k]] == x; k++ {
			b.rows++
			if labels[order[k]] {
				b.pos++
			}
		}
		xs = append(xs, x)
		blocks = append(blocks, b)
		for len(blocks) > 1 {
			l, r := &blocks[len(blocks)-2], blocks[len(blocks)-1]
			if l.pos*r.rows < r.pos*l.rows {
				break
			}
			l.pos += r.pos
			l.rows += r.rows
			l.last = r.last
			blocks = blocks[:len(blocks)-1]
		}
	}
	n := float64(len(p))
	low, high := 1/(n+2), (n+1)/(n+2)
	for _, b := range blocks {
		y := min(max(float64(b.pos)/float64(b.rows), low), high)
		c.X, c.Y = append(c.X, xs[b.first]), append(c.Y, y)
		if b.last > b.first {
			c.X, c.Y = append(c.X, xs[b.last]), append(c.Y, y)
		}
	}
	return c, nil
}
