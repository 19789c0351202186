package reputation

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Set is what a number of exports say. It is immutable and safe for concurrent
// use.
type Set struct {
	o       Options
	def     Definition
	stats   []FileStats
	pages   map[row.Month][]*page
	answers map[row.Month][]Answer // by compareAnswers
	months  []row.Month
}

// Open reads AbuseIPDB exports. Every file's shape, compression and month are
// found by content, the month failing that by name, failing that from
// Options.Month. It is an error (fault.Invalid) if a file has no usable line
// or no month, or if check answers and lists are mixed unasked; a compressed
// file that ends early is fault.Corrupt. The order of files does not matter,
// and a file given twice counts once.
func Open(ctx context.Context, files []string, o Options) (*Set, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fault.New(fault.Invalid, "no label files given; name at least one AbuseIPDB export")
	}
	files = slices.Compact(slices.Sorted(slices.Values(files)))
	exports := make([]*export, len(files))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Threads))
	var mu sync.Mutex
	for i, name := range files {
		g.Go(func() error {
			e, err := readExport(gctx, name, &o)
			if err != nil {
				return err
			}
			exports[i] = e
			if o.Progress != nil {
				mu.Lock()
				defer mu.Unlock()
				o.Progress(e.stats)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		return nil, err
	}
	s := &Set{o: o, pages: map[row.Month][]*page{}, answers: map[row.Month][]Answer{}}
	exports = s.distinct(exports)
	if err := s.define(exports); err != nil {
		return nil, err
	}
	s.index(exports)
	return s, nil
}

// distinct drops files of identical content, unless their names date them
// differently, and keeps the stats of all.
func (s *Set) distinct(exports []*export) []*export {
	var kept []*export
	for _, e := range exports {
		for _, k := range kept {
			if k.stats.SHA256 == e.stats.SHA256 && slices.Equal(k.stats.Months, e.stats.Months) {
				e.stats.SameAs = k.stats.Name
				break
			}
		}
		if e.stats.SameAs == "" {
			kept = append(kept, e)
		}
		s.stats = append(s.stats, e.stats)
	}
	return kept
}

// define settles the definition and refuses exports that it can't be read from.
func (s *Set) define(exports []*export) error {
	var withLists, withAnswers, unscored string
	for _, e := range exports {
		if len(e.lists) > 0 && withLists == "" {
			withLists = e.stats.Name
		}
		if len(e.lists) > 0 && !e.scored && unscored == "" {
			unscored = e.stats.Name
		}
		if len(e.answers) > 0 && withAnswers == "" {
			withAnswers = e.stats.Name
		}
	}
	if withLists != "" && withAnswers != "" && !s.o.AllowMixed {
		return fault.Field(fault.Invalid, "labels", "%s holds check answers and %s a list: \"reported\" would mean two things; give one kind, or allow the mixture", withAnswers, withLists)
	}
	s.def = s.o.Definition
	if s.def == ByShape {
		switch {
		case withLists == "":
			s.def = L2
		case withAnswers == "":
			s.def = L5
		default:
			s.def = mixed
		}
	}
	switch s.def {
	case L1, L2, L3:
		if withAnswers == "" {
			return fault.Field(fault.Invalid, "definition", "label definition %v needs check answers with totalReports; %s is a list, which allows L5 and L6", s.def, withLists)
		}
	case L4:
		if unscored != "" {
			return fault.Field(fault.Invalid, "definition", "label definition L4 needs abuseConfidenceScore, which %s lacks; it allows L5 and L6", unscored)
		}
	case L5:
		if withLists == "" {
			return fault.Field(fault.Invalid, "definition", "label definition L5 needs a blacklist; %s holds check answers, which allow L1 to L4 and L6", withAnswers)
		}
	}
	return nil
}

func (s *Set) index(exports []*export) {
	byMonth := map[row.Month][]*list{}
	for _, e := range exports {
		for d, b := range e.lists {
			l := b.sorted(e.scored)
			l.known, l.sha = d.known, e.stats.SHA256
			byMonth[d.month] = append(byMonth[d.month], &l)
		}
		for _, a := range e.answers {
			s.answers[a.Month] = append(s.answers[a.Month], a)
		}
		e.lists = nil
	}
	for m, ls := range byMonth {
		slices.SortFunc(ls, func(a, b *list) int {
			return cmp.Or(cmp.Compare(a.known, b.known), cmp.Compare(a.sha, b.sha))
		})
		for i, l := range ls {
			if i%pageExports == 0 {
				s.pages[m] = append(s.pages[m], &page{})
			}
			s.pages[m][i/pageExports].add(l)
		}
		s.months = append(s.months, m)
	}
	for m, as := range s.answers {
		slices.SortFunc(as, compareAnswers)
		s.months = append(s.months, m)
	}
	slices.Sort(s.months)
	s.months = slices.Compact(s.months)
}

// Definition is the definition in force: "L1" to "L6", or "L2+L5" for mixed
// exports.
func (s *Set) Definition() string { return s.def.String() }

// Sentence says in words what "reported" means here.
func (s *Set) Sentence() string { return s.def.sentence(s.o.MinScore) }

// Months are the months that the exports speak for, ascending.
func (s *Set) Months() []row.Month { return slices.Clone(s.months) }

// Has reports whether an export speaks for m. For a month without one every
// label is unknown.
func (s *Set) Has(m row.Month) bool {
	_, ok := slices.BinarySearch(s.months, m)
	return ok
}

// Stats are the files' in order of name.
func (s *Set) Stats() []FileStats { return slices.Clone(s.stats) }

// answersFor are ip's answers of month m, the one that counts first.
func (s *Set) answersFor(ip netip.Addr, m row.Month) []Answer {
	as := s.answers[m]
	i, ok := slices.BinarySearchFunc(as, ip, func(a Answer, ip netip.Addr) int { return a.IP.Compare(ip) })
	if !ok {
		return nil
	}
	j := i
	for j < len(as) && as[j].IP == ip {
		j++
	}
	return as[i:j]
}
