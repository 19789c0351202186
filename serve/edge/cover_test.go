package edge

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a small part of the address space, all of which can be looked at:
// 128 IPv4 addresses from 198.51.100.0 on, or 128 networks of size /64.
type world struct {
	v6      bool
	listed  map[int]bool
	known   map[int]bool
	allowed []netip.Prefix
	shared  []netip.Prefix
	o       Options
}

const worldBits = 7

func (w *world) at(i int) netip.Addr {
	if w.v6 {
		return addr6{0x20010db8_00000000 + uint64(i), 7}.addr()
	}
	return addr4(0xc6336400 + uint32(i))
}

// prefix is the node of a level of the tree over the world.
func (w *world) prefix(level, i int) netip.Prefix {
	full := 32
	if w.v6 {
		full = 64
	}
	p, _ := w.at(i << (worldBits - level)).Prefix(full - worldBits + level)
	return p
}

func (w *world) build(t fataler) *List {
	var b Builder
	for _, i := range slices.Sorted(maps.Keys(w.listed)) {
		b.Add(w.at(i), Address{Confidence: 0.5 + float64(i)/1000, Since: time.Unix(1e9+int64(i), 0), Reason: "r"})
	}
	for i := range w.known {
		b.Known(w.at(i))
	}
	for _, p := range w.allowed {
		b.Allow(p)
	}
	for _, p := range w.shared {
		b.Share(p)
	}
	l, err := b.Build(context.Background(), w.o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (w *world) inAllowed(a netip.Addr) bool {
	return slices.ContainsFunc(w.allowed, func(p netip.Prefix) bool { return p.Contains(a) })
}

// best is the slow twin: for each number of units hit without being meant, up
// to the budget, the fewest entries, by trying every node of the tree as an
// entry. No bound on known addresses but none.
func (w *world) best(level, i int) []int {
	const never = 1 << 20
	budget, widest, full := int(w.o.MaxExtraIPv4), w.o.IPv4, 32
	if w.v6 {
		budget, widest, full = int(w.o.MaxExtraIPv6), w.o.IPv6, 64
	}
	out := make([]int, budget+1)
	for e := range out {
		out[e] = never
	}
	p := w.prefix(level, i)
	size, members, known := 1<<(worldBits-level), 0, 0
	whole := true // each prefix of the widest length within has a member
	some := map[netip.Prefix]bool{}
	for k := i * size; k < (i+1)*size; k++ {
		a := w.at(k)
		if w.listed[k] && !w.inAllowed(a) {
			members++
			if q, err := a.Prefix(max(widest, p.Bits())); err == nil {
				some[q] = true
			}
		} else if w.known[k] && !w.listed[k] {
			known++
		}
	}
	if members == 0 {
		clear(out)
		return out
	}
	if p.Bits() < widest {
		whole = len(some) == 1<<(widest-p.Bits())
	}
	touched := func(q netip.Prefix) bool { return q.Overlaps(p) }
	lossyOK := widest > 0 && whole && known == 0 && !slices.ContainsFunc(w.allowed, touched) && !slices.ContainsFunc(w.shared, touched)
	exact := members == size && (!w.v6 || level == worldBits)
	if extra := size - members; extra <= budget && (exact || lossyOK) {
		for e := extra; e <= budget; e++ {
			out[e] = 1
		}
	}
	if level == worldBits || p.Bits() == full {
		return out
	}
	l, r := w.best(level+1, 2*i), w.best(level+1, 2*i+1)
	for a := range l {
		for b := 0; a+b <= budget; b++ {
			out[a+b] = min(out[a+b], l[a]+r[b])
		}
	}
	for e := 1; e <= budget; e++ {
		out[e] = min(out[e], out[e-1])
	}
	return out
}

// check looks at every unit of the world and at every entry.
func (w *world) check(t fataler, l *List) {
	s := l.Stats()
	var extra uint64
	hits := map[int]int{}
	n, known := 0, 0
	var last netip.Prefix
	for e := range l.All() {
		n++
		if last.IsValid() && (comparePrefix(last, e.Prefix) >= 0 || last.Overlaps(e.Prefix)) {
			t.Fatalf("%v after %v", e.Prefix, last)
		}
		last = e.Prefix
		members := 0
		for k := range 1 << worldBits {
			if !e.Prefix.Contains(w.at(k)) {
				continue
			}
			hits[k]++
			switch {
			case w.inAllowed(w.at(k)):
				t.Fatalf("%v hits an allowed address", e.Prefix)
			case w.listed[k]:
				members++
			default:
				extra++
				if w.known[k] {
					known++
				}
			}
		}
		if members != e.Addresses {
			t.Fatalf("%v stands for %d addresses, says %d", e.Prefix, members, e.Addresses)
		}
		for _, p := range slices.Concat(w.allowed, w.shared) {
			if p.Overlaps(e.Prefix) && e.Prefix.Bits() < e.Prefix.Addr().BitLen() && members < 1<<(e.Prefix.Addr().BitLen()-e.Prefix.Bits()) {
				t.Fatalf("%v is rolled up over %v", e.Prefix, p)
			}
		}
	}
	for k := range w.listed {
		if want := !w.inAllowed(w.at(k)); (hits[k] == 1) != want {
			t.Fatalf("unit %d is hit %d times, want %v", k, hits[k], want)
		}
	}
	got, budget := s.ExtraIPv4, w.o.MaxExtraIPv4
	if w.v6 {
		got, budget = s.ExtraIPv6, w.o.MaxExtraIPv6
	}
	if extra != got || extra > budget || known != s.Known || known > w.o.MaxKnown || n != s.Entries || s.LeastEntries > s.Entries || s.Entries > s.ExactEntries {
		t.Fatalf("counted %d extra, %d known, %d entries; budget %d; stats %+v", extra, known, n, budget, s)
	}
}

func (w *world) draw(t *rapid.T) {
	w.v6 = rapid.Bool().Draw(t, "v6")
	share := rapid.IntRange(1, 12).Draw(t, "share")
	seed := rapid.Uint64().Draw(t, "seed")
	r := rand.New(rand.NewPCG(seed, 1))
	w.listed, w.known = map[int]bool{}, map[int]bool{}
	base := r.IntN(1 << worldBits)
	for range 1 << worldBits {
		k := r.IntN(1 << worldBits)
		if r.IntN(3) == 0 {
			k = (base + r.IntN(16)) % (1 << worldBits) // a cluster
		}
		if r.IntN(12) < share {
			w.listed[k] = true
		}
	}
	for range rapid.IntRange(0, 6).Draw(t, "known") {
		w.known[r.IntN(1<<worldBits)] = true
	}
	for range rapid.IntRange(0, 2).Draw(t, "allowed") {
		w.allowed = append(w.allowed, w.prefix(4+r.IntN(4), r.IntN(16)))
	}
	for range rapid.IntRange(0, 1).Draw(t, "shared") {
		w.shared = append(w.shared, w.prefix(4+r.IntN(4), r.IntN(16)))
	}
	extra := uint64(rapid.IntRange(0, 40).Draw(t, "extra"))
	if w.v6 {
		w.o = Options{IPv6: rapid.SampledFrom([]int{0, 58, 60, 62, 64}).Draw(t, "widest"), MaxExtraIPv6: extra}
	} else {
		w.o = Options{IPv4: rapid.SampledFrom([]int{0, 25, 27, 28, 30}).Draw(t, "widest"), MaxExtraIPv4: extra}
	}
}

// TestAgainstEveryChoice holds Build against the slow twin.
func TestAgainstEveryChoice(t *testing.T) {
	cases, best, certain := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var w world
		w.draw(t)
		l := w.build(t)
		w.check(t, l)
		s := l.Stats()
		fewest := slices.Min(w.best(0, 0))
		if fewest > s.Entries || fewest < s.LeastEntries {
			t.Fatalf("%d entries, at least %d; every choice gives %d", s.Entries, s.LeastEntries, fewest)
		}
		cases++
		if fewest == s.Entries {
			best++
		}
		if s.LeastEntries == s.Entries {
			certain++
		}
		// At the error that was reached nothing has fewer entries, unless the
		// budget cut the list of steps short.
		if s.LeastEntries == s.Entries && fewest != s.Entries {
			t.Fatal("certain and wrong")
		}
	})
	t.Logf("%d sets: the fewest entries in %d, known to be in %d", cases, best, certain)
	if best*10 < cases*8 {
		t.Errorf("the fewest entries in only %d of %d sets", best, cases)
	}
}

