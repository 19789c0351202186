package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/models/drift"
	"sluice/models/scorer"
)

// driftSpan is how far back rows count for drift.
const driftSpan = time.Hour

// observed is the champion as calls see it that leave the version to the
// service: what they score is counted for drift and scored by the shadow.
type observed struct {
	*scorer.Scorer
	live    *drift.Live // nil: the version has no profile
	shadows *shadows
}

// ScoreFloat32 is the Scorer's.
func (o *observed) ScoreFloat32(x []float32, n, threads int) []scorer.Score {
	scores := o.Scorer.ScoreFloat32(x, n, threads)
	o.saw(x, scores)
	return scores
}

// AppendScores is the Scorer's.
func (o *observed) AppendScores(dst []scorer.Score, x []float32, n, threads int) []scorer.Score {
	before := len(dst)
	dst = o.Scorer.AppendScores(dst, x, n, threads)
	o.saw(x, dst[before:])
	return dst
}

func (o *observed) saw(x []float32, scores []scorer.Score) {
	if o.live != nil {
		o.live.Add(time.Now(), x, len(scores), func(i int) float64 { return scores[i].Probability })
	}
	o.shadows.see(o, x, scores)
}

// driftCollector shows how far what the champion scores lies from what it was
// trained on.
type driftCollector struct {
	champion  func() *observed
	rows, psi *prometheus.Desc
}

func newDriftCollector(champion func() *observed) *driftCollector {
	return &driftCollector{champion,
		prometheus.NewDesc("sluice_drift_rows", "Rows of the last hour that drift is measured on.", nil, nil),
		prometheus.NewDesc("sluice_drift_psi", "Population stability index of the last hour's rows against the training rows, by column; score is the raw probability. Below 0.1 little, above 0.25 a shift.", []string{"column"}, nil),
	}
}

func (c *driftCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.rows; ch <- c.psi }

func (c *driftCollector) Collect(ch chan<- prometheus.Metric) {
	o := c.champion()
	if o == nil || o.live == nil {
		return
	}
	rows, names, psi := o.live.PSI(time.Now())
	ch <- prometheus.MustNewConstMetric(c.rows, prometheus.GaugeValue, float64(rows))
	for i, v := range psi {
		if v == v {
			ch <- prometheus.MustNewConstMetric(c.psi, prometheus.GaugeValue, v, names[i])
		}
	}
}
