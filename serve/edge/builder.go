package edge

import (
	"cmp"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Address is what is known of an address that is to be listed.
type Address struct {
	// Confidence is the probability of abuse, in [0, 1].
	Confidence float64
	// Since is when it was first seen doing what it is listed for; may be zero.
	// It is kept to the second, from 1970 on.
	Since time.Time
	// Reason says why, in a few words. Memory grows with the distinct ones.
	Reason string
}

// Builder collects what a list is made of. The zero value is ready to use; it
// is not safe for concurrent use. It takes 16 bytes an IPv4 address and 32 an
// IPv6 address, 4 and 16 a known one.
type Builder struct {
	v4      []item4
	v6      []item6
	known4  []uint32
	known6  []addr6
	allowed bart.Lite
	shared  bart.Lite
	forced  []forced
	reasons []string
	reason  map[string]uint32
	err     error
}

type item4 struct {
	ip         uint32
	confidence float32
	since      uint32
	reason     uint32
}

type item6 struct {
	addr6
	confidence float32
	since      uint32
	reason     uint32
}

type addr6 struct{ hi, lo uint64 }

func (a addr6) compare(b addr6) int {
	if c := cmp.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	return cmp.Compare(a.lo, b.lo)
}

func (a addr6) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

func key4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func addr4(k uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], k)
	return netip.AddrFrom4(b)
}