// TestKnownBound lets roll-up hit a few known addresses, never more.
func TestKnownBound(t *testing.T) {
	some := 0
	rapid.Check(t, func(t *rapid.T) {
		var w world
		w.draw(t)
		w.o.MaxKnown = rapid.IntRange(0, 4).Draw(t, "max known")
		l := w.build(t)
		w.check(t, l)
		if l.Stats().Known > 0 {
			some++
		}
	})
	if some == 0 && !testing.Short() { // the few sets of a short run may well lack one
		t.Error("no set in which a known address was hit")
	}
}

// TestOrderOfInput: the list is the same for any order, and for an address that
// comes twice.
func TestOrderOfInput(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	type in struct {
		ip netip.Addr
		a  Address
	}
	var all []in
	for range 3000 {
		ip := addr4(0x0a000000 + r.Uint32N(1<<14))
		if r.IntN(3) == 0 {
			ip = addr6{0x20010db8_00000000 + r.Uint64N(1<<10), r.Uint64N(64)}.addr()
		}
		all = append(all, in{ip, Address{Confidence: float64(r.IntN(100)) / 100, Since: time.Unix(r.Int64N(1e9)+1, 0), Reason: string(rune('a' + r.IntN(5)))}})
	}
	var first []Entry
	for range 4 {
		var b Builder
		for _, x := range all {
			b.Add(x.ip, x.a)
		}
		l, err := b.Build(context.Background(), Options{IPv4: 24, IPv6: 48, MaxExtraIPv4: 800, MaxExtraIPv6: 50, MaxEntries: 700})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Collect(l.All())
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Fatal("another order of input gives another list")
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	if len(first) != 700 {
		t.Errorf("%d entries, want 700", len(first))
	}
}

// TestMaxEntries: what stays is what stops the most.
func TestMaxEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w world
		w.draw(t)
		whole := slices.Collect(w.build(t).All())
		most := rapid.IntRange(1, 60).Draw(t, "most")
		w.o.MaxEntries = most
		l := w.build(t)
		got := slices.Collect(l.All())
		if len(got) != min(most, len(whole)) {
			t.Fatalf("%d entries, want %d", len(got), min(most, len(whole)))
		}
		kept, dropped := map[netip.Prefix]bool{}, 0
		for _, e := range got {
			kept[e.Prefix] = true
		}
		// Confidences of the world lie so near each other that numbers of
		// addresses decide.
		fewest := 1 << 20
		for _, e := range got {
			fewest = min(fewest, e.Addresses)
		}
		for _, e := range whole {
			if !kept[e.Prefix] {
				dropped += e.Addresses
				if e.Addresses > 2*fewest {
					t.Fatalf("an entry for %d addresses was dropped, one for %d kept", e.Addresses, fewest)
				}
			}
		}
		if s := l.Stats(); s.DroppedAddresses != dropped || s.DroppedEntries != len(whole)-len(got) {
			t.Fatalf("dropped %d addresses in %d entries; stats %+v", dropped, len(whole)-len(got), s)
		}
	})
}

