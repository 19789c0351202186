package pipeline

import (
	"fmt"
	"time"

	"sluice/train/evaluation"
	"sluice/train/gbtree"
)

// candidate is one setting that tuning tries.
type candidate struct {
	MaxDepth       int     `json:"max_depth"`
	Eta            float32 `json:"eta"`
	MinChildWeight float32 `json:"min_child_weight"`
	Rounds         int     `json:"num_boost_round"`
	PRAUC          float64 `json:"pr_auc"` // out of fold
	ROCAUC         float64 `json:"roc_auc"`
}

// tuning is the search and its outcome.
type tuning struct {
	Tried  []candidate `json:"tried"`
	Chosen int         `json:"chosen"`
}

// search is the whole grid: small and stated, so that it can be repeated by
// hand. The given parameters come first and are kept unless another setting is
// better.
func search(p gbtree.Params, rounds int) []candidate {
	grid := []candidate{{MaxDepth: p.MaxDepth, Eta: p.Eta, MinChildWeight: p.MinChildWeight, Rounds: rounds}}
	for _, depth := range []int{2, 3, 4, 6} {
		for _, mcw := range []float32{1, 5, 20} {
			grid = append(grid, candidate{MaxDepth: depth, Eta: 0.1, MinChildWeight: mcw, Rounds: 100}, candidate{MaxDepth: depth, Eta: 0.05, MinChildWeight: mcw, Rounds: 300})
		}
	}
	return grid
}

// String is the setting in XGBoost's words.
func (c candidate) String() string {
	return fmt.Sprintf("max_depth %d, eta %g, min_child_weight %g, %d rounds", c.MaxDepth, c.Eta, c.MinChildWeight, c.Rounds)
}

// tuneParams takes the parameters that search finds.
func (w *work) tuneParams() error {
	if !w.Tune {
		return nil
	}
	begun := time.Now()
	t, err := w.search()
	if err != nil {
		return err
	}
	c := t.Tried[t.Chosen]
	w.params.MaxDepth, w.params.Eta, w.params.MinChildWeight, w.rounds = c.MaxDepth, c.Eta, c.MinChildWeight, c.Rounds
	w.tuning = t
	w.stage("tune", begun, "%s: pr_auc %.4f out of fold, %.4f as given", c, c.PRAUC, t.Tried[0].PRAUC)
	return nil
}

// search tries every setting on folds of the training months, grouped by IP,
// and picks by average precision; the test months take no part.
func (w *work) search() (*tuning, error) {
	t := &tuning{Tried: search(w.Params, w.Rounds)}
	m := newMeter(w.sink, "tune", "settings")
	for i := range t.Tried {
		c := &t.Tried[i]
		p := w.Params
		p.MaxDepth, p.Eta, p.MinChildWeight = c.MaxDepth, c.Eta, c.MinChildWeight
		raw, err := outOfFold(w.ctx, w.Config, w.train, p, c.Rounds, func(Event) {})
		if err != nil {
			return nil, err
		}
		pr, err := evaluation.PRAUC(w.train.labels, raw, nil)
		if err != nil {
			return nil, err
		}
		roc, err := evaluation.ROCAUC(w.train.labels, raw, nil)
		if err != nil {
			return nil, err
		}
		c.PRAUC, c.ROCAUC = float64(pr), float64(roc)
		if c.PRAUC > t.Tried[t.Chosen].PRAUC {
			t.Chosen = i
		}
		m.at(int64(i+1), int64(len(t.Tried)), fmt.Sprintf("best pr_auc %.4f", t.Tried[t.Chosen].PRAUC))
	}
	return t, nil
}
