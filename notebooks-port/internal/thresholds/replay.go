package thresholds

import (
	"context"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/rules"
	"sluice/notebooks-port/internal/study"
	"sluice/serve/edge"
	"sluice/train/pipeline"
)

// listFile is the list as a file that only this run reads.
type listFile struct{ dir, path string }

func (l *listFile) remove() { os.RemoveAll(l.dir) }

// buildList makes the list of the addresses that the rule flags in the training
// months.
func (r *Result) buildList(ctx context.Context, store *study.Rows, o options) (*listFile, error) {
	var b edge.Builder
	listed := map[netip.Addr]bool{}
	for _, m := range r.Train {
		err := store.Store.ScanMonth(m, false, func(x *row.Row) error {
			if r.Rule.Flag(x.Values[columns.RequestCount], x.Values[columns.ResponseSizeMean]) {
				b.Add(x.IP, edge.Address{Confidence: 1, Reason: "thresholds"})
				listed[x.IP] = true
			}
			return ctx.Err()
		})
		if err != nil {
			if ctx.Err() != nil {
				err = fault.As(fault.Interrupted, err)
			}
			return nil, err
		}
	}
	list, err := b.Build(ctx, edge.Options{})
	if err != nil {
		return nil, err
	}
	r.List = List{Addresses: len(listed), Stats: list.Stats(), Written: []string{}}
	h := edge.Header{Name: o.name, Source: "thresholds " + r.Text, Date: r.Train[len(r.Train)-1].String(), Threshold: r.Text, Stats: list.Stats(), Why: "more requests or smaller answers than readers have"}
	dir, err := os.MkdirTemp("", "sluice-list-")
	if err != nil {
		return nil, fault.As(fault.Exhausted, err)
	}
	out := &listFile{dir: dir, path: filepath.Join(dir, "list.map")}
	for _, f := range edge.Formats() {
		path := filepath.Join(dir, string(f))
		if f == edge.HAProxyMap {
			path = out.path
		}
		x := ListFormat{Format: f}
		for e := range list.All() {
			if !f.Expressible(e.Prefix) {
				x.Inexpressible++
			}
		}
		if x.Bytes, err = writeList(path, f, h, list); err != nil {
			out.remove()
			return nil, err
		}
		r.List.Formats = append(r.List.Formats, x)
	}
	if o.lists != "" {
		if r.List.Written, err = keep(dir, out.path, o.lists, o.name, r.List.Formats); err != nil {
			out.remove()
			return nil, err
		}
	}
	return out, nil
}

func writeList(path string, f edge.Format, h edge.Header, list *edge.List) (int64, error) {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return 0, fault.As(fault.Exhausted, err)
	}
	err = edge.Write(w, f, h, list.All())
	info, statErr := w.Stat()
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return 0, err
	case statErr != nil:
		return 0, fault.As(fault.Exhausted, statErr)
	}
	return info.Size(), nil
}

// endings of the files that --lists writes.
var endings = map[edge.Format]string{
	edge.HAProxyMap: ".map", edge.HAProxyACL: ".acl", edge.Nginx: ".nginx.conf", edge.Netmapper: ".netmapper.json", edge.Requestctl: ".yaml",
	edge.NFT: ".nft", edge.CrowdSec: ".crowdsec.json", edge.CrowdSecCSV: ".crowdsec.csv", edge.CSV: ".csv", edge.JSONLines: ".jsonl",
}

// keep moves the lists to where the one who asked wants them.
func keep(dir, mapPath, to, name string, formats []ListFormat) ([]string, error) {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return nil, fault.As(fault.Invalid, fault.Wrap(err, "--lists"))
	}
	var out []string
	for _, f := range formats {
		from := filepath.Join(dir, string(f.Format))
		if f.Format == edge.HAProxyMap {
			from = mapPath
		}
		b, err := os.ReadFile(from)
		if err != nil {
			return nil, fault.As(fault.Exhausted, err)
		}
		file := name + endings[f.Format]
		if err := writeFile(filepath.Join(to, file), b); err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	return out, nil
}

// multiples of the thresholds' rate that are tried as a limit for everyone.
var multiples = []float64{.25, .5, 1, 2, 4, 8, 16, 32, 64}

// The effects that are measured beside the list.
const (
	live = iota
	limitedList
	numEffects
)

// replay measures what each measure would have stopped in the test month.
func (r *Result) replay(ctx context.Context, store *study.Rows, list *listFile) error {
	stopped, err := pipeline.Replay(ctx, pipeline.ReplayConfig{Home: store.Home, Lists: []string{list.path}, Months: []row.Month{r.Test}}, func(pipeline.Event) {})
	if err != nil {
		return err
	}
	r.All = stopped.All
	r.All.Name = "all of " + r.Test.String()
	blocked := stopped.Lists[0]
	blocked.Name = "the list, blocked"
	r.Effects = []Effect{{blocked, "every request of an address that the thresholds flagged in the training months"}}
	prefixes, err := os.Open(list.path)
	if err != nil {
		return fault.As(fault.Exhausted, err)
	}
	listed, _, err := edge.Read(prefixes, "list")
	prefixes.Close()
	if err != nil {
		return err
	}
	// What a limit for everyone would take of readers is judged on the months
	// that the thresholds were fitted on.
	before, err := r.visit(ctx, store, r.Train, nil)
	if err != nil {
		return err
	}
	visitors, err := r.visit(ctx, store, []row.Month{r.Test}, listed)
	if err != nil {
		return err
	}
	r.effects(sum(before), sum(visitors))
	return nil
}

