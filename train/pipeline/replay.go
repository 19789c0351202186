package pipeline

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/serve/edge"
	"sluice/serve/policy"
)

// ReplayConfig is what to hold against past months.
type ReplayConfig struct {
	Home   string
	Lists  []string    // files in any format that Export writes
	Months []row.Month // none: the last that the store holds
	// Model adds the list of the feed that Export names, and Rules the lists that
	// the rules of its version make by themselves: the same month with and
	// without the model. Export's settings, policy included, count for all three.
	Model, Rules bool
	Export       ExportConfig
}

// maxReplayed bounds the lists of one replay.
const maxReplayed = 8

// ReplayResult is what lists would have stopped.
type ReplayResult struct {
	Months []row.Month `json:"months"`
	All    Stopped     `json:"all"` // everything in the months
	Lists  []Stopped   `json:"lists"`
}

// Stopped counts what a list would have stopped: the requests in the store's
// months from its addresses, and whose they were. An address counts once, over
// all months; it is reported if it was in any of them.
type Stopped struct {
	Name    string `json:"name"`
	Format  string `json:"format,omitempty"`
	Entries int    `json:"entries,omitempty"`
	// Source is who flagged and Threshold from where on, for the lists that are
	// made here; Note says why one is empty, or what else to know of it.
	Source    string `json:"source,omitempty"`
	Threshold string `json:"threshold,omitempty"`
	Note      string `json:"note,omitempty"`

	Requests  int64 `json:"requests"`
	PageViews int64 `json:"page_views"` // is_pageview_ratio times requests, rounded an address
	Addresses int64 `json:"addresses"`
	// Of the addresses, by label.
	Reported    int64 `json:"reported_addresses"`
	NotReported int64 `json:"not_reported_addresses"`
	Unknown     int64 `json:"unknown_addresses"`
	// Readers are addresses that were not reported and are no declared
	// crawlers: whom a list must not hit. Crawlers are those of whose requests
	// at least half have the agent type spider.
	Readers         int64 `json:"readers"`
	ReaderRequests  int64 `json:"reader_requests"`
	ReaderPageViews int64 `json:"reader_page_views"`
	Crawlers        int64 `json:"declared_crawlers"`
	CrawlerRequests int64 `json:"declared_crawler_requests"`
	// VerifiedCrawlers are addresses in the ranges that crawlers publish, Shared
	// those in prefixes behind which many stand, as the policy's files say.
	VerifiedCrawlers int64 `json:"verified_crawlers"`
	Shared           int64 `json:"shared_addresses"`
	// Precision is reported over reported and not reported; null where nothing
	// labelled is hit.
	Precision *float64 `json:"precision"`
}

// visitor is what the months hold of an address.
type visitor struct {
	requests, pageViews, spider float64
	label                       row.Label
	lists                       uint16 // that hold it
	verified, shared            bool
}

