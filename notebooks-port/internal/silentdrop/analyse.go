package silentdrop

import (
	"cmp"
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/study"
)

// address is what is known of a dropped address.
type address struct {
	ip      netip.Addr
	drops   []reputation.Drop
	days    map[int64]*counts // by day with records
	counts  counts            // of these days
	kind    class
	label   row.Label
	inside  int // records in windows
	listing map[int64]*listing
}

type analysis struct {
	in      *study.Input
	o       options
	source  *study.Source
	drops   *reputation.Drops
	labels  *reputation.Set
	windows *attack.Set
	names   *study.Names
	found   []*address // by records, most first
}

func analyse(ctx context.Context, in *study.Input, o options) (*Result, error) {
	a := &analysis{in: in, o: o, names: in.Names()}
	var err error
	if a.source, err = in.OpenLogs(); err != nil {
		return nil, err
	}
	if a.drops, err = in.OpenDrops(ctx); err != nil {
		return nil, err
	}
	if a.labels, err = in.OpenLabels(ctx); err != nil {
		return nil, err
	}
	if a.windows, err = in.OpenAttacks(ctx, a.source); err != nil {
		return nil, err
	}
	if err := a.find(ctx); err != nil {
		return nil, err
	}
	if len(a.found) == 0 {
		first, last := a.drops.Span()
		return nil, fault.Field(fault.Invalid, "drops", "none of the %d records (%s to %s) is of an address in the logs (%s to %s); give the logs of the same time",
			a.drops.Len(), first.UTC().Format(time.DateOnly), last.UTC().Format(time.DateOnly), a.source.About().First, a.source.About().Last)
	}
	r := &Result{Input: a.source.About()}
	if a.labels != nil {
		r.Labels = a.labels.Sentence()
	}
	r.Drops = a.records()
	r.Clients, r.Months = a.clients(), a.months()
	r.Curves = a.curves()
	r.Reversal = a.reversal(r.Curves)
	r.Exclusion = a.exclusion(r.Reversal.Peak)
	if a.windows != nil {
		r.Windows = a.inWindows()
	}
	if err := a.list(ctx, max(r.Reversal.Peak, 2)); err != nil {
		return nil, err
	}
	r.Top = a.top()
	r.Requests = a.topTables()
	r.Targets, r.Missed = a.targets(max(r.Reversal.Peak, 2))
	r.Candidates, err = a.candidates()
	return r, err
}

// day is a day's number in the zone, from 1970-01-01.
func (a *analysis) day(unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(a.in.Zone).Zone()
	return (unix + int64(offset)) / 86400
}

func dayText(day int64) string { return time.Unix(day*86400, 0).UTC().Format(time.DateOnly) }

// find reads the logs for the dropped addresses.
func (a *analysis) find(ctx context.Context) error {
	dropped := map[netip.Addr][]reputation.Drop{}
	for ip, drops := range a.drops.All() {
		dropped[ip] = drops
	}
	files := make([]map[netip.Addr]map[int64]*counts, len(a.source.Files))
	err := a.source.Each(ctx, nil, func(file int) func(*study.Request) {
		here := map[netip.Addr]map[int64]*counts{}
		files[file] = here
		return func(r *study.Request) {
			drops, was := dropped[r.IP]
			if !was {
				return
			}
			days := here[r.IP]
			if days == nil {
				days = map[int64]*counts{}
				for _, d := range drops {
					days[a.day(d.Time)] = &counts{}
				}
				here[r.IP] = days
			}
			if c := days[a.day(r.Time)]; c != nil {
				c[classOf(a.source, r)]++
			}
		}
	})
	if err != nil {
		return err
	}
	found := map[netip.Addr]*address{}
	for _, here := range files {
		for ip, days := range here {
			x := found[ip]
			if x == nil {
				x = &address{ip: ip, drops: dropped[ip], days: days}
				found[ip] = x
				continue
			}
			for day, c := range days {
				x.days[day].add(c)
			}
		}
	}
	for _, x := range found {
		for _, c := range x.days {
			x.counts.add(c)
		}
		x.kind = x.counts.kind()
		a.judge(x)
		a.found = append(a.found, x)
	}
	slices.SortFunc(a.found, func(x, y *address) int {
		return cmp.Or(cmp.Compare(len(y.drops), len(x.drops)), x.ip.Compare(y.ip))
	})
	return nil
}

// judge finds the label (reported in any of the months in which it was dropped)
// and the records inside windows.
func (a *analysis) judge(x *address) {
	for _, d := range x.drops {
		if a.labels != nil {
			x.label = max(x.label, a.labels.Label(x.ip, row.MonthOf(time.Unix(d.Time, 0).In(a.in.Zone)))) // unknown, false, true
		}
		if a.windows != nil && len(a.windows.Match(d.Time, nil)) > 0 {
			x.inside++
		}
	}
}

func (a *analysis) records() Records {
	r := Records{Records: a.drops.Len(), Addresses: len(a.found), NotInLogs: a.drops.Len()}
	for _, f := range a.drops.Stats() {
		r.Files = append(r.Files, filepath.Base(f.Name))
	}
	first, last := a.drops.Span()
	r.First, r.Last = first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)
	for _, x := range a.found {
		r.NotInLogs -= len(x.drops)
	}
	days := map[int64]bool{}
	for _, drops := range a.drops.All() {
		r.AllAddresses++
		for _, d := range drops {
			days[a.day(d.Time)] = true
			if d.Port80 {
				r.Port80++
			}
		}
	}
	r.Days = len(days)
	return r
}

func (a *analysis) clients() []Client {
	out := make([]Client, numKind)
	for i := range out {
		out[i].Name = classNames[i]
	}
	for _, x := range a.found {
		c := &out[x.kind]
		c.Records += len(x.drops)
		c.Add(x.label)
	}
	for i := range out {
		out[i].Share = out[i].Tally.Share()
	}
	return slices.DeleteFunc(out, func(c Client) bool { return c.Addresses == 0 })
}

func (a *analysis) months() []Month {
	by := map[row.Month]*Month{}
	var order []row.Month
	for _, x := range a.found {
		for _, d := range x.drops {
			m := row.MonthOf(time.Unix(d.Time, 0).In(a.in.Zone))
			e := by[m]
			if e == nil {
				e = &Month{Month: m.String(), Clients: map[string]int{}}
				by[m] = e
				order = append(order, m)
			}
			e.Records++
			e.Clients[classNames[x.kind]]++
		}
	}
	slices.Sort(order)
	var out []Month
	for _, m := range order {
		out = append(out, *by[m])
	}
	return out
}

func (a *analysis) inWindows() *InWindows {
	w := &InWindows{Windows: len(a.windows.Windows())}
	for _, x := range a.found {
		w.RecordsInside += x.inside
		w.RecordsOutside += len(x.drops) - x.inside
		if x.inside > 0 {
			w.Inside.Add(x.label)
		} else {
			w.Outside.Add(x.label)
		}
	}
	w.InsideShare, w.OutsideShare = w.Inside.Share(), w.Outside.Share()
	return w
}