func key6(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

type forced struct {
	prefix netip.Prefix
	reason string
}

// Add lists an address. Of one that is added twice the greater confidence and
// the earlier instant stay. What is wrong with an address is told by Build.
func (b *Builder) Add(ip netip.Addr, a Address) {
	ip, ok := row.Canonical(ip)
	switch {
	case !ok:
		b.fail(fault.Field(fault.Invalid, "ip", "an address to list is none, or has a zone"))
		return
	case !(a.Confidence >= 0 && a.Confidence <= 1):
		b.fail(fault.Field(fault.Invalid, "confidence", "confidence %v of %s: want a number in [0, 1]", a.Confidence, row.Mask(ip)))
		return
	}
	reason, ok := b.reason[a.Reason]
	if !ok {
		if b.reason == nil {
			b.reason = map[string]uint32{}
		}
		reason = uint32(len(b.reasons))
		b.reason[a.Reason] = reason
		b.reasons = append(b.reasons, a.Reason)
	}
	since := uint32(0)
	if s := a.Since.Unix(); s > 0 && s < 1<<32 {
		since = uint32(s)
	}
	if ip.Is4() {
		b.v4 = append(b.v4, item4{key4(ip), float32(a.Confidence), since, reason})
		return
	}
	b.v6 = append(b.v6, item6{key6(ip), float32(a.Confidence), since, reason})
}

// Known says of an address that it was seen and is not to be listed. Roll-up
// hits at most Options.MaxKnown of them. One that is listed too is not known.
func (b *Builder) Known(ip netip.Addr) {
	ip, ok := row.Canonical(ip)
	switch {
	case !ok:
		b.fail(fault.Field(fault.Invalid, "ip", "a known address is none, or has a zone"))
	case ip.Is4():
		b.known4 = append(b.known4, key4(ip))
	default:
		b.known6 = append(b.known6, key6(ip))
	}
}

// Allow keeps a prefix out of the list: addresses in it are left out, and no
// entry touches it.
func (b *Builder) Allow(p netip.Prefix) { b.insert(&b.allowed, p) }

// Share marks a prefix behind which many stand, as with a carrier's address
// translation: addresses in it may be listed, but nothing that touches it is
// rolled up.
func (b *Builder) Share(p netip.Prefix) { b.insert(&b.shared, p) }

func (b *Builder) insert(t *bart.Lite, p netip.Prefix) {
	c, ok := canonical(p)
	if !ok {
		b.fail(fault.Field(fault.Invalid, "prefix", "a prefix to spare is none, or has a zone"))
		return
	}
	t.Insert(c)
}

// Force lists a whole prefix, whatever is known of it; what is allowed in it
// stays out.
func (b *Builder) Force(p netip.Prefix, reason string) {
	c, ok := canonical(p)
	if !ok {
		b.fail(fault.Field(fault.Invalid, "prefix", "a prefix to list is none, or has a zone"))
		return
	}
	b.forced = append(b.forced, forced{c, reason})
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Options say how a list is made of what a Builder holds. The zero value is
// the exact cover without a limit.
type Options struct {
	// IPv4 is the length of the widest prefix that may be rolled up, 1 to 31;
	// 0 for none. 24 is what is commonly routed by itself.
	IPv4 int
	// IPv6 is the same, 1 to 64; 0 for none. With 64 several addresses of one
	// /64 become that /64, with 48 the /64s of one site may become its /48.
	IPv6 int
	// MaxExtraIPv4 bounds the addresses hit that were not meant, MaxExtraIPv6
	// the networks of size /64 hit in which nothing was meant.
	MaxExtraIPv4, MaxExtraIPv6 uint64
	// MaxExtraShare is the same bound as a share of the listed addresses, or of
	// the networks of size /64 that hold listed addresses; the greater of the
	// two counts. 0.05 lets a list of 1000 addresses hit 50 more.
	MaxExtraShare float64
	// MaxKnown bounds the known addresses hit, of both families together.
	MaxKnown int
	// MaxEntries bounds the entries; 0 for no bound. Those with the greatest
	// sum of confidences stay, so that the list stops the most abusive
	// addresses that so many entries can. What is forced stays always.
	MaxEntries int
}

// maxBudget keeps sums of extras within 64 bits.
const maxBudget = 1 << 62

// budget is the bound for n units listed.
func (o *Options) budget(most uint64, n int) uint64 {
	return max(most, uint64(o.MaxExtraShare*float64(n)))
}

func (o *Options) check() error {
	switch {
	case o.IPv4 < 0 || o.IPv4 > 31:
		return fault.Field(fault.Invalid, "rollup", "roll-up of IPv4 to /%d: want /1 to /31, or 0 for none", o.IPv4)
	case o.IPv6 < 0 || o.IPv6 > 64:
		return fault.Field(fault.Invalid, "rollup", "roll-up of IPv6 to /%d: want /1 to /64, or 0 for none", o.IPv6)
	case o.MaxExtraIPv4 > maxBudget || o.MaxExtraIPv6 > maxBudget:
		return fault.Field(fault.Invalid, "max-extra", "a bound above %d on what is hit and was not meant is none", uint64(maxBudget))
	case !(o.MaxExtraShare >= 0 && o.MaxExtraShare <= 1e6):
		return fault.Field(fault.Invalid, "max-extra", "a share of %v: want 0 or more", o.MaxExtraShare)
	case o.MaxKnown < 0:
		return fault.Field(fault.Invalid, "max-known", "%d known addresses: want 0 or more", o.MaxKnown)
	case o.MaxEntries < 0:
		return fault.Field(fault.Invalid, "max-entries", "%d entries: want 0 (no bound) or more", o.MaxEntries)
	}
	return nil
}

// Build makes the list. It is the same for the same addresses in any order.
// The Builder's contents go into it: afterwards the Builder is empty. Errors:
// Invalid, Exhausted (more than 2^32-1 addresses of a family), Interrupted.
func (b *Builder) Build(ctx context.Context, o Options) (*List, error) {
	if b.err != nil {
		return nil, b.err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if uint64(len(b.v4)) > 1<<32-1 || uint64(len(b.v6)) > 1<<32-1 {
		return nil, fault.New(fault.Exhausted, "more than 2^32-1 addresses of one family in a list")
	}
	l := &List{v4: b.v4, v6: b.v6, reasons: b.reasons}
	b.v4, b.v6, b.reasons, b.reason = nil, nil, nil, nil
	l.stats.AllowedAddresses += b.sort4(l)
	l.stats.AllowedAddresses += b.sort6(l)
	if err := b.force(l); err != nil {
		return nil, err
	}
	l.stats.Addresses = len(l.v4) + len(l.v6)
	l.stats.SharedAddresses = b.countShared(l)
	if err := b.cover4(ctx, l, o); err != nil {
		return nil, fault.As(fault.Interrupted, err)
	}
	if err := b.cover6(ctx, l, o); err != nil {
		return nil, fault.As(fault.Interrupted, err)
	}
	l.limit(o.MaxEntries)
	l.count()
	*b = Builder{}
	return l, nil
}

// sort4 brings the addresses in order, each once, without those allowed.
func (b *Builder) sort4(l *List) (allowed int) {
	byIP := func(a, c item4) int { return cmp.Compare(a.ip, c.ip) }
	if !slices.IsSortedFunc(l.v4, byIP) {
		slices.SortFunc(l.v4, byIP)
	}
	out := l.v4[:0]
	check := b.allowed.Size4() > 0
	for _, x := range l.v4 {
		n := len(out)
		switch {
		case n > 0 && out[n-1].ip == x.ip:
			y := &out[n-1]
			y.confidence, y.since, y.reason = l.stronger(y.confidence, x.confidence, y.since, x.since, y.reason, x.reason)
		case check && b.allowed.Contains(addr4(x.ip)):
			allowed++
		default:
			out = append(out, x)
		}
	}
	l.v4 = out
	slices.Sort(b.known4)
	b.known4 = slices.Compact(b.known4)
	return allowed
}

func (b *Builder) sort6(l *List) (allowed int) {
	byIP := func(a, c item6) int { return a.compare(c.addr6) }
	if !slices.IsSortedFunc(l.v6, byIP) {
		slices.SortFunc(l.v6, byIP)
	}
	out := l.v6[:0]
	check := b.allowed.Size6() > 0
	for _, x := range l.v6 {
		n := len(out)
		switch {
		case n > 0 && out[n-1].addr6 == x.addr6:
			y := &out[n-1]
			y.confidence, y.since, y.reason = l.stronger(y.confidence, x.confidence, y.since, x.since, y.reason, x.reason)
		case check && b.allowed.Contains(x.addr()):
			allowed++
		default:
			out = append(out, x)
		}
	}
	l.v6 = out
	slices.SortFunc(b.known6, addr6.compare)
	b.known6 = slices.Compact(b.known6)
	return allowed
}

// stronger joins what is said twice of one address.
func (l *List) stronger(c1, c2 float32, s1, s2, r1, r2 uint32) (float32, uint32, uint32) {
	since := min(s1, s2)
	if since == 0 {
		since = max(s1, s2)
	}
	if c2 > c1 || c2 == c1 && l.reasons[r2] < l.reasons[r1] {
		c1, r1 = c2, r2
	}
	return c1, since, r1
}

// force takes what is forced out of the prefixes allowed, and the addresses
// that it covers out of the list.
func (b *Builder) force(l *List) error {
	if len(b.forced) == 0 {
		return nil
	}
	slices.SortFunc(b.forced, func(a, c forced) int {
		return cmp.Or(comparePrefix(a.prefix, c.prefix), cmp.Compare(a.reason, c.reason))
	})
	minus := slices.Collect(b.allowed.All())
	var table bart.Lite
	for _, f := range b.forced {
		if table.LookupPrefix(f.prefix) {
			continue // a wider one, or the same, was forced already
		}
		for _, p := range Subtract([]netip.Prefix{f.prefix}, minus) {
			table.Insert(p)
			l.forced = append(l.forced, forced{p, f.reason})
		}
	}
	l.v4 = slices.DeleteFunc(l.v4, func(x item4) bool { return table.Contains(addr4(x.ip)) })
	l.v6 = slices.DeleteFunc(l.v6, func(x item6) bool { return table.Contains(x.addr()) })
	// A rolled-up entry that covered a forced one would say the same twice.
	for _, f := range l.forced {
		b.shared.Insert(f.prefix)
	}
	return nil
}

func (b *Builder) countShared(l *List) (n int) {
	if b.shared.Size4() > 0 {
		for i := range l.v4 {
			if b.shared.Contains(addr4(l.v4[i].ip)) {
				n++
			}
		}
	}
	if b.shared.Size6() > 0 {
		for i := range l.v6 {
			if b.shared.Contains(l.v6[i].addr()) {
				n++
			}
		}
	}
	return n
}

// free says that a prefix may be rolled up.
func (b *Builder) free(p netip.Prefix) bool {
	return !b.allowed.OverlapsPrefix(p) && !b.shared.OverlapsPrefix(p)
}

func (b *Builder) cover4(ctx context.Context, l *List, o Options) error {
	b.known4 = without(b.known4, len(l.v4), func(i int) uint32 { return l.v4[i].ip }, cmp.Compare[uint32])
	c := cover{n: len(l.v4), width: 32, widest: 32, key: func(i int) uint64 { return uint64(l.v4[i].ip) }}
	if o.IPv4 > 0 {
		c.lossy, c.widest, c.budget, c.maxKnown = true, o.IPv4, o.budget(o.MaxExtraIPv4, len(l.v4)), o.MaxKnown
		c.knownIn = func(prefix uint64, bits int) int {
			from, _ := slices.BinarySearch(b.known4, uint32(prefix))
			to, found := slices.BinarySearch(b.known4[from:], uint32(prefix|(1<<(32-bits)-1)))
			if found {
				to++
			}
			return to
		}
		c.free = func(prefix uint64, bits int) bool { return b.free(netip.PrefixFrom(addr4(uint32(prefix)), bits)) }
	}
	err := c.run(ctx)
	l.length4 = c.length
	l.stats.ExactEntries += c.exact
	l.stats.LeastEntries += c.least
	l.stats.ExtraIPv4 = c.extra
	l.stats.Known += c.known
	return err
}

// cover6 works on networks of size /64 as units; within one the addresses
// stand as they are, joined where they fill a prefix, or as the whole /64.
func (b *Builder) cover6(ctx context.Context, l *List, o Options) error {
	b.known6 = without(b.known6, len(l.v6), func(i int) addr6 { return l.v6[i].addr6 }, addr6.compare)
	lossy := o.IPv6 > 0
	maxKnown := o.MaxKnown - l.stats.Known
	knownIn := func(prefix uint64, bits int) int {
		from, _ := slices.BinarySearchFunc(b.known6, addr6{prefix, 0}, addr6.compare)
		to, found := slices.BinarySearchFunc(b.known6[from:], addr6{prefix | (1<<(64-bits) - 1), 1<<64 - 1}, addr6.compare)
		if found {
			to++
		}
		return to
	}
	free := func(prefix uint64, bits int) bool { return b.free(netip.PrefixFrom(addr6{hi: prefix}.addr(), bits)) }
	for i := 0; i < len(l.v6); {
		u := unit6{hi: l.v6[i].hi, first: uint32(i)}
		j := i + 1
		for j < len(l.v6) && l.v6[j].hi == u.hi {
			j++
		}
		u.whole = lossy && j-i > 1 && knownIn(u.hi, 64) == 0 && free(u.hi, 64)
		l.units = append(l.units, u)
		l.stats.ExactEntries += l.countWithin(i, j)
		i = j
	}
	c := cover{n: len(l.units), width: 64, key: func(i int) uint64 { return l.units[i].hi }, lossy: lossy, knownIn: knownIn, free: free, maxKnown: maxKnown, budget: o.budget(o.MaxExtraIPv6, len(l.units)), widest: 64}
	c.leaf = func(i int) (int, bool) {
		from, to := l.unit(i)
		switch {
		case l.units[i].whole || to-from == 1:
			return 1, true
		}
		return l.countWithin(from, to), false
	}
	if lossy {
		c.widest = o.IPv6
	}
	err := c.run(ctx)
	l.length6 = c.length
	l.stats.LeastEntries += c.least
	l.stats.ExtraIPv6 = c.extra
	l.stats.Known += c.known
	return err
}

// without takes the listed out of the known; both are sorted.
func without[T any](known []T, n int, listed func(int) T, compare func(a, b T) int) []T {
	i := 0
	return slices.DeleteFunc(known, func(k T) bool {
		for i < n && compare(listed(i), k) < 0 {
			i++
		}
		return i < n && compare(listed(i), k) == 0
	})
}
