package policy

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Verdict is what is said of an address; the words are those of the feed.
type Verdict string

// The verdicts.
const (
	Abusive    Verdict = "abusive"
	NotAbusive Verdict = "not_abusive"
	Abstain    Verdict = "abstain"
)

// Source is what decided.
type Source string

// The sources.
const (
	FromModel    Source = "model"
	FromOverride Source = "override"
	FromCrawler  Source = "crawler"
)

// Decision is the answer for one address, and what it rests on.
type Decision struct {
	Verdict Verdict `json:"verdict"` // what holds
	Scored  Verdict `json:"scored"`  // what the model said
	Source  Source  `json:"source"`
	// Reason says why, where it was not the model that decided.
	Reason string `json:"reason,omitempty"`
	Author string `json:"author,omitempty"` // of the override
	Where  string `json:"where,omitempty"`  // its file and line
	// Since is when an override began to count, or a crawler published its
	// ranges; zero where that is not known.
	Since time.Time `json:"since,omitzero"`
	// Until is when the decision runs out; zero where it does not.
	Until time.Time `json:"until,omitzero"`
	// Shared names the prefix behind which many stand, where the address is in
	// one: stopping it may stop others.
	Shared string `json:"shared,omitempty"`
}

// Rules is what a policy is made of.
type Rules struct {
	Overrides []Override
	Crawlers  []Ranges // not stopped unless an override says so
	Shared    []Ranges // marked
}

// Policy decides. It is immutable and safe for concurrent use.
type Policy struct {
	rules     Rules
	overrides bart.Table[int]
	crawlers  bart.Table[int]
	shared    bart.Table[int]
	reasons   []string // of crawlers
}

// New makes a policy. The zero Rules leave every verdict as it is scored.
// Errors: Invalid.
func New(r Rules) (*Policy, error) {
	p := &Policy{rules: r}
	for i, o := range r.Overrides {
		if !usable(o.Prefix) {
			return nil, fault.Field(fault.Invalid, "overrides", "%s: want a prefix without bits beyond its length", o.Where)
		}
		if j, ok := p.overrides.Get(o.Prefix); ok {
			return nil, fault.Field(fault.Invalid, "overrides", "%s: the prefix stands in %s already; keep one of them", o.Where, r.Overrides[j].Where)
		}
		p.overrides.Insert(o.Prefix, i)
	}
	insert := func(t *bart.Table[int], rs []Ranges) error {
		for i, r := range rs {
			for _, x := range r.Prefixes {
				if !usable(x) {
					return fault.Field(fault.Invalid, r.Name, "ranges of %s: want prefixes without bits beyond their length", r.Name)
				}
				if _, ok := t.Get(x); !ok {
					t.Insert(x, i)
				}
			}
		}
		return nil
	}
	if err := insert(&p.crawlers, r.Crawlers); err != nil {
		return nil, err
	}
	if err := insert(&p.shared, r.Shared); err != nil {
		return nil, err
	}
	for _, c := range r.Crawlers {
		p.reasons = append(p.reasons, "in the published ranges of "+c.Name+dated(c.Date))
	}
	return p, nil
}

func dated(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(" of %s", t.Format(time.DateOnly))
}

func usable(p netip.Prefix) bool { return p.IsValid() && p == p.Masked() && !p.Addr().Is4In6() }

// Rules is what the policy was made of; not to be changed.
func (p *Policy) Rules() Rules { return p.rules }

// Decide applies the policy to a scored address. It allocates nothing.
func (p *Policy) Decide(ip netip.Addr, scored Verdict, now time.Time) Decision {
	d := Decision{Verdict: scored, Scored: scored, Source: FromModel}
	ip, ok := row.Canonical(ip)
	if !ok {
		return d
	}
	d.Shared = p.Shared(ip)
	if o := p.override(ip, now); o != nil {
		d.Source, d.Reason, d.Author, d.Where, d.Since, d.Until = FromOverride, o.Reason, o.Author, o.Where, o.Since, o.Until
		d.Verdict = verdictOf(o.Action)
		return d
	}
	if i, ok := p.crawlers.Lookup(ip); ok {
		c := p.crawlerDecision(i)
		c.Scored, c.Shared = d.Scored, d.Shared
		return c
	}
	return d
}

// Crawler names the crawler in whose published ranges an address lies, or "".
func (p *Policy) Crawler(ip netip.Addr) string { return nameIn(&p.crawlers, p.rules.Crawlers, ip) }

