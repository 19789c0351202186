package server

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/featurestore/fault"
	"sluice/models/registry"
	"sluice/models/scorer"
)

// shadowNewest asks for the newest version that is not the champion.
const shadowNewest = "newest"

// shadowQueue is how many calls wait for the shadow; what comes beyond that is
// left out, and counted.
const shadowQueue = 64

// shadows scores beside the champion with another version, which nobody sees
// the answers of: only how they differ, in metrics. It runs on one goroutine of
// its own, so that calls don't wait for it.
type shadows struct {
	models  *homeModels
	want    string // a version, shadowNewest or ""
	now     atomic.Pointer[shadow]
	refused refusal   // used by refresh alone
	seen    time.Time // the registry's folder, as it was when it was looked through
	newest  string    // what was found then

	queue chan shadowCall
	pool  sync.Pool // of *shadowRows
	done  chan struct{}

	rows       prometheus.Counter
	dropped    prometheus.Counter
	verdicts   *prometheus.CounterVec
	difference prometheus.Histogram
}

// shadow is one version beside one champion.
type shadow struct {
	champion *observed
	scorer   *scorer.Scorer
	at       []int // at[i]: the champion's column of the shadow's feature i
}

// shadowCall is what one call scored.
type shadowCall struct {
	shadow *shadow
	rows   *shadowRows
}

type shadowRows struct {
	x      []float32 // in the shadow's order
	scores []scorer.Score
	own    []scorer.Score
}

func newShadows(h *homeModels, want string) *shadows {
	s := &shadows{
		models: h, want: want, queue: make(chan shadowCall, shadowQueue), done: make(chan struct{}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_shadow_rows_total", Help: "Rows that the shadow scored beside the champion.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_shadow_dropped_rows_total", Help: "Rows that the shadow left out because it was behind.",
		}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_shadow_verdicts_total", Help: "Rows by the champion's verdict and the shadow's.",
		}, []string{"champion", "shadow"}),
		difference: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_shadow_confidence_difference", Help: "The shadow's confidence less the champion's.",
			Buckets: []float64{-0.5, -0.2, -0.1, -0.05, -0.01, 0, 0.01, 0.05, 0.1, 0.2, 0.5},
		}),
	}
	s.pool.New = func() any { return &shadowRows{} }
	return s
}

func (s *shadows) collectors() []prometheus.Collector {
	return []prometheus.Collector{s.rows, s.dropped, s.verdicts, s.difference}
}

// version is the one that shadows, or "".
func (s *shadows) version() string {
	if now := s.now.Load(); now != nil {
		return now.scorer.Version()
	}
	return ""
}

// refresh loads the version that should shadow the present champion. Errors:
// those of loading, Conflict where it needs columns that the champion's callers
// don't send.
func (s *shadows) refresh() (changed bool, err error) {
	if s.want == "" {
		return false, nil
	}
	champion := s.models.champion.Load()
	name := s.want
	if name == shadowNewest {
		if name, err = s.findNewest(); err != nil {
			return false, err
		}
	}
	now := s.now.Load()
	if champion == nil || name == "" || name == champion.Version() {
		s.now.Store(nil)
		return now != nil, nil
	}
	if now != nil && now.champion == champion && now.scorer.Version() == name {
		return false, nil
	}
	o, err := s.refused.load(s.models, name)
	if err != nil {
		s.now.Store(nil)
		return false, err
	}
	next := &shadow{champion: champion, scorer: o.Scorer}
	for _, f := range o.FeatureNames() {
		i := slices.Index(champion.FeatureNames(), f)
		if i < 0 {
			s.now.Store(nil)
			return false, fault.New(fault.Conflict, "version %s can't shadow %s: it needs the column %q, which the champion's callers don't send", name, champion.Version(), f)
		}
		next.at = append(next.at, i)
	}
	s.now.Store(next)
	return true, nil
}

// findNewest is the newest version that is not the champion, or "". The
// registry is looked through only when it changed.
func (s *shadows) findNewest() (string, error) {
	st, err := os.Stat(s.models.registry.Dir())
	if err != nil {
		return "", nil // nothing was trained yet
	}
	champion := s.models.Champion()
	if st.ModTime().Equal(s.seen) && s.newest != champion {
		return s.newest, nil
	}
	versions, _, err := s.models.registry.Versions()
	if err != nil {
		return "", err
	}
	newest := registry.Version{}
	for _, v := range versions {
		if v.Name != champion && (newest.Name == "" || v.Manifest.CreatedAt.After(newest.Manifest.CreatedAt)) {
			newest = v
		}
	}
	s.seen, s.newest = st.ModTime(), newest.Name
	return s.newest, nil
}

// see hands what a champion scored to the shadow, or leaves it out where the
// shadow is behind.
func (s *shadows) see(champion *observed, x []float32, scores []scorer.Score) {
	now := s.now.Load()
	if now == nil || now.champion != champion {
		return
	}
	if len(s.queue) == cap(s.queue) {
		s.dropped.Add(float64(len(scores)))
		return
	}
	r := s.pool.Get().(*shadowRows)
	f := len(champion.FeatureNames())
	r.x = slices.Grow(r.x[:0], len(scores)*len(now.at))
	for i := range scores {
		row := x[i*f:][:f]
		for _, at := range now.at {
			r.x = append(r.x, row[at])
		}
	}
	r.scores = append(r.scores[:0], scores...)
	select {
	case s.queue <- shadowCall{now, r}:
	default:
		s.dropped.Add(float64(len(scores)))
		s.pool.Put(r)
	}
}

// run scores what waits until stop is closed.
func (s *shadows) run(stop <-chan struct{}) {
	defer close(s.done)
	for {
		select {
		case c := <-s.queue:
			s.compare(c)
			s.pool.Put(c.rows)
		case <-stop:
			return
		}
	}
}

// compare scores a call's rows and counts how the answers differ. A row of which
// nothing is known stands for one that could not be read; it is left out.
func (s *shadows) compare(c shadowCall) {
	r, f := c.rows, len(c.shadow.at)
	r.own = c.shadow.scorer.AppendScores(r.own[:0], r.x, len(r.scores), 1)
	n := 0
	for i := range r.scores {
		if !slices.ContainsFunc(r.x[i*f:][:f], func(v float32) bool { return v == v }) {
			continue
		}
		n++
		s.verdicts.WithLabelValues(string(r.scores[i].Verdict), string(r.own[i].Verdict)).Inc()
		s.difference.Observe(r.own[i].Confidence - r.scores[i].Confidence)
	}
	s.rows.Add(float64(n))
}
