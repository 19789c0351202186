package ipseries

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/study"
)

// volume is what an address sent in all.
type volume struct{ all, counted, inside int64 }

// chosen is an address whose series is drawn.
type chosen struct {
	ip    netip.Addr
	why   string
	total volume
	hours map[int64]*volume // by hour since 1970, UTC
}

const (
	busiest     = "busiest"
	mostDropped = "most dropped"
	named       = "named"
)

type analysis struct {
	in      *study.Input
	o       options
	source  *study.Source
	windows *attack.Set
	drops   *reputation.Drops
	labels  *reputation.Set
	picked  []*chosen
	origin  time.Time
}

func analyse(ctx context.Context, in *study.Input, o options) (*Result, error) {
	a := &analysis{in: in, o: o}
	var err error
	if a.source, err = in.OpenLogs(); err != nil {
		return nil, err
	}
	if a.windows, err = in.OpenAttacks(ctx, a.source); err != nil {
		return nil, err
	}
	if a.drops, err = in.OpenDrops(ctx); err != nil {
		return nil, err
	}
	if a.labels, err = in.OpenLabels(ctx); err != nil {
		return nil, err
	}
	if err := a.choose(ctx); err != nil {
		return nil, err
	}
	if err := a.read(ctx); err != nil {
		return nil, err
	}
	return a.result(), nil
}

// inside reports whether an instant is in a window; without windows all are.
func inside(m *attack.Matcher, unix int64) bool { return m == nil || len(m.Match(unix)) > 0 }

func (a *analysis) matcher() *attack.Matcher {
	if a.windows == nil {
		return nil
	}
	return a.windows.Matcher()
}

func (v *volume) add(s *study.Source, m *attack.Matcher, r *study.Request) {
	v.all++
	if s.Counts(r) {
		v.counted++
		if inside(m, r.Time) {
			v.inside++
		}
	}
}

// choose counts every address's requests and picks those that are drawn.
func (a *analysis) choose(ctx context.Context) error {
	files := make([]map[netip.Addr]*volume, len(a.source.Files))
	err := a.source.Each(ctx, nil, func(file int) func(*study.Request) {
		here := map[netip.Addr]*volume{}
		files[file] = here
		m := a.matcher()
		return func(r *study.Request) {
			v := here[r.IP]
			if v == nil {
				v = &volume{}
				here[r.IP] = v
			}
			v.add(a.source, m, r)
		}
	})
	if err != nil {
		return err
	}
	all := map[netip.Addr]*volume{}
	for _, here := range files {
		for ip, v := range here {
			e := all[ip]
			if e == nil {
				all[ip] = v
				continue
			}
			e.all += v.all
			e.counted += v.counted
			e.inside += v.inside
		}
	}
	pick := func(ip netip.Addr, why string) {
		if !slices.ContainsFunc(a.picked, func(c *chosen) bool { return c.ip == ip }) {
			a.picked = append(a.picked, &chosen{ip: ip, why: why, total: *all[ip], hours: map[int64]*volume{}})
		}
	}
	for i, ip := range a.o.named {
		if all[ip] == nil {
			return fault.Field(fault.NotFound, "ips", "--ips: address %d of those named has no request in these logs", i+1)
		}
		pick(ip, named)
	}
	if len(a.o.named) > 0 {
		return nil
	}
	order := make([]netip.Addr, 0, len(all))
	for ip := range all {
		order = append(order, ip)
	}
	by := func(f func(ip netip.Addr) int64) {
		slices.SortFunc(order, func(x, y netip.Addr) int { return cmp.Or(cmp.Compare(f(y), f(x)), x.Compare(y)) })
	}
	by(func(ip netip.Addr) int64 { return all[ip].inside })
	for _, ip := range order[:min(len(order), a.o.top)] {
		if all[ip].inside > 0 {
			pick(ip, busiest)
		}
	}
	if a.drops != nil {
		by(func(ip netip.Addr) int64 { return int64(len(a.drops.Of(ip))) })
		for n, ip := range order {
			if n >= a.o.topDropped || len(a.drops.Of(ip)) == 0 {
				break
			}
			pick(ip, mostDropped)
		}
	}
	if len(a.picked) == 0 {
		return fault.Field(fault.Invalid, "logs", "no address has a request that counts here; look at --cache-status, --keep-api and the windows")
	}
	return nil
}