// Shared names the prefix behind which many stand in which an address lies, or
// "".
func (p *Policy) Shared(ip netip.Addr) string { return nameIn(&p.shared, p.rules.Shared, ip) }

func nameIn(t *bart.Table[int], of []Ranges, ip netip.Addr) string {
	if ip, ok := row.Canonical(ip); ok {
		if i, ok := t.Lookup(ip); ok {
			return of[i].Name
		}
	}
	return ""
}

func verdictOf(a Action) Verdict {
	switch a {
	case Allow:
		return NotAbusive
	case Flag:
		return Abusive
	}
	return Abstain
}

// override finds the most specific override that counts at an instant.
func (p *Policy) override(ip netip.Addr, now time.Time) *Override {
	i, ok := p.overrides.Lookup(ip)
	if !ok {
		return nil
	}
	if o := &p.rules.Overrides[i]; o.counts(now) {
		return o
	}
	for _, i := range p.overrides.Supernets(netip.PrefixFrom(ip, ip.BitLen())) {
		if o := &p.rules.Overrides[i]; o.counts(now) {
			return o
		}
	}
	return nil
}

// counts tells whether an override holds at an instant.
func (o *Override) counts(now time.Time) bool { return !now.Before(o.Since) && !o.over(now) }

// over tells whether it held until an instant.
func (o *Override) over(now time.Time) bool { return !o.Until.IsZero() && !now.Before(o.Until) }

// Verdict is what an override makes hold.
func (o *Override) Verdict() Verdict { return verdictOf(o.Action) }

// InForce are the overrides that count at an instant, the address with the
// smallest number first and of one address the widest prefix.
func (p *Policy) InForce(now time.Time) []Override {
	out := slices.DeleteFunc(slices.Clone(p.rules.Overrides), func(o Override) bool { return !o.counts(now) })
	slices.SortFunc(out, func(a, b Override) int { return a.Prefix.Compare(b.Prefix) })
	return out
}

// CrawlerRanges gives the prefixes of crawlers and what holds in them where no
// override counts.
func (p *Policy) CrawlerRanges() iter.Seq2[netip.Prefix, Decision] {
	return func(yield func(netip.Prefix, Decision) bool) {
		for q, i := range p.crawlers.All() {
			if !yield(q, p.crawlerDecision(i)) {
				return
			}
		}
	}
}

// crawlerDecision is what holds in the ranges of the i-th crawler.
func (p *Policy) crawlerDecision(i int) Decision {
	return Decision{Verdict: NotAbusive, Source: FromCrawler, Reason: p.reasons[i], Since: p.rules.Crawlers[i].Date}
}

// Regions are the parts of the address space for which a policy decides,
// whatever a model says.
type Regions struct {
	// Of Keep nothing may be listed, all of Flagged has to be.
	Keep, Flagged []Region
}

// Region is a prefix and what decided for it.
type Region struct {
	Prefix netip.Prefix
	Reason string
	// Except are the more specific prefixes in it for which something else was
	// said.
	Except []netip.Prefix
}

// Regions says where the policy decides at an instant: kept out of lists are
// what overrides allow or leave undecided and the ranges of crawlers, flagged
// what overrides flag.
func (p *Policy) Regions(now time.Time) Regions {
	var out Regions
	var flagged []netip.Prefix
	for i := range p.rules.Overrides {
		o := &p.rules.Overrides[i]
		if !o.counts(now) {
			continue
		}
		r := Region{Prefix: o.Prefix, Reason: "override of " + o.Author + ": " + o.Reason}
		for q, j := range p.overrides.Subnets(o.Prefix) {
			if j != i && p.rules.Overrides[j].counts(now) {
				r.Except = append(r.Except, q)
			}
		}
		if o.Action == Flag {
			out.Flagged = append(out.Flagged, r)
			flagged = append(flagged, o.Prefix)
		} else {
			out.Keep = append(out.Keep, r)
		}
	}
	for i, c := range p.rules.Crawlers {
		for _, q := range c.Prefixes {
			r := Region{Prefix: q, Reason: p.reasons[i]}
			for _, f := range flagged {
				if f.Overlaps(q) {
					r.Except = append(r.Except, f)
				}
			}
			out.Keep = append(out.Keep, r)
		}
	}
	return out
}

// Expired are the overrides that no longer count, in their order: lines to
// clear away.
func (p *Policy) Expired(now time.Time) []Override {
	return slices.DeleteFunc(slices.Clone(p.rules.Overrides), func(o Override) bool { return !o.over(now) })
}
