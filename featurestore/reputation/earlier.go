package reputation

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/row"
)

// Earlier is what was known about an address before an instant.
type Earlier struct {
	// Exports is how many exports were known by then and could have named the
	// address. With none the columns made of this are missing, not 0.
	Exports int
	Times   int // how many of them named it
	// First and Last are when the first and the last export that named the
	// address can have been known; zero if none did. Where an export tells only
	// its month, that is the month's cut-off.
	First, Last time.Time
	// Neighbours is the number of other addresses named in the same /24 (IPv6:
	// /64).
	Neighbours int
}

// Listed reports whether any export named the address.
func (e Earlier) Listed() bool { return e.Times > 0 }

// ListedBefore looks ip up in what was known strictly before an instant, the
// start of a row's window: lists made and answers fetched by then. An export
// of which only the month is known counts from the month's cut-off on, so a
// month's own list never enters its own rows.
func (s *Set) ListedBefore(ip netip.Addr, before time.Time) Earlier {
	ip = ip.Unmap()
	var e Earlier
	if !ip.IsValid() {
		return e
	}
	n := neighbours{ip: ip}
	t := before.Unix()
	if before.Nanosecond() > 0 {
		t++ // known times are whole seconds: the one that t falls in has begun
	}
	for _, m := range s.months {
		for _, p := range s.pages[m] {
			e.addPage(p, &n, t)
		}
		e.addAnswers(s.answers[m], &n, t)
	}
	e.Neighbours = n.count()
	return e
}

func (e *Earlier) addPage(p *page, n *neighbours, t int64) {
	known := p.before(t)
	if known == 0 {
		return
	}
	if n.ip.Is4() {
		e.Exports += bits.OnesCount64(known)
		n.range4(p, known)
	} else {
		e.Exports += bits.OnesCount64(known & p.with6) // others could not have named it
		n.range6(p, known)
	}
	mask, _ := p.find(n.ip)
	if mask &= known; mask == 0 {
		return
	}
	e.named(p.known[bits.TrailingZeros64(mask)], bits.OnesCount64(mask))
	e.named(p.known[63-bits.LeadingZeros64(mask)], 0)
}

func (e *Earlier) named(known int64, times int) {
	t := unix(known)
	if e.First.IsZero() || t.Before(e.First) {
		e.First = t
	}
	if t.After(e.Last) {
		e.Last = t
	}
	e.Times += times
}

// addAnswers counts the answers fetched before t: those for the address as
// exports, those for its prefix as neighbours.
func (e *Earlier) addAnswers(as []Answer, n *neighbours, t int64) {
	lo, _ := slices.BinarySearchFunc(as, n.prefix().Addr(), func(a Answer, ip netip.Addr) int { return a.IP.Compare(ip) })
	for _, a := range as[lo:] {
		if !n.prefix().Contains(a.IP) {
			break
		}
		if a.known >= t || a.refusal() != "" {
			continue
		}
		if a.IP == n.ip {
			e.Exports++
		}
		if a.TotalReports == 0 {
			continue
		}
		if a.IP == n.ip {
			e.named(a.known, 1)
		} else {
			n.add(a.IP)
		}
	}
}

// neighbours gathers distinct addresses of one prefix.
type neighbours struct {
	ip    netip.Addr
	seen4 [4]uint64 // one bit per last octet
	seen6 []uint64  // low halves
}

func (n *neighbours) prefix() netip.Prefix {
	width := 24
	if n.ip.Is6() {
		width = 64
	}
	p, _ := n.ip.Prefix(width)
	return p
}

func (n *neighbours) add(ip netip.Addr) {
	if ip.Is4() {
		o := byte(key4(ip))
		n.seen4[o/64] |= 1 << (o % 64)
		return
	}
	b := ip.As16()
	n.seen6 = append(n.seen6, binary.BigEndian.Uint64(b[8:]))
}

func (n *neighbours) range4(p *page, known uint64) {
	key := key4(n.ip)
	i, _ := slices.BinarySearch(p.v4, key&^0xff)
	for ; i < len(p.v4) && p.v4[i]&^0xff == key&^0xff; i++ {
		if p.v4[i] != key && maskAt(p.mask4, i)&known != 0 {
			o := byte(p.v4[i])
			n.seen4[o/64] |= 1 << (o % 64)
		}
	}
}

func (n *neighbours) range6(p *page, known uint64) {
	key := v6(n.ip.As16())
	var low v6
	copy(low[:8], key[:8])
	i, _ := slices.BinarySearchFunc(p.v6, low, compareV6)
	for ; i < len(p.v6) && [8]byte(p.v6[i][:8]) == [8]byte(key[:8]); i++ {
		if p.v6[i] != key && maskAt(p.mask6, i)&known != 0 {
			n.seen6 = append(n.seen6, binary.BigEndian.Uint64(p.v6[i][8:]))
		}
	}
}

func (n *neighbours) count() int {
	c := 0
	for _, w := range n.seen4 {
		c += bits.OnesCount64(w)
	}
	slices.Sort(n.seen6)
	return c + len(slices.Compact(n.seen6))
}

// Facts are everything the exports say about one address.
type Facts struct {
	IP       netip.Addr
	Listings []Listing // by month
	Answers  []Answer  // by month; within one the answer that counts first
}

// Listing is an address's standing on one month's lists.
type Listing struct {
	Month       row.Month
	Times, Of   int       // lists that name it, of that many
	First, Last time.Time // when the first and the last of them can have been known
	Score       int       // highest abuseConfidenceScore; 0 where the lists have none
}

// Facts gathers what is known about ip, whatever the definition.
func (s *Set) Facts(ip netip.Addr) Facts {
	ip = ip.Unmap()
	f := Facts{IP: ip}
	if !ip.IsValid() {
		return f
	}
	for _, m := range s.months {
		l := Listing{Month: m}
		for _, p := range s.pages[m] {
			l.Of += len(p.known)
			mask, score := p.find(ip)
			if mask == 0 {
				continue
			}
			if l.Times == 0 {
				l.First = unix(p.known[bits.TrailingZeros64(mask)])
			}
			l.Last = unix(p.known[63-bits.LeadingZeros64(mask)])
			l.Times += bits.OnesCount64(mask)
			l.Score = max(l.Score, int(score))
		}
		if l.Times > 0 {
			f.Listings = append(f.Listings, l)
		}
		f.Answers = append(f.Answers, s.answersFor(ip, m)...)
	}
	return f
}