// read counts the picked addresses' requests by the hour.
func (a *analysis) read(ctx context.Context) error {
	index := map[netip.Addr]int{}
	for i, c := range a.picked {
		index[c.ip] = i
	}
	type key struct {
		who  int
		hour int64
	}
	files := make([]map[key]*volume, len(a.source.Files))
	err := a.source.Each(ctx, nil, func(file int) func(*study.Request) {
		here := map[key]*volume{}
		files[file] = here
		m := a.matcher()
		return func(r *study.Request) {
			i, ok := index[r.IP]
			if !ok {
				return
			}
			k := key{i, r.Time / 3600}
			v := here[k]
			if v == nil {
				v = &volume{}
				here[k] = v
			}
			v.add(a.source, m, r)
		}
	})
	if err != nil {
		return err
	}
	for _, here := range files {
		for k, v := range here {
			h := a.picked[k.who].hours
			if h[k.hour] == nil {
				h[k.hour] = &volume{}
			}
			h[k.hour].all += v.all
			h[k.hour].counted += v.counted
		}
	}
	return nil
}

// since is an instant in hours since the origin.
func (a *analysis) since(unix int64) float64 { return float64(unix-a.origin.Unix()) / 3600 }

func (a *analysis) result() *Result {
	about := a.source.About()
	first, _ := time.Parse(time.RFC3339, about.First)
	first = first.In(a.in.Zone)
	a.origin = time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, a.in.Zone)
	r := &Result{Input: about, Origin: a.origin.Format(time.RFC3339), Windows: []Window{}, Series: []Series{}, Drops: a.drops != nil}
	if a.labels != nil {
		r.Labels = a.labels.Sentence()
	}
	if a.windows != nil {
		for _, w := range a.windows.Windows() {
			r.Windows = append(r.Windows, Window{w.ID, a.since(w.Start), a.since(w.End)})
		}
	}
	names := a.in.Names()
	for _, c := range a.picked {
		r.Series = append(r.Series, a.series(c, names.Of(c.ip)))
	}
	r.compare()
	return r
}

func (a *analysis) series(c *chosen, name string) Series {
	s := Series{Name: name, Chosen: c.why, All: c.total.all, Counted: c.total.counted, Inside: c.total.inside, Hours: len(c.hours), DropTimes: []float64{}, ByHour: []Hour{}, Label: study.LabelWord(row.Unknown)}
	if a.windows == nil {
		s.Inside = 0
	}
	label := row.Unknown
	var hours []int64
	for h := range c.hours {
		hours = append(hours, h)
		if a.labels != nil {
			label = max(label, a.labels.Label(c.ip, row.MonthOf(time.Unix(h*3600, 0).In(a.in.Zone))))
		}
	}
	s.Label = study.LabelWord(label)
	slices.Sort(hours)
	for _, h := range hours {
		v := c.hours[h]
		s.ByHour = append(s.ByHour, Hour{int(a.since(h * 3600)), v.all, v.counted})
		if v.all > s.Peak {
			s.Peak, s.PeakAt = v.all, time.Unix(h*3600, 0).In(a.in.Zone).Format("2006-01-02T15:04")
		}
	}
	if a.drops != nil {
		m := a.matcher()
		for _, d := range a.drops.Of(c.ip) {
			s.Records++
			if m != nil && inside(m, d.Time) {
				s.DropsInside++
			}
			s.DropTimes = append(s.DropTimes, a.since(d.Time))
		}
	}
	return s
}

func (r *Result) compare() {
	var busy, dropped []Series
	c := Compare{}
	for _, s := range r.Series {
		switch s.Chosen {
		case busiest:
			busy = append(busy, s)
			if s.Records > 0 {
				c.BusyDropped++
			}
		case mostDropped:
			dropped = append(dropped, s)
		}
	}
	if len(busy) == 0 || !r.Drops {
		return
	}
	c.Busy, c.Dropped = medians(busy), medians(dropped)
	r.Compare = &c
}

func medians(list []Series) Medians {
	of := func(f func(s *Series) float64) float64 {
		if len(list) == 0 {
			return 0
		}
		var v []float64
		for i := range list {
			v = append(v, f(&list[i]))
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	return Medians{
		len(list), of(func(s *Series) float64 { return float64(s.All) }), of(func(s *Series) float64 { return float64(s.Peak) }),
		of(func(s *Series) float64 { return float64(s.Hours) }), of(func(s *Series) float64 { return float64(s.Records) }),
	}
}