func TestForce(t *testing.T) {
	var b Builder
	for _, s := range []string{"192.0.2.1", "192.0.2.3", "198.51.100.7", "203.0.113.9"} {
		b.Add(netip.MustParseAddr(s), Address{Confidence: 0.9})
	}
	b.Force(netip.MustParsePrefix("198.51.100.0/30"), "by hand")
	b.Force(netip.MustParsePrefix("192.0.2.0/31"), "by hand")
	b.Allow(netip.MustParsePrefix("198.51.100.1/32"))
	l, err := b.Build(context.Background(), Options{IPv4: 24, MaxExtraIPv4: 1000, MaxEntries: 4})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range l.All() {
		got = append(got, e.Prefix.String()+" "+e.Reason)
	}
	want := []string{"192.0.2.0/31 by hand", "192.0.2.3/32 ", "198.51.100.0/32 by hand", "198.51.100.2/31 by hand"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := l.Stats(); s.Forced != 3 || s.Entries != 4 || s.DroppedEntries != 2 {
		t.Errorf("%+v", s)
	}
}

func TestInterrupted(t *testing.T) {
	var b Builder
	b.Add(netip.MustParseAddr("192.0.2.1"), Address{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Build(ctx, Options{}); err == nil {
		t.Error("a cancelled build came to an end")
	}
}

// TestPrefixArithmetic holds Merge and Subtract against sets of addresses.
func TestPrefixArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{v6: rapid.Bool().Draw(t, "v6")}
		draw := func(name string) []netip.Prefix {
			var ps []netip.Prefix
			for range rapid.IntRange(0, 12).Draw(t, name) {
				level := rapid.IntRange(1, worldBits).Draw(t, "level")
				ps = append(ps, w.prefix(level, rapid.IntRange(0, 1<<level-1).Draw(t, "node")))
			}
			return ps
		}
		ps, minus := draw("ps"), draw("minus")
		in := func(ps []netip.Prefix, a netip.Addr) (n int) {
			for _, p := range ps {
				if p.Contains(a) {
					n++
				}
			}
			return n
		}
		merged, less := Merge(ps), Subtract(ps, minus)
		for k := range 1 << worldBits {
			a := w.at(k)
			if got, want := in(merged, a), min(in(ps, a), 1); got != want {
				t.Fatalf("Merge: %v is in %d prefixes, want %d", a, got, want)
			}
			want := min(in(ps, a), 1)
			if in(minus, a) > 0 {
				want = 0
			}
			if got := in(less, a); got != want {
				t.Fatalf("Subtract: %v is in %d prefixes, want %d", a, got, want)
			}
		}
		for _, out := range [][]netip.Prefix{merged, less} {
			if !slices.IsSortedFunc(out, comparePrefix) || !slices.Equal(out, Merge(out)) {
				t.Fatalf("%v is not the fewest, in order", out)
			}
		}
	})
}

