package pipeline

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/models/ensemble"
	"sluice/train/evaluation"
	"sluice/train/report"
)

// contributions are a table's contributions to the margin, row-major, one
// value a feature and the bias last.
func contributions(p *ensemble.Predictor, t *table, threads int) []float32 {
	out := make([]float32, t.len()*(len(t.names)+1))
	p.Contributions(out, t.x, t.len(), threads)
	return out
}

// importances measures every feature: gain, cover and splits of the trees,
// permutation loss and mean contribution on the test rows.
func (w *work) importances(contrib []float32) ([]report.Importance, error) {
	byName := map[string]*report.Importance{}
	out := make([]report.Importance, len(w.train.names))
	for i, n := range w.train.names {
		out[i] = report.Importance{Feature: n, Permutation: math.NaN(), Low: math.NaN(), High: math.NaN()}
		byName[n] = &out[i]
	}
	for _, kind := range []string{"total_gain", "total_cover", "weight"} {
		scores, err := ensemble.Importance(w.model, kind)
		if err != nil {
			return nil, err
		}
		var sum float64
		for _, s := range scores {
			sum += float64(s.Score)
		}
		for _, s := range scores {
			im := byName[s.Feature]
			if im == nil {
				continue
			}
			switch kind {
			case "total_gain":
				im.Gain = float64(s.Score) / sum
			case "total_cover":
				im.Cover = float64(s.Score) / sum
			case "weight":
				im.Weight = int(s.Score)
			}
		}
	}
	f := len(w.test.names)
	for j := range out {
		var sum float64
		for i := range w.test.len() {
			sum += math.Abs(float64(contrib[i*(f+1)+j]))
		}
		out[j].MeanAbsSHAP = sum / float64(max(1, w.test.len()))
	}
	if err := w.permutation(out); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b report.Importance) int { return cmp.Compare(b.Gain, a.Gain) })
	return out, nil
}

// permutationDraws is how often each column is shuffled.
const permutationDraws = 10

