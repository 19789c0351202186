package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
)

// folds is how many parts the training months are cut into for calibration and
// the operating point.
const folds = 5

// TrainProgress reports boosting rounds as events of a stage.
func TrainProgress(sink Sink, stage string, rounds int) func(gbtree.Round) {
	m := newMeter(sink, stage, "rounds")
	return func(r gbtree.Round) {
		var b strings.Builder
		for _, set := range slices.Sorted(maps.Keys(r.Metrics)) {
			for _, name := range slices.Sorted(maps.Keys(r.Metrics[set])) {
				fmt.Fprintf(&b, "%s-%s %.5f  ", set, name, r.Metrics[set][name])
			}
		}
		m.at(int64(r.Index+1), int64(rounds), strings.TrimSpace(b.String()))
	}
}

// fit trains on x and returns the model and its predictor.
func fit(ctx context.Context, c *Config, p gbtree.Params, rounds int, names []string, x, y []float32, progress func(gbtree.Round)) (*ensemble.Model, *ensemble.Predictor, error) {
	d, err := gbtree.NewDMatrix(x, y, nil, names)
	if err != nil {
		return nil, nil, err
	}
	res, err := gbtree.Train(ctx, p, d, gbtree.Options{Rounds: rounds, Threads: c.Threads, Progress: progress})
	if err != nil {
		return nil, nil, err
	}
	pred, err := ensemble.NewPredictor(res.Model, ensemble.PredictorOptions{})
	return res.Model, pred, err
}

// outOfFold gives each training row the raw probability of a model that never
// saw its address.
func outOfFold(ctx context.Context, c *Config, t *table, p gbtree.Params, rounds int, sink Sink) ([]float64, error) {
	fold, err := evaluation.GroupKFold(t.groups, t.labels, folds, uint64(c.Seed))
	if err != nil {
		return nil, fault.Wrap(err, "cutting the training months into %d folds", folds)
	}
	m := newMeter(sink, "validate", "rounds")
	out := make([]float64, t.len())
	for k := range folds {
		x, y, _ := t.subset(func(i int) bool { return fold[i] != k })
		held, _, at := t.subset(func(i int) bool { return fold[i] == k })
		if len(at) == 0 {
			continue
		}
		_, pred, err := fit(ctx, c, p, rounds, t.names, x, y, func(r gbtree.Round) {
			m.at(int64(k*rounds+r.Index+1), int64(folds*rounds), fmt.Sprintf("fold %d of %d", k+1, folds))
		})
		if err != nil {
			return nil, err
		}
		prob := make([]float32, len(at))
		pred.Probability(prob, held, len(at), c.Threads)
		for j, i := range at {
			out[i] = float64(prob[j])
		}
	}
	return out, nil
}

// probabilities are the raw probabilities of a table's rows.
func probabilities(p *ensemble.Predictor, t *table, threads int) []float64 {
	p32 := make([]float32, t.len())
	p.Probability(p32, t.x, t.len(), threads)
	out := make([]float64, len(p32))
	for i, v := range p32 {
		out[i] = float64(v)
	}
	return out
}

// elapsed is a duration as a person reads it.
func elapsed(since time.Time) string {
	return time.Since(since).Round(10 * time.Millisecond).String()
}
