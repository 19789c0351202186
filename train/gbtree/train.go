package gbtree

import (
	"context"
	"math"
	"runtime"
	"strconv"
	"time"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// EvalSet is a DMatrix whose metrics are computed after every round. It may be
// the training matrix itself.
type EvalSet struct {
	Name string
	Data *DMatrix
}

// Options are what a run needs beside the parameters.
type Options struct {
	Rounds int // boosting rounds, at least 1
	Evals  []EvalSet
	// EarlyStoppingRounds > 0 ends training when the last metric of the last
	// evaluation set has not improved for so many rounds in a row.
	EarlyStoppingRounds int
	Threads             int // 0: Params.NThread, and if that is 0, all
	// Progress is called after every round, from the goroutine of Train. The
	// maps it is given are its own.
	Progress func(Round)
}

// Round is what is known after a boosting round.
type Round struct {
	Index   int                           // from 0
	Total   int                           // rounds asked for
	Metrics map[string]map[string]float64 // by evaluation set and metric
	Elapsed time.Duration                 // since Train was called
}

// Result is a trained model and how it got there.
type Result struct {
	Model *ensemble.Model
	// Evals holds a value per round, by evaluation set and metric.
	Evals map[string]map[string][]float64
	// EvalNames and Metrics are the keys of Evals in order.
	EvalNames []string
	Metrics   []string
	// BestIteration and BestScore are the round, from 0, and the value that
	// early stopping found best. Without early stopping they are the last
	// round and its value, 0 where nothing was evaluated.
	BestIteration int
	BestScore     float64
}

// Train boosts trees on d. The result depends on p, the data and o.Rounds,
// o.Evals and o.EarlyStoppingRounds, not on the number of threads. When ctx is
// cancelled Train stops within a level of a tree and returns its error.
func Train(ctx context.Context, p Params, d *DMatrix, o Options) (*Result, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := p.checkColumns(d.cols); err != nil {
		return nil, err
	}
	t, err := newTrainer(p, d, o)
	if err != nil {
		return nil, err
	}
	return t.run(ctx)
}

// grower grows one tree and adds its leaves to the margins of the rows.
type grower interface {
	grow(ctx context.Context, gpair []gradientPair, margin []float32) (ensemble.Tree, error)
}

type trainer struct {
	p       Params
	d       *DMatrix
	o       Options
	threads int
	obj     objective
	metrics []metric
	margin  []float32   // of the training rows
	evals   [][]float32 // margins per evaluation set; the training set's own is margin
	model   *ensemble.Model
	result  *Result
	start   time.Time
}

func newTrainer(p Params, d *DMatrix, o Options) (*trainer, error) {
	t := &trainer{p: p, d: d, o: o, obj: newObjective(&p), start: time.Now()}
	t.threads = o.Threads
	if t.threads <= 0 {
		t.threads = p.NThread
	}
	if t.threads <= 0 {
		t.threads = runtime.GOMAXPROCS(0)
	}
	if o.Rounds < 1 {
		return nil, fault.Field(fault.Invalid, "num_boost_round", "%d boosting rounds; at least 1 is needed", o.Rounds)
	}
	if o.EarlyStoppingRounds < 0 {
		return nil, fault.Field(fault.Invalid, "early_stopping_rounds", "early_stopping_rounds is %d; expected 0 (off) or more", o.EarlyStoppingRounds)
	}
	if o.EarlyStoppingRounds > 0 && len(o.Evals) == 0 {
		return nil, fault.Field(fault.Invalid, "early_stopping_rounds", "early stopping needs an evaluation set to watch")
	}
	if err := t.obj.checkLabels(d); err != nil {
		return nil, err
	}
	var err error
	if t.metrics, err = p.metrics(); err != nil {
		return nil, err
	}
	t.result = &Result{Evals: map[string]map[string][]float64{}}
	for _, m := range t.metrics {
		t.result.Metrics = append(t.result.Metrics, m.name)
	}
	base := float32(0)
	if p.BaseScore != nil {
		base = *p.BaseScore
	} else {
		base = t.obj.estimate(d)
	}
	start := t.obj.startMargin(base)
	t.margin = filled(d.rows, start)
	if err := t.addEvals(start); err != nil {
		return nil, err
	}
	t.model = newModel(&p, d, base)
	return t, nil
}

func (t *trainer) addEvals(start float32) error {
	for _, e := range t.o.Evals {
		switch {
		case e.Name == "":
			return fault.Field(fault.Invalid, "evals", "an evaluation set has no name")
		case t.result.Evals[e.Name] != nil:
			return fault.Field(fault.Invalid, "evals", "two evaluation sets are named %q", e.Name)
		case e.Data == nil:
			return fault.Field(fault.Invalid, "evals", "evaluation set %q has no data", e.Name)
		case e.Data.cols != t.d.cols:
			return fault.Field(fault.Invalid, "evals", "evaluation set %q has %d features, the training set %d", e.Name, e.Data.cols, t.d.cols)
		}
		for f := range t.d.cols {
			if a, b := e.Data.FeatureName(f), t.d.FeatureName(f); a != b {
				return fault.Field(fault.Invalid, "evals", "evaluation set %q: feature %d is %s, in the training set it is %s", e.Name, f, a, b)
			}
		}
		if err := t.obj.checkLabels(e.Data); err != nil {
			return fault.Wrap(err, "evaluation set %q", e.Name)
		}
		t.result.EvalNames = append(t.result.EvalNames, e.Name)
		t.result.Evals[e.Name] = map[string][]float64{}
		margin := t.margin
		if e.Data != t.d {
			margin = filled(e.Data.rows, start)
		}
		t.evals = append(t.evals, margin)
	}
	return nil
}

func filled(n int, v float32) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func newModel(p *Params, d *DMatrix, base float32) *ensemble.Model {
	return &ensemble.Model{
		Version: [3]int32{3, 4, 1}, Booster: "gbtree", Objective: p.Objective,
		ObjectiveParams: map[string]map[string]string{
			"reg_loss_param": {"scale_pos_weight": strconv.FormatFloat(float64(p.ScalePosWeight), 'g', -1, 32)},
		},
		BaseScore: []float32{base}, BoostFromAverage: p.BaseScore == nil,
		NumFeature: d.cols, NumTarget: 1, FeatureNames: append([]string(nil), d.names...),
		Attributes: map[string]string{}, IterationIndptr: []int32{0}, NumParallelTree: p.NumParallelTree,
	}
}

func (t *trainer) run(ctx context.Context) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rng := newMT19937(uint32(t.p.Seed))
	sampler := newColumnSampler(rng, t.d.cols, &t.p)
	eta := t.p.Eta / float32(t.p.NumParallelTree)
	var g grower
	if t.p.TreeMethod == Exact {
		columns, err := t.d.sortColumns(ctx, t.threads)
		if err != nil {
			return nil, err
		}
		g = newExactGrower(t.d, columns, &t.p, rng, sampler, eta, t.threads)
	} else {
		q, err := t.d.quantize(ctx, t.p.MaxBin, t.threads)
		if err != nil {
			return nil, err
		}
		g = newHistGrower(t.d, q, &t.p, sampler, eta, t.threads)
	}
	watch := stopping{rounds: t.o.EarlyStoppingRounds}
	if watch.rounds > 0 {
		watch.maximize = t.metrics[len(t.metrics)-1].maximize
	}
	gpair := make([]gradientPair, t.d.rows)
	var sampled []gradientPair
	if t.p.TreeMethod == Hist && t.p.NumParallelTree > 1 {
		sampled = make([]gradientPair, t.d.rows)
	}
	for round := range t.o.Rounds {
		t.gradients(gpair)
		for range t.p.NumParallelTree {
			use := gpair
			if sampled != nil {
				copy(sampled, gpair)
				use = sampled
			}
			if t.p.TreeMethod == Hist {
				sampleRows(rng, use, t.p.Subsample)
			}
			tree, err := g.grow(ctx, use, t.margin)
			if err != nil {
				return nil, err
			}
			t.addTree(tree)
		}
		t.model.IterationIndptr = append(t.model.IterationIndptr, int32(len(t.model.Trees)))
		t.measure()
		t.report(round)
		if watch.rounds > 0 && watch.stop(round, t.lastScore()) {
			break
		}
	}
	t.finish(&watch)
	return t.result, nil
}

