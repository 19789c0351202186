package edge

import (
	"iter"
	"math/bits"
	"net/netip"
	"slices"
	"time"
)

// Entry is one prefix of a list.
type Entry struct {
	Prefix netip.Prefix
	// Addresses is how many listed addresses it stands for; 0 for a prefix that
	// was listed as such.
	Addresses int
	// Confidence is the greatest among them, in [0, 1].
	Confidence float64
	// Since is the earliest instant among them, in whole seconds; zero where
	// none is known.
	Since time.Time
	// Reason is that of the address with the greatest confidence.
	Reason string
}

// Stats say what a list covers and what it cost.
type Stats struct {
	Entries   int `json:"entries"`
	Addresses int `json:"addresses"` // listed, before MaxEntries
	IPv4      int `json:"ipv4_entries"`
	IPv6      int `json:"ipv6_entries"`
	Forced    int `json:"forced_entries"`

	// ExactEntries is what the same addresses take without roll-up.
	ExactEntries int `json:"exact_entries"`
	// LeastEntries is a bound that no choice within MaxExtra goes below; the
	// list is at most so far from the fewest entries possible. Without
	// MaxEntries, and without what is forced.
	LeastEntries int `json:"least_entries"`

	// ExtraIPv4 are addresses hit that were not meant, ExtraIPv6 networks of
	// size /64 hit in which nothing was meant; Known are addresses hit that
	// were seen and not flagged. All before MaxEntries, which only takes away.
	ExtraIPv4 uint64 `json:"extra_ipv4_addresses"`
	ExtraIPv6 uint64 `json:"extra_ipv6_networks"`
	Known     int    `json:"known_addresses_hit"`

	// AllowedAddresses were left out because a prefix that holds them is
	// allowed, SharedAddresses are listed though many stand behind them.
	AllowedAddresses int `json:"allowed_addresses"`
	SharedAddresses  int `json:"shared_addresses"`

	// DroppedEntries and DroppedAddresses fell to MaxEntries.
	DroppedEntries   int `json:"dropped_entries"`
	DroppedAddresses int `json:"dropped_addresses"`
}

// List is the outcome of Build. It is immutable and safe for concurrent use.
type List struct {
	v4      []item4
	v6      []item6
	units   []unit6
	length4 []uint8 // of the entry that begins at the address
	length6 []uint8 // of the entry that begins at the unit
	forced  []forced
	reasons []string
	stats   Stats

	// Entries whose sum of confidences is below cut are dropped, and of those
	// that have just that, all after the first atCut.
	cut   float64
	atCut int
}

// unit6 is a /64 with listed addresses.
type unit6 struct {
	hi    uint64
	first uint32 // index of its first address
	whole bool   // stands as the /64
}

// unit gives the addresses of a unit.
func (l *List) unit(i int) (from, to int) {
	to = len(l.v6)
	if i+1 < len(l.units) {
		to = int(l.units[i+1].first)
	}
	return int(l.units[i].first), to
}

// within is the exact cover of addresses of one /64.
func (l *List) within(from, to int) []netip.Prefix {
	ps := make([]netip.Prefix, 0, to-from)
	for _, x := range l.v6[from:to] {
		ps = append(ps, netip.PrefixFrom(x.addr(), 128))
	}
	return Merge(ps)
}

// countWithin is how many prefixes within gives: each run of neighbours takes
// the widest prefix that begins at its first address, and so on.
func (l *List) countWithin(from, to int) (n int) {
	for from < to {
		a := l.v6[from].lo
		i := from + 1
		for i < to && l.v6[i].lo == l.v6[i-1].lo+1 {
			i++
		}
		for left := uint64(i - from); left > 0; n++ {
			size := uint64(1) << (bits.Len64(left) - 1)
			if a != 0 {
				size = min(size, a&-a)
			}
			a += size
			left -= size
		}
		from = i
	}
	return n
}

// Stats says what the list covers.
func (l *List) Stats() Stats { return l.stats }

// Len is the number of entries.
func (l *List) Len() int { return l.stats.Entries }

// All gives the entries by address, IPv4 first. No two overlap.
func (l *List) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		i, atCut := 0, l.atCut
		for e, sum := range l.found() {
			if sum < l.cut {
				continue
			}
			if sum == l.cut {
				if atCut == 0 {
					continue
				}
				atCut--
			}
			for i < len(l.forced) && l.forced[i].prefix.Addr().Less(e.Prefix.Addr()) {
				if !yield(l.forced[i].entry()) {
					return
				}
				i++
			}
			if !yield(e) {
				return
			}
		}
		for ; i < len(l.forced); i++ {
			if !yield(l.forced[i].entry()) {
				return
			}
		}
	}
}