// fataler is what testing and rapid have in common.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// TestWithin64 has several addresses in one /64: the exact cover is Merge's,
// and roll-up makes one entry of a /64 unless something in it is to be spared.
func TestWithin64(t *testing.T) {
	rolled := 0
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		listed, known := map[netip.Addr]bool{}, map[netip.Addr]bool{}
		draw := func() netip.Addr { return addr6{0x20010db8_00000000 + r.Uint64N(24), r.Uint64N(8)}.addr() }
		for range rapid.IntRange(1, 80).Draw(t, "addresses") {
			listed[draw()] = true
		}
		for range rapid.IntRange(0, 5).Draw(t, "known") {
			if a := draw(); !listed[a] {
				known[a] = true
			}
		}
		spared := netip.PrefixFrom(draw(), rapid.IntRange(62, 128).Draw(t, "allowed")).Masked()
		build := func(o Options) (*List, []netip.Prefix) {
			var b Builder
			for a := range listed {
				b.Add(a, Address{Confidence: 0.5})
			}
			for a := range known {
				b.Known(a)
			}
			b.Allow(spared)
			l, err := b.Build(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			var ps []netip.Prefix
			for e := range l.All() {
				ps = append(ps, e.Prefix)
			}
			return l, ps
		}
		var singles []netip.Prefix
		networks := map[netip.Prefix]bool{} // that may not be rolled up
		for a := range listed {
			if !spared.Contains(a) {
				singles = append(singles, netip.PrefixFrom(a, 128))
			}
		}
		exact, got := build(Options{})
		if !slices.Equal(got, Merge(singles)) {
			t.Fatalf("got %v, want %v", got, Merge(singles))
		}
		if s := exact.Stats(); s.ExactEntries != len(got) || s.Entries != len(got) {
			t.Fatalf("%d entries: %+v", len(got), s)
		}
		exactly := len(got)
		for a := range known {
			networks[netip.PrefixFrom(a, 64).Masked()] = true
		}
		var l *List
		l, got = build(Options{IPv6: 64})
		if s := l.Stats(); s.ExtraIPv6 != 0 || s.Known != 0 || s.ExactEntries != exactly {
			t.Fatalf("%+v", s)
		}
		if !slices.Equal(got, Merge(got)) && len(got) < len(Merge(got)) {
			t.Fatalf("%v overlaps", got)
		}
		members := map[netip.Prefix]int{}
		for _, p := range singles {
			members[netip.PrefixFrom(p.Addr(), 64).Masked()]++
		}
		for _, p := range got {
			if p.Bits() <= 64 {
				rolled++
			}
			if spared.Overlaps(p) {
				t.Fatalf("%v hits what is allowed", p)
			}
			for a := range known {
				if p.Contains(a) {
					t.Fatalf("%v hits a known address", p)
				}
			}
		}
		for n, k := range members {
			one := slices.ContainsFunc(got, func(p netip.Prefix) bool { return p.Bits() <= 64 && p.Overlaps(n) })
			if may := !networks[n] && !spared.Overlaps(n); k > 1 && one != may {
				t.Fatalf("%v with %d addresses stands as one: %v, want %v", n, k, one, may)
			}
		}
		for _, p := range singles {
			n := 0
			for _, q := range got {
				if q.Overlaps(p) {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("%v is hit %d times", p, n)
			}
		}
	})
	if rolled == 0 {
		t.Error("nothing was rolled up")
	}
}
