package gbtree

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// metric is one evaluation metric.
type metric struct {
	name     string
	maximize bool
	// measure compares predictions (probabilities for logistic) with labels.
	measure func(d *DMatrix, pred []float32) float64
}

// newMetric finds a metric by its XGBoost name.
func newMetric(name string) (metric, error) {
	base, at, hasAt := strings.Cut(name, "@")
	if hasAt && base != "error" {
		return metric{}, fault.Field(fault.Unsupported, "eval_metric", "metric %q takes no threshold; supported are %s", name, metricNames)
	}
	switch base {
	case "logloss":
		return metric{name: name, measure: elementwise(logLoss, mean)}, nil
	case "rmse":
		return metric{name: name, measure: elementwise(squaredError, func(s, w float64) float64 { return math.Sqrt(mean(s, w)) })}, nil
	case "error":
		threshold := float32(0.5)
		if hasAt {
			v, err := strconv.ParseFloat(at, 32)
			if err != nil || v != v {
				return metric{}, fault.Field(fault.Invalid, "eval_metric", "metric %q: %q is not a threshold", name, at)
			}
			threshold = float32(v)
		}
		if hasAt && threshold == 0.5 {
			name = "error"
		}
		return metric{name: name, measure: elementwise(errorAt(threshold), mean)}, nil
	case "auc":
		return metric{name: name, maximize: true, measure: func(d *DMatrix, pred []float32) float64 { return rocAUC(d, pred) }}, nil
	case "aucpr":
		return metric{name: name, maximize: true, measure: func(d *DMatrix, pred []float32) float64 { return prAUC(d, pred) }}, nil
	}
	return metric{}, fault.Field(fault.Unsupported, "eval_metric", "metric %q is not supported; supported are %s", name, metricNames)
}

const metricNames = "logloss, error, error@t, auc, aucpr, rmse"

func mean(sum, weight float64) float64 {
	if weight == 0 {
		return sum
	}
	return sum / weight
}

// elementwise makes a metric of a loss per row. The rows' losses are float32,
// summed as float64 in blocks of 2,048 rows whose sums are then added.
func elementwise(loss func(y, p float32) float32, final func(sum, weight float64) float64) func(*DMatrix, []float32) float64 {
	return func(d *DMatrix, pred []float32) float64 {
		const block = 2048
		var sum, weight float64
		for begin := 0; begin < d.rows; begin += block {
			var s, ws float64
			for i := begin; i < min(begin+block, d.rows); i++ {
				w := d.weightOf(i)
				s += float64(loss(d.label[i], pred[i]) * w)
				ws += float64(w)
			}
			sum += s
			weight += ws
		}
		return final(sum, weight)
	}
}

func (d *DMatrix) weightOf(i int) float32 {
	if d.weight == nil {
		return 1
	}
	return d.weight[i]
}

func logLoss(y, p float32) float32 {
	return xlogy(-y, p) + xlogy(-(1-y), 1-p)
}

func xlogy(x, y float32) float32 {
	if x == 0 {
		return 0
	}
	return float32(x * ensemble.Logf(max(y, 1e-16)))
}

func squaredError(y, p float32) float32 {
	d := y - p
	return float32(d * d)
}

func errorAt(threshold float32) func(y, p float32) float32 {
	return func(y, p float32) float32 {
		if p > threshold {
			return 1 - y
		}
		return y
	}
}

// rocAUC is the area under the receiver operating characteristic, NaN where
// only one class is present.
func rocAUC(d *DMatrix, pred []float32) float64 {
	area, fp, tp := curve(d, pred, func(fp0, fp1, tp0, tp1 float64) float64 {
		return math.Abs(fp1-fp0) * (tp1 + tp0) / 2
	})
	if fp <= 0 || tp <= 0 {
		return math.NaN()
	}
	return min(area/(fp*tp), 1)
}

// prAUC is the area under the precision-recall curve, interpolated after Davis
// and Goadrich (2006), NaN where only one class is present.
func prAUC(d *DMatrix, pred []float32) float64 {
	var total float64
	for i, y := range d.label {
		total += float64(y * d.weightOf(i))
	}
	area, fp, tp := curve(d, pred, func(fp0, fp1, tp0, tp1 float64) float64 {
		x0, x1 := tp0/total, tp1/total
		a, b := 1.0, 0.0
		if tp1 != tp0 {
			h := (fp1 - fp0) / (tp1 - tp0)
			a = h + 1
			b = (fp0 - float64(h*tp0)) / total
		}
		if b == 0 {
			return (x1 - x0) / a
		}
		log := math.Log(float64(a*x1)+b) - math.Log(float64(a*x0)+b)
		return (x1 - x0 - float64(b/a*log)) / a
	})
	if fp <= 0 || tp <= 0 {
		return math.NaN()
	}
	return min(area, 1)
}

// curve walks over the rows by descending prediction and sums the areas between
// runs of equal predictions. It returns the sums of negatives and positives too.
func curve(d *DMatrix, pred []float32, area func(fp0, fp1, tp0, tp1 float64) float64) (sum, fp, tp float64) {
	order := make([]int32, d.rows)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(pred[b], pred[a]) })
	var fp0, tp0 float64
	for i, r := range order {
		if i > 0 && pred[r] != pred[order[i-1]] {
			sum += area(fp0, fp, tp0, tp)
			fp0, tp0 = fp, tp
		}
		y, w := d.label[r], d.weightOf(int(r))
		if i == 0 { // as in XGBoost; it shows with labels between 0 and 1
			fp = float64((1 - float64(y)) * float64(w))
		} else {
			fp += float64(float32((1 - y) * w))
		}
		tp += float64(float32(y * w))
	}
	return sum + area(fp0, fp, tp0, tp), fp, tp
}