func (f *forced) entry() Entry { return Entry{Prefix: f.prefix, Confidence: 1, Reason: f.reason} }

// found gives the entries of what was added, and the sum of their addresses'
// confidences.
func (l *List) found() iter.Seq2[Entry, float64] {
	return func(yield func(Entry, float64) bool) {
		for i := 0; i < len(l.v4); {
			bits := l.length4[i]
			t := tally{l: l}
			prefix := l.v4[i].ip >> (32 - bits) // a shift by 32 gives 0
			for ; i < len(l.v4) && l.v4[i].ip>>(32-bits) == prefix; i++ {
				x := &l.v4[i]
				t.add(x.confidence, x.since, x.reason)
			}
			if !yield(t.entry(netip.PrefixFrom(addr4(prefix<<(32-bits)), int(bits))), t.sum) {
				return
			}
		}
		for u := 0; u < len(l.units); {
			bits, prefix := l.length6[u], l.units[u].hi>>(64-l.length6[u])
			from, to := l.unit(u)
			if bits == 64 && !l.units[u].whole {
				u++
				if !l.foundWithin(from, to, yield) {
					return
				}
				continue
			}
			for u++; u < len(l.units) && l.units[u].hi>>(64-bits) == prefix; u++ {
				_, to = l.unit(u)
			}
			t := tally{l: l}
			for i := from; i < to; i++ {
				t.add(l.v6[i].confidence, l.v6[i].since, l.v6[i].reason)
			}
			if !yield(t.entry(netip.PrefixFrom(addr6{hi: prefix << (64 - bits)}.addr(), int(bits))), t.sum) {
				return
			}
		}
	}
}

// foundWithin gives the entries of a /64 that does not stand as one.
func (l *List) foundWithin(from, to int, yield func(Entry, float64) bool) bool {
	if to-from == 1 {
		x := &l.v6[from]
		t := tally{l: l}
		t.add(x.confidence, x.since, x.reason)
		return yield(t.entry(netip.PrefixFrom(x.addr(), 128)), t.sum)
	}
	for _, p := range l.within(from, to) {
		t := tally{l: l}
		for ; from < to && p.Contains(l.v6[from].addr()); from++ {
			t.add(l.v6[from].confidence, l.v6[from].since, l.v6[from].reason)
		}
		if !yield(t.entry(p), t.sum) {
			return false
		}
	}
	return true
}

// tally sums up the addresses of an entry.
type tally struct {
	l          *List
	n          int
	sum        float64
	confidence float32
	since      uint32
	reason     uint32
}

func (t *tally) add(confidence float32, since, reason uint32) {
	t.n++
	t.sum += float64(confidence)
	if t.n == 1 || confidence > t.confidence {
		t.confidence, t.reason = confidence, reason
	}
	if since != 0 && (t.since == 0 || since < t.since) {
		t.since = since
	}
}

func (t *tally) entry(p netip.Prefix) Entry {
	e := Entry{Prefix: p, Addresses: t.n, Confidence: float64(t.confidence), Reason: t.l.reasons[t.reason]}
	if t.since != 0 {
		e.Since = time.Unix(int64(t.since), 0).UTC()
	}
	return e
}

// limit finds what to drop so that at most most entries stay.
func (l *List) limit(most int) {
	l.cut = -1
	if most == 0 {
		return
	}
	most = max(most-len(l.forced), 0)
	var sums []float64
	for _, sum := range l.found() {
		sums = append(sums, sum)
	}
	if len(sums) <= most {
		return
	}
	slices.Sort(sums)
	if most == 0 {
		l.cut = sums[len(sums)-1]
		return
	}
	l.cut = sums[len(sums)-most]
	for i := len(sums) - most; i < len(sums) && sums[i] == l.cut; i++ {
		l.atCut++
	}
}

func (l *List) count() {
	s := &l.stats
	s.Forced = len(l.forced)
	kept := 0
	for e := range l.All() {
		s.Entries++
		kept += e.Addresses
		if e.Prefix.Addr().Is4() {
			s.IPv4++
		} else {
			s.IPv6++
		}
	}
	if l.cut >= 0 {
		for range l.found() {
			s.DroppedEntries++
		}
		s.DroppedEntries -= s.Entries - s.Forced
	}
	s.DroppedAddresses = s.Addresses - kept
}