// visit scans months for what each measure stops of each address.
func (r *Result) visit(ctx context.Context, store *study.Rows, months []row.Month, listed []netip.Prefix) (map[netip.Addr]*visitor, error) {
	visitors := map[netip.Addr]*visitor{}
	for _, m := range months {
		err := store.Store.ScanMonth(m, true, func(x *row.Row) error {
			if err := ctx.Err(); err != nil {
				return fault.As(fault.Interrupted, err)
			}
			v := visitors[x.IP]
			if v == nil {
				v = &visitor{stopped: make([]float64, numEffects+len(multiples))}
				visitors[x.IP] = v
			}
			n := x.Values[columns.RequestCount]
			v.requests += n
			if s := n * x.Values[columns.SpiderRatio]; s == s {
				v.spider += s
			}
			v.label = max(v.label, x.Label) // unknown, false, true
			v.stopped[live] += r.stoppedLive(n, x.Values[columns.ResponseSizeMean])
			if r.Limit == nil {
				return nil
			}
			for k, times := range multiples {
				over := overLimit(x.Hours, r.Limit.PerSecond*times)
				v.stopped[numEffects+k] += over
				if times == 1 && covers(listed, x.IP) {
					v.stopped[limitedList] += over
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return visitors, nil
}

// overLimit is how many requests exceed a rate, counted by whole hours.
func overLimit(hours []row.HourCount, perSecond float64) float64 {
	over, allowed := 0.0, math.Ceil(perSecond*3600)
	for _, h := range hours {
		over += max(0, float64(h.Requests)-allowed)
	}
	return over
}

// covers reports whether one of the sorted prefixes, which don't overlap, holds
// an address.
func covers(sorted []netip.Prefix, ip netip.Addr) bool {
	i, found := slices.BinarySearchFunc(sorted, ip, func(p netip.Prefix, ip netip.Addr) int { return p.Addr().Compare(ip) })
	if found {
		return true
	}
	return i > 0 && sorted[i-1].Contains(ip)
}

// stoppedLive is how many of a row's requests come after the thresholds are
// passed: those behind the count, or behind the requests that a mean is judged
// from. The mean is taken to be what it is in the end.
func (r *Result) stoppedLive(n, size float64) float64 {
	if !r.Rule.Flag(n, size) {
		return 0
	}
	from := float64(r.JudgeFrom)
	c := r.Rule.RequestCount
	if c.Op == rules.AtLeast {
		switch {
		case r.Rule.Combine == rules.And:
			from = max(from, c.Threshold)
		case !r.Rule.ResponseSizeMean.Holds(size):
			from = c.Threshold
		default:
			from = min(from, c.Threshold)
		}
	}
	return max(0, n-math.Ceil(from))
}

// sums are what each measure stops of all visitors.
type sums struct {
	stopped    []pipeline.Stopped
	ofReported []float64
	reported   float64 // requests of reported addresses
	readers    float64 // and of readers
}

// sum adds visitors up, in the order of addresses, so that sums don't depend on
// a map's.
func sum(visitors map[netip.Addr]*visitor) sums {
	ips := make([]netip.Addr, 0, len(visitors))
	for ip := range visitors {
		ips = append(ips, ip)
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	n := numEffects + len(multiples)
	out := sums{stopped: make([]pipeline.Stopped, n), ofReported: make([]float64, n)}
	for _, ip := range ips {
		v := visitors[ip]
		switch crawler := v.spider >= v.requests/2; {
		case v.label == row.True:
			out.reported += v.requests
		case v.label == row.False && !crawler:
			out.readers += v.requests
		}
		for k := range n {
			count(&out.stopped[k], v, v.stopped[k])
			if v.label == row.True {
				out.ofReported[k] += v.stopped[k]
			}
		}
	}
	return out
}

// ofReaders is the share of the readers' requests that measure k takes.
func (s *sums) ofReaders(k int) float64 {
	if s.readers == 0 {
		return 0
	}
	return float64(s.stopped[k].ReaderRequests) / s.readers
}

// effects are those of the test month; before is the training months.
func (r *Result) effects(before, s sums) {
	s.stopped[live].Name, s.stopped[limitedList].Name = "thresholds, judged live", "the list, limited"
	r.Effects = append(r.Effects, Effect{s.stopped[live], "requests after the thresholds are passed, in each window anew"})
	if r.Limit == nil {
		return
	}
	r.Effects = append(r.Effects, Effect{s.stopped[limitedList], "its addresses' requests above " + r.Limit.text() + ", counted by the hour: the least that a shorter period would stop"})
	for k, times := range multiples {
		x := Sweep{Times: times, PerSecond: r.Limit.PerSecond * times, Stopped: s.stopped[numEffects+k], Before: before.ofReaders(numEffects + k), OfReaders: s.ofReaders(numEffects + k)}
		if s.reported > 0 {
			x.OfReported = s.ofReported[numEffects+k] / s.reported
		}
		r.Sweep = append(r.Sweep, x)
		if r.Everyone == nil && x.Before <= r.MaxReaders {
			r.Everyone = limitAt(x.PerSecond)
			e := Effect{x.Stopped, "every address's requests above " + r.Everyone.text() + ", counted by the hour"}
			e.Name = "a limit for everyone"
			r.Effects = append(r.Effects, e)
		}
	}
}
