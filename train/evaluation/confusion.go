package evaluation

import "math"

// Confusion counts rows by label and verdict; True is the positive class.
// Counts are sums of weights, whole numbers where there are none.
type Confusion struct {
	TN float64 `json:"tn"` // labelled False, not flagged
	FP float64 `json:"fp"` // labelled False, flagged
	FN float64 `json:"fn"` // labelled True, not flagged
	TP float64 `json:"tp"` // labelled True, flagged
}

// Confuse counts rows; weights may be nil. The slices have equal length.
func Confuse(labels, flags []bool, weights []float64) Confusion {
	var c Confusion
	for i, y := range labels {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		c.add(y, flags[i], w)
	}
	return c
}

func (c *Confusion) add(label, flag bool, w float64) {
	switch {
	case label && flag:
		c.TP += w
	case label:
		c.FN += w
	case flag:
		c.FP += w
	default:
		c.TN += w
	}
}

// Rows is the total count.
func (c Confusion) Rows() float64 { return c.TN + c.FP + c.FN + c.TP }

// Flagged is the count of flagged rows.
func (c Confusion) Flagged() float64 { return c.FP + c.TP }

// Class holds the figures of one class, or an average over both.
type Class struct {
	Precision Float `json:"precision"` // of the rows given this class, the share that has it
	Recall    Float `json:"recall"`    // of the rows that have this class, the share given it
	F1        Float `json:"f1"`        // 2 tp / (2 tp + fp + fn)
	Support   Float `json:"support"`   // rows that have this class
}

// Classes are the two classes by the name of the label's value.
type Classes struct {
	False Class `json:"False"`
	True  Class `json:"True"`
}

// Metrics are the figures of one confusion matrix, as scikit-learn's
// classification_report has them.
type Metrics struct {
	Confusion Confusion `json:"confusion"`
	Classes   Classes   `json:"classes"`
	Accuracy  Float     `json:"accuracy"`
	Macro     Class     `json:"macro"`    // plain mean over the defined classes
	Weighted  Class     `json:"weighted"` // mean over the defined classes by support
}

// ratio is a/b, NaN where b is 0.
func ratio(a, b float64) Float {
	if b == 0 {
		return NaN()
	}
	return Float(a / b)
}

// Metrics computes the figures of the matrix. A figure whose denominator is 0
// is NaN; see the package comment for what averages make of it.
func (c Confusion) Metrics() Metrics {
	class := func(tp, fp, fn float64) Class {
		return Class{
			Precision: ratio(tp, tp+fp),
			Recall:    ratio(tp, tp+fn),
			F1:        ratio(2*tp, 2*tp+fp+fn),
			Support:   Float(tp + fn),
		}
	}
	m := Metrics{
		Confusion: c,
		Classes:   Classes{False: class(c.TN, c.FN, c.FP), True: class(c.TP, c.FP, c.FN)},
		Accuracy:  ratio(c.TN+c.TP, c.Rows()),
	}
	f, t := m.Classes.False, m.Classes.True
	m.Macro = average(f, t, 1, 1)
	m.Weighted = average(f, t, float64(f.Support), float64(t.Support))
	return m
}

func average(f, t Class, wf, wt float64) Class {
	mean := func(a, b Float) Float {
		switch {
		case isNaN(a):
			return b
		case isNaN(b):
			return a
		}
		return ratio(wf*float64(a)+wt*float64(b), wf+wt)
	}
	return Class{
		Precision: mean(f.Precision, t.Precision),
		Recall:    mean(f.Recall, t.Recall),
		F1:        mean(f.F1, t.F1),
		Support:   f.Support + t.Support,
	}
}

// FalsePositiveRate is fp / (fp + tn): of the rows labelled False, the share
// that is flagged.
func (c Confusion) FalsePositiveRate() Float { return ratio(c.FP, c.FP+c.TN) }

func isNaN(f Float) bool { return math.IsNaN(float64(f)) }