// Replay says what lists would have stopped in months of the store. It writes
// nothing. Memory grows with the addresses in the months. Errors: NotFound,
// Invalid, Corrupt, Interrupted.
func Replay(ctx context.Context, c ReplayConfig, sink Sink) (ReplayResult, error) {
	out := ReplayResult{Months: c.Months, All: Stopped{Name: "all"}}
	if len(c.Lists) > maxReplayed {
		return out, fault.Field(fault.Usage, "list", "%d lists: want at most %d", len(c.Lists), maxReplayed)
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return out, err
	}
	defer st.Close()
	if ms := st.Months(); len(c.Months) == 0 && len(ms) > 0 {
		c.Months = ms[len(ms)-1:]
		out.Months = c.Months
	}
	var tables []*bart.Lite
	add := func(s Stopped, ps []netip.Prefix) {
		t := &bart.Lite{}
		for _, p := range ps {
			t.Insert(p)
		}
		s.Entries = len(ps)
		tables = append(tables, t)
		out.Lists = append(out.Lists, s)
	}
	for _, path := range c.Lists {
		ps, f, err := readList(path)
		if err != nil {
			return out, err
		}
		add(Stopped{Name: filepath.Base(path), Format: string(f)}, ps)
	}
	for _, made := range c.made() {
		e := c.Export
		e.Home, e.Rules = c.Home, made.rules
		s := Stopped{Name: made.name}
		list, err := buildList(ctx, &e, sink)
		var ps []netip.Prefix
		var none abstained
		switch {
		case errors.As(err, &none):
			s.Note = none.note
		case fault.Is(err, fault.Conflict):
			s.Note = oneLine(err)
		case err != nil:
			return out, err
		default:
			s.Source, s.Threshold = list.header.Source, list.header.Threshold
			if both := monthsIn(list.learnt, c.Months); len(both) > 0 {
				s.Note = "learnt from " + strings.Join(both, ", ") + ": judge it by months that it did not see"
			}
			for x := range list.list.All() {
				ps = append(ps, x.Prefix)
			}
		}
		add(s, ps)
	}
	pol, err := policy.Load(c.Export.Policy)
	if err != nil {
		return out, err
	}
	known := func(ip netip.Addr, v *visitor) {
		for i, t := range tables {
			if t.Contains(ip) {
				v.lists |= 1 << i
			}
		}
		v.verified, v.shared = pol.Crawler(ip) != "", pol.Shared(ip) != ""
	}
	visitors := map[netip.Addr]*visitor{}
	for _, m := range c.Months {
		if err := visit(ctx, st, m, known, visitors); err != nil {
			return out, err
		}
	}
	for _, v := range visitors {
		out.All.count(v)
		for i := range out.Lists {
			if v.lists>>i&1 != 0 {
				out.Lists[i].count(v)
			}
		}
	}
	out.All.finish()
	for i := range out.Lists {
		out.Lists[i].finish()
	}
	return out, nil
}

// madeList is a list that a replay makes by itself.
type madeList struct {
	name  string
	rules RuleChoice
}

func (c *ReplayConfig) made() (out []madeList) {
	if c.Model {
		out = append(out, madeList{"model", NoRule})
	}
	if c.Rules {
		out = append(out, madeList{"rules at target", RuleAtTarget}, madeList{"rules, best F1", RuleBestF1})
	}
	return out
}

// monthsIn are the months that stand in both, in the order of the second.
func monthsIn(a, b []row.Month) (out []string) {
	for _, m := range b {
		if slices.Contains(a, m) {
			out = append(out, m.String())
		}
	}
	return out
}

func readList(path string) ([]netip.Prefix, edge.Format, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fault.Field(fault.Invalid, "list", "--list: %w", err)
	}
	defer f.Close()
	return edge.Read(f, filepath.Base(path))
}

func visit(ctx context.Context, st *featurestore.Store, m row.Month, known func(netip.Addr, *visitor), visitors map[netip.Addr]*visitor) error {
	at, err := columnsAt(st, m, "request_count", "is_pageview_ratio", "spider_ratio")
	if err != nil {
		return err
	}
	n := 0
	return st.ScanMonth(m, false, func(x *row.Row) error {
		if n++; n%4096 == 1 && ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		v := visitors[x.IP]
		if v == nil {
			v = &visitor{}
			known(x.IP, v)
			visitors[x.IP] = v
		}
		requests := x.Values[at[0]]
		v.requests += requests
		// A ratio that the log did not give (NaN) is none.
		if p := requests * x.Values[at[1]]; p == p {
			v.pageViews += p
		}
		if s := requests * x.Values[at[2]]; s == s {
			v.spider += s
		}
		v.label = max(v.label, x.Label) // unknown, false, true
		return nil
	})
}

func (s *Stopped) count(v *visitor) {
	requests, pageViews := int64(math.Round(v.requests)), int64(math.Round(v.pageViews))
	s.Requests += requests
	s.PageViews += pageViews
	s.Addresses++
	switch v.label {
	case row.True:
		s.Reported++
	case row.False:
		s.NotReported++
	default:
		s.Unknown++
	}
	if v.verified {
		s.VerifiedCrawlers++
	}
	if v.shared {
		s.Shared++
	}
	switch crawler := v.requests > 0 && v.spider >= v.requests/2; {
	case crawler:
		s.Crawlers++
		s.CrawlerRequests += requests
	case v.label == row.False:
		s.Readers++
		s.ReaderRequests += requests
		s.ReaderPageViews += pageViews
	}
}

func (s *Stopped) finish() {
	if n := s.Reported + s.NotReported; n > 0 {
		p := float64(s.Reported) / float64(n)
		s.Precision = &p
	}
}