const gradientChunk = 1 << 14

func (t *trainer) gradients(gpair []gradientPair) {
	parallel(t.threads, (t.d.rows+gradientChunk-1)/gradientChunk, func(i int) {
		begin := i * gradientChunk
		t.obj.gradients(t.d, t.margin, gpair, begin, min(begin+gradientChunk, t.d.rows))
	})
}

func (t *trainer) addTree(tree ensemble.Tree) {
	t.model.Trees = append(t.model.Trees, tree)
	t.model.TreeInfo = append(t.model.TreeInfo, 0)
	for i, e := range t.o.Evals {
		if e.Data == t.d {
			continue
		}
		d, margin := e.Data, t.evals[i]
		parallel(t.threads, (d.rows+gradientChunk-1)/gradientChunk, func(c int) {
			for r := c * gradientChunk; r < min((c+1)*gradientChunk, d.rows); r++ {
				row := d.x[r*d.cols : (r+1)*d.cols]
				id := int32(0)
				for tree.LeftChildren[id] >= 0 {
					id = next(&tree, id, row)
				}
				margin[r] += tree.SplitConditions[id]
			}
		})
	}
}

// measure appends the round's metrics.
func (t *trainer) measure() {
	for i, e := range t.o.Evals {
		pred := make([]float32, len(t.evals[i]))
		margin := t.evals[i]
		parallel(t.threads, (len(pred)+gradientChunk-1)/gradientChunk, func(c int) {
			for r := c * gradientChunk; r < min((c+1)*gradientChunk, len(pred)); r++ {
				pred[r] = t.obj.transform(margin[r])
			}
		})
		values := make([]float64, len(t.metrics))
		parallel(t.threads, len(t.metrics), func(m int) { values[m] = asPrinted(t.metrics[m].measure(e.Data, pred)) })
		for m, v := range values {
			name := t.metrics[m].name
			t.result.Evals[e.Name][name] = append(t.result.Evals[e.Name][name], v)
		}
	}
}