// permutation measures how much ROC AUC on the test rows is lost when a column
// is shuffled (L. Breiman, Random Forests, 2001), mean and normal 95 % interval
// over the draws.
func (w *work) permutation(out []report.Importance) error {
	t := w.test
	base, err := evaluation.ROCAUC(t.labels, probabilities(w.predictor, t, w.Threads), nil)
	if err != nil || !base.Defined() {
		return err
	}
	f := len(t.names)
	shuffled := *t
	for j := range out {
		if out[j].Weight == 0 {
			out[j].Permutation, out[j].Low, out[j].High = 0, 0, 0
			continue
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
		shuffled.x = slices.Clone(t.x)
		r := rand.New(rand.NewPCG(uint64(w.Seed), uint64(j)))
		var sum, sum2 float64
		for range permutationDraws {
			r.Shuffle(t.len(), func(a, b int) {
				shuffled.x[a*f+j], shuffled.x[b*f+j] = shuffled.x[b*f+j], shuffled.x[a*f+j]
			})
			auc, err := evaluation.ROCAUC(t.labels, probabilities(w.predictor, &shuffled, w.Threads), nil)
			if err != nil {
				return err
			}
			d := float64(base - auc)
			sum, sum2 = sum+d, sum2+d*d
		}
		const n = permutationDraws
		mean := sum / n
		sd := math.Sqrt(max(0, (sum2-n*mean*mean)/(n-1)))
		out[j].Permutation, out[j].Low, out[j].High = mean, mean-1.96*sd/math.Sqrt(n), mean+1.96*sd/math.Sqrt(n)
	}
	return nil
}

// dependences shows, for the features that matter most, what their values
// contribute to the margin on the test rows.
func (w *work) dependences(contrib []float32, by []report.Importance) []report.Dependence {
	const features, points = 4, 20
	t, f := w.test, len(w.test.names)
	order := slices.Clone(by)
	slices.SortStableFunc(order, func(a, b report.Importance) int { return cmp.Compare(b.MeanAbsSHAP, a.MeanAbsSHAP) })
	var out []report.Dependence
	for _, im := range order[:min(features, len(order))] {
		j := slices.Index(t.names, im.Feature)
		type point struct{ v, c float64 }
		var ps []point
		for i := range t.len() {
			if v := float64(t.x[i*f+j]); v == v {
				ps = append(ps, point{v, float64(contrib[i*(f+1)+j])})
			}
		}
		if len(ps) == 0 {
			continue
		}
		slices.SortFunc(ps, func(a, b point) int { return cmp.Or(cmp.Compare(a.v, b.v), cmp.Compare(a.c, b.c)) })
		c, _ := columns.ByName(im.Feature)
		d := report.Dependence{Feature: im.Feature, Unit: c.Unit, Log: c.Type == columns.Int || c.Type == columns.Bytes}
		for k := range points {
			part := ps[k*len(ps)/points : (k+1)*len(ps)/points]
			if len(part) == 0 {
				continue
			}
			mid := part[len(part)/2].v
			if n := len(d.Values); n > 0 && d.Values[n-1] == mid {
				continue
			}
			cs := make([]float64, len(part))
			var sum float64
			for i, p := range part {
				cs[i] = p.c
				sum += p.c
			}
			slices.Sort(cs)
			d.Values = append(d.Values, mid)
			d.Margin = append(d.Margin, sum/float64(len(cs)))
			d.Low = append(d.Low, cs[len(cs)/10])
			d.High = append(d.High, cs[len(cs)*9/10])
		}
		out = append(out, d)
	}
	return out
}

// dossiers are the largest errors at the operating point (at one half where
// the model abstains), masked: false positives first, because each is a reader
// locked out.
func (w *work) dossiers(raw []float64, contrib []float32) ([]report.Dossier, error) {
	const each = 5
	t, f := w.test, len(w.test.names)
	threshold := 0.5
	if !w.operating.Abstains {
		threshold = float64(w.operating.Threshold)
	}
	order := make([]int, t.len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(raw[b], raw[a]) })
	var out []report.Dossier
	at := map[row.Key][]int{}
	add := func(i int, kind string) {
		r := t.rows[i]
		d := report.Dossier{Kind: kind, IP: row.Mask(r.IP), ID: string(rune('A' + len(out))), Attack: r.Attack, Month: r.Month.String(), Score: raw[i], Calibrated: w.calibration.Apply(raw[i])}
		for j, n := range t.names {
			d.Values = append(d.Values, report.Value{Feature: n, Value: float64(t.x[i*f+j]), Contribution: float64(contrib[i*(f+1)+j])})
		}
		slices.SortStableFunc(d.Values, func(a, b report.Value) int {
			return cmp.Compare(math.Abs(b.Contribution), math.Abs(a.Contribution))
		})
		if w.country != nil {
			d.Country = w.country.of(r.IP)
		}
		at[r.Key] = append(at[r.Key], len(out))
		out = append(out, d)
	}
	for n, k := 0, 0; k < len(order) && n < each && raw[order[k]] >= threshold; k++ {
		if !t.labels[order[k]] {
			add(order[k], "false positive")
			n++
		}
	}
	for n, k := 0, len(order)-1; k >= 0 && n < each && raw[order[k]] < threshold; k-- {
		if t.labels[order[k]] {
			add(order[k], "false negative")
			n++
		}
	}
	// Tables hold no hours: they are read for these few rows alone.
	for _, m := range w.Test {
		err := w.store.ScanMonth(m, true, func(r *row.Row) error {
			for _, k := range at[r.Key] {
				for _, h := range r.Hours {
					out[k].Hours = append(out[k].Hours, report.Hour{Hour: hourText(h.Hour), Requests: h.Requests})
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// swarmRows is how many test rows the summary of contributions shows.
const swarmRows = 300

// swarm is the contributions of the features that matter most, row by row, for
// a sample of the test rows that is the same at every run.
func (w *work) swarm(contrib []float32, by []report.Importance) []report.SwarmFeature {
	const features = 12
	t, f := w.test, len(w.test.names)
	order := slices.Clone(by)
	slices.SortStableFunc(order, func(a, b report.Importance) int { return cmp.Compare(b.MeanAbsSHAP, a.MeanAbsSHAP) })
	pick := rand.New(rand.NewPCG(uint64(w.Seed), 0x73776172)).Perm(t.len())
	pick = pick[:min(swarmRows, len(pick))]
	slices.Sort(pick)
	var out []report.SwarmFeature
	for _, im := range order[:min(features, len(order))] {
		if !(im.MeanAbsSHAP > 0) {
			continue
		}
		j := slices.Index(t.names, im.Feature)
		s := report.SwarmFeature{Feature: im.Feature}
		for _, i := range pick {
			s.Values = append(s.Values, float64(t.x[i*f+j]))
			s.Contributions = append(s.Contributions, float64(contrib[i*(f+1)+j]))
		}
		out = append(out, s)
	}
	return out
}
