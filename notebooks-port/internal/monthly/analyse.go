package monthly

import (
	"context"
	"math"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
	"sluice/train/evaluation"
)

func analyse(ctx context.Context, in *study.Input, o options) (*Result, error) {
	months, err := study.ParseMonths("months", o.months.List)
	if err != nil {
		return nil, err
	}
	rows, err := in.OpenRows(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if len(months) == 0 {
		months = rows.Store.Months()
	}
	if len(months) == 0 {
		return nil, fault.Field(fault.Invalid, "dir", "the store has no months; build some with train features build")
	}
	r := &Result{Simulated: rows.Simulated(), MinRequests: o.minRequests, Sources: sources(rows.Store)}
	coverage, err := rows.Store.Coverage()
	if err != nil {
		return nil, err
	}
	for _, m := range months {
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		month, err := rows.Store.ReadMonth(m)
		if err != nil {
			return nil, err
		}
		out := describe(month, o.minRequests, in.Zone)
		if i := slices.IndexFunc(coverage, func(c featurestore.Coverage) bool { return c.Month == m }); i >= 0 {
			out.Coverage = covered(&coverage[i])
		}
		r.Months = append(r.Months, out)
	}
	return r, nil
}

func sources(st *featurestore.Store) Sources {
	out := Sources{Rejected: []study.Reject{}, Notes: []string{}}
	rejected := map[string]int64{}
	for _, s := range st.Sources() {
		out.Files++
		out.Lines += s.Lines
		out.Requests += s.Requests.Requests
		out.Kept += s.Requests.Kept
		out.Outside += s.Requests.Outside
		out.Cache += s.Requests.Cache
		out.API += s.Requests.API
		out.Invalid += s.Requests.Invalid
		for k, n := range s.Rejects {
			rejected[k] += n
		}
		for _, n := range s.Notes {
			if !slices.Contains(out.Notes, n) {
				out.Notes = append(out.Notes, n)
			}
		}
	}
	for k, n := range rejected {
		out.Rejected = append(out.Rejected, study.Reject{Reason: k, Lines: n})
	}
	slices.SortFunc(out.Rejected, func(a, b study.Reject) int {
		if a.Reason < b.Reason {
			return -1
		}
		return 1
	})
	slices.Sort(out.Notes)
	return out
}

func describe(m *featurestore.Month, minRequests float64, zone *time.Location) Month {
	info := &m.Manifest
	out := Month{
		Month: m.Month, Rows: len(m.Rows), Definition: info.Labels.Definition, Missing: []Missing{}, Notes: info.Notes, Windows: []Window{},
		First: time.Unix(info.First, 0).In(zone).Format(time.RFC3339), Last: time.Unix(info.Last, 0).In(zone).Format(time.RFC3339),
	}
	if out.Notes == nil {
		out.Notes = []string{}
	}
	for _, c := range info.Missing {
		if slices.Contains(columns.Names(), c.Column) {
			out.Missing = append(out.Missing, Missing{c.Column, c.Rows, c.Reason})
		}
	}
	at := map[string]int{}
	for _, w := range info.Windows {
		x := Window{ID: w.Attack}
		if w.End > w.Start {
			x.Start, x.Hours = time.Unix(w.Start, 0).In(zone).Format(time.RFC3339), float64(w.End-w.Start)/3600
		}
		at[w.Attack] = len(out.Windows)
		out.Windows = append(out.Windows, x)
	}
	times := map[netip.Addr]int{}
	out.Kept = make([]Kept, len(study.PublishedKept))
	kept := make([]study.Tally, len(out.Kept))
	for i := range m.Rows {
		x := &m.Rows[i]
		n := x.Values[columns.RequestCount]
		times[x.IP]++
		if times[x.IP] == 2 {
			out.Repeated++
		}
		out.Requests += int64(n)
		out.Add(x.Label)
		for k, p := range study.PublishedKept {
			if n >= p.MinRequests {
				kept[k].Add(x.Label)
			}
		}
		if k, ok := at[x.Attack]; ok {
			w := &out.Windows[k]
			w.Rows++
			w.Requests += int64(n)
			w.Add(x.Label)
			if n > minRequests {
				w.Above++
			}
		}
	}
	out.Addresses = len(times)
	out.Tally.Addresses = 0 // rows, which Rows says
	out.Share = out.Tally.Share()
	for i := range out.Windows {
		out.Windows[i].Share = out.Windows[i].Tally.Share()
	}
	for k, p := range study.PublishedKept {
		out.Kept[k] = Kept{p.MinRequests, kept[k].Addresses, words.Ratio(int64(kept[k].Addresses), int64(out.Rows)), kept[k].Share()}
	}
	for j, c := range columns.Twelve() {
		out.Columns = append(out.Columns, column(m.Rows, j, c))
	}
	return out
}

// column is the distribution of the j-th of the twelve.
func column(rows []row.Row, j int, c columns.Column) Column {
	out := Column{Name: c.Name, Unit: c.Unit}
	var values [2][]float64 // not reported, reported
	var missing [2]int
	var all []float64
	var labels []bool
	for i := range rows {
		if rows[i].Label == row.Unknown {
			continue
		}
		k := 0
		if rows[i].Label == row.True {
			k = 1
		}
		v := rows[i].Values[j]
		if math.IsNaN(v) {
			missing[k]++
			continue
		}
		values[k] = append(values[k], v)
		all, labels = append(all, v), append(labels, k == 1)
	}
	out.AUC = evaluation.NaN()
	if len(values[0]) > 0 && len(values[1]) > 0 {
		if auc, err := evaluation.ROCAUC(labels, all, nil); err == nil {
			out.AUC = auc
		}
	}
	out.NotReported, out.Reported = distribution(values[0], missing[0]), distribution(values[1], missing[1])
	out.histogram(values, c.Unit != "")
	return out
}

func distribution(v []float64, missing int) Distribution {
	slices.Sort(v)
	d := Distribution{Rows: len(v), Missing: missing}
	sum, zero := 0.0, 0.0
	for _, x := range v {
		sum += x
		if x == 0 {
			zero++
		}
	}
	n := float64(len(v)) // without rows everything below is 0/0
	d.Mean, d.Zero = evaluation.Float(sum/n), evaluation.Float(zero/n)
	for _, q := range []struct {
		p  float64
		to *evaluation.Float
	}{{.05, &d.Q05}, {.25, &d.Q25}, {.5, &d.Median}, {.75, &d.Q75}, {.95, &d.Q95}} {
		*q.to = evaluation.Float(quantile(v, q.p))
	}
	return d
}

// quantile interpolates between neighbours, as numpy does by default.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// bins of a histogram.
const bins = 20

// histogram bins the values of both labels alike. Sizes differ by powers of
// ten, so they are binned by log10(1+x); shares lie between 0 and 1.
func (c *Column) histogram(values [2][]float64, size bool) {
	top := 1.0
	f := func(x float64) float64 { return x }
	if size {
		f = func(x float64) float64 { return math.Log10(1 + x) }
		for _, vs := range values {
			for _, v := range vs {
				top = max(top, math.Ceil(f(v)))
			}
		}
	}
	for i := range bins + 1 {
		c.Edges = append(c.Edges, top*float64(i)/bins)
	}
	for k, to := range []*[]float64{&c.SharesFalse, &c.SharesTrue} {
		*to = make([]float64, bins)
		for _, v := range values[k] {
			(*to)[min(bins-1, int(f(v)/top*bins))] += 1 / float64(len(values[k]))
		}
		for i := range *to {
			(*to)[i] = math.Round((*to)[i]*1e6) / 1e6 // sums of many small parts
		}
	}
}

// covered says which days of a month have requests in rows.
func covered(c *featurestore.Coverage) Coverage {
	out := Coverage{Gaps: c.Gaps()}
	if out.Gaps == nil {
		out.Gaps = []string{}
	}
	first, last := -1, -1
	shades := []rune{}
	for i, d := range c.Days {
		if d.Requests > 0 {
			if first < 0 {
				first = i
			}
			last = i
			out.Days++
			out.Hours += d.Hours
		}
		if d.Requests > out.Most {
			out.Most, out.Busiest = d.Requests, d.Date
		}
		shades = append(shades, shade(d.Hours))
	}
	if first >= 0 {
		out.Of = last - first + 1
	}
	out.Shades = string(shades)
	return out
}

// shade is how many hours of a day have requests.
func shade(hours int) rune {
	switch {
	case hours == 0:
		return '·'
	case hours <= 8:
		return '░'
	case hours <= 16:
		return '▒'
	case hours < 24:
		return '▓'
	}
	return '█'
}