// asPrinted rounds a metric to 17 decimals. XGBoost hands its metrics on as
// text of that form, so this is what its histories hold, what early stopping
// compares and what best_score becomes.
func asPrinted(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 17, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func (t *trainer) lastScore() float64 {
	names, metrics := t.result.EvalNames, t.result.Metrics
	values := t.result.Evals[names[len(names)-1]][metrics[len(metrics)-1]]
	return values[len(values)-1]
}

func (t *trainer) report(round int) {
	if t.o.Progress == nil {
		return
	}
	r := Round{Index: round, Total: t.o.Rounds, Metrics: map[string]map[string]float64{}, Elapsed: time.Since(t.start)}
	for set, byMetric := range t.result.Evals {
		r.Metrics[set] = map[string]float64{}
		for m, values := range byMetric {
			r.Metrics[set][m] = values[round]
		}
	}
	t.o.Progress(r)
}

func (t *trainer) finish(watch *stopping) {
	t.result.Model = t.model
	t.result.BestIteration = len(t.model.IterationIndptr) - 2
	if len(t.o.Evals) > 0 {
		t.result.BestScore = t.lastScore()
	}
	if watch.rounds > 0 {
		t.result.BestIteration, t.result.BestScore = watch.best, watch.score
		t.model.Attributes["best_iteration"] = strconv.Itoa(watch.best)
		t.model.Attributes["best_score"] = pythonFloat(watch.score)
	}
}

// stopping is the rule of early stopping: the first round is the best so far,
// later ones only if they are strictly better.
type stopping struct {
	rounds   int
	maximize bool
	best     int
	score    float64
	since    int // rounds without improvement
}

func (s *stopping) stop(round int, score float64) bool {
	if round == 0 || s.maximize && score > s.score || !s.maximize && score < s.score {
		s.best, s.score, s.since = round, score, 0
		return false
	}
	s.since++
	return s.since >= s.rounds
}

// pythonFloat writes v as Python's str does, which is what XGBoost's package
// stores: the shortest digits that read back, at least one after the point.
func pythonFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if v == math.Trunc(v) {
		s += ".0"
	}
	return s
}
