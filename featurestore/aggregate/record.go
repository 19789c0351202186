package aggregate

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"slices"

	"sluice/featurestore/row"
)

// Record is one Group of a partial with its key.
type Record struct {
	Window int // index in the partial's windows
	IP     netip.Addr
	Group
}

// What a record's first byte says. Most records are of few requests, of files
// that have every column, within one hour: what follows from that is not
// written.
const (
	recordIPv6      = 1 << iota // to format 4: the address has 16 bytes, not 4
	recordPartly                // not every count of rows is that of all requests
	recordHours                 // hours are written; else all requests are in the first one's
	recordBehaviour             // what behaviour columns need is written
	recordMoments               // seconds are written; else they are the first and the last
	recordWide                  // the sum of sizes has more than 64 bits
	recordFlags     = 1<<iota - 1
)

// A share's code: two bits each, in the order of parts.
const (
	partNone = iota // 0
	partAll         // as many as requests
	partSome        // the number is written
)

// codesOnes are the lower bits of codes.
const codesOnes = 0x55555555

// appendRecord writes a record without its window and its address (format 5):
//
//	flags
//	to format 4: address, 4 or 16 bytes
//	requests, unsigned varint, as all numbers to come but where said otherwise
//	recordPartly: a mask of the wholes that are not all requests (16 bits), those
//	codes of the parts (2 bytes, with recordBehaviour 4), those with partSome
//	sum of sizes, recordWide: its upper 64 bits
//	recordBehaviour: AgentLength, Browser
//	first request, signed, from the start of the window; last, from the first
//	number of agents, agents (8 bytes each, little-endian, ascending)
//	number of queries, queries likewise
//	recordHours: their number, per hour the step from the one before (from that of
//	    the first request) and the requests
//	recordBehaviour: number of paths, per path its hash and the requests
//	recordMoments: number of seconds, per second the step from the one before
//
// base is the start of the window.
func appendRecord(b []byte, g *Group, base int64) []byte {
	at := len(b)
	b = append(b, 0)
	flags := byte(0)
	behaviour := g.behaves()
	if behaviour {
		flags |= recordBehaviour
	}
	b = binary.AppendUvarint(b, uint64(g.Requests))
	wholes, parts := g.Counts.wholes(), g.Counts.parts()
	nWholes, nParts := twelveWholes, twelveParts
	if behaviour {
		nWholes, nParts = len(wholes), len(parts)
	}
	mask := 0
	for i, n := range wholes[:nWholes] {
		if n != g.Requests {
			mask |= 1 << i
		}
	}
	if mask != 0 {
		flags |= recordPartly
		b = binary.LittleEndian.AppendUint16(b, uint16(mask))
		for i, n := range wholes[:nWholes] {
			if mask&(1<<i) != 0 {
				b = binary.AppendUvarint(b, uint64(n))
			}
		}
	}
	codes := uint32(0)
	for i, n := range parts[:nParts] {
		switch n {
		case 0:
		case g.Requests:
			codes |= partAll << (2 * i)
		default:
			codes |= partSome << (2 * i)
		}
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(codes))
	if behaviour {
		b = binary.LittleEndian.AppendUint16(b, uint16(codes>>16))
	}
	for i, n := range parts[:nParts] {
		if codes>>(2*i)&3 == partSome {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	b = binary.AppendUvarint(b, g.SizeLo)
	if g.SizeHi != 0 {
		flags |= recordWide
		b = binary.AppendUvarint(b, g.SizeHi)
	}
	if behaviour {
		b = binary.AppendUvarint(b, uint64(g.AgentLength))
		b = binary.AppendUvarint(b, uint64(g.Browser))
	}
	b = binary.AppendVarint(b, g.First-base)
	b = binary.AppendUvarint(b, uint64(g.Last-g.First))
	b = appendHashes(b, g.Agents)
	b = appendHashes(b, g.Queries)
	if len(g.Hours) != 1 || g.Hours[0].Hour != g.First/3600 || g.Hours[0].Requests != g.Requests {
		flags |= recordHours
		b = binary.AppendUvarint(b, uint64(len(g.Hours)))
		last := g.First / 3600
		for _, h := range g.Hours {
			b = binary.AppendUvarint(b, uint64(h.Hour-last))
			b = binary.AppendUvarint(b, uint64(h.Requests))
			last = h.Hour
		}
	}
	if behaviour {
		b = binary.AppendUvarint(b, uint64(len(g.Paths)))
		for _, c := range g.Paths {
			b = binary.LittleEndian.AppendUint64(b, c.Hash)
			b = binary.AppendUvarint(b, uint64(c.Requests))
		}
		if !g.momentsFollow() {
			flags |= recordMoments
			b = binary.AppendUvarint(b, uint64(len(g.Moments)))
			last := g.First
			for _, t := range g.Moments {
				b = binary.AppendUvarint(b, uint64(t-last))
				last = t
			}
		}
	}
	b[at] = flags
	return b
}

// behaves reports whether there is anything that only behaviour columns need.
func (g *Group) behaves() bool {
	return g.Timed|g.StatusRows|g.Post.Of|g.Probe.Of|g.Crawler.Of != 0 || len(g.Paths)+len(g.Moments) > 0
}

// momentsFollow reports whether the seconds are those of the first and the last
// request.
func (g *Group) momentsFollow() bool {
	switch m := g.Moments; len(m) {
	case 1:
		return m[0] == g.First && m[0] == g.Last
	case 2:
		return m[0] == g.First && m[1] == g.Last
	}
	return false
}

// twelveWholes and twelveParts of a group's counts belong to the twelve
// columns, the others to behaviour, of which format 3 had fewer.
const (
	twelveWholes    = 9
	twelveParts     = 8
	numWholes       = 16
	numParts        = 15
	wholesOfFormat3 = 14
	partsOfFormat3  = 14
)

// wholes are counts of requests that have a column: most often all of them.
func (c *Counts) wholes() [numWholes]int64 {
	return [...]int64{
		c.SizeRows, c.QueryRows, c.AgentRows, c.Referer.Of, c.AcceptLanguage.Of, c.Pageview.Of, c.RefererClass.Of, c.Spider.Of, c.AccessRows,
		c.StatusRows, c.Post.Of, c.Probe.Of, c.Crawler.Of, c.Timed, c.Robots.Of, c.Measured,
	}
}

func (c *Counts) setWholes(v *[numWholes]int64) {
	c.SizeRows, c.QueryRows, c.AgentRows, c.Referer.Of, c.AcceptLanguage.Of = v[0], v[1], v[2], v[3], v[4]
	c.Pageview.Of, c.RefererClass.Of, c.Spider.Of, c.AccessRows = v[5], v[6], v[7], v[8]
	c.StatusRows, c.Post.Of, c.Probe.Of, c.Crawler.Of, c.Timed, c.Robots.Of, c.Measured = v[9], v[10], v[11], v[12], v[13], v[14], v[15]
}

// parts are counts of requests with a property.
func (c *Counts) parts() [numParts]int64 {
	return [...]int64{
		c.Referer.N, c.AcceptLanguage.N, c.Pageview.N, c.RefererClass.N, c.Spider.N, c.Desktop, c.MobileWeb, c.MobileApp,
		c.Status3, c.Status4, c.Status5, c.Post.N, c.Probe.N, c.Crawler.N, c.Robots.N,
	}
}

func (c *Counts) setParts(v *[numParts]int64) {
	c.Referer.N, c.AcceptLanguage.N, c.Pageview.N, c.RefererClass.N, c.Spider.N = v[0], v[1], v[2], v[3], v[4]
	c.Desktop, c.MobileWeb, c.MobileApp = v[5], v[6], v[7]
	c.Status3, c.Status4, c.Status5, c.Post.N, c.Probe.N, c.Crawler.N, c.Robots.N = v[8], v[9], v[10], v[11], v[12], v[13], v[14]
}

// fields are the plain counts in the order of formats 1 and 2, which have the
// first of them, and of lanes.
func (c *Counts) fields() [numFields]*int64 {
	return [...]*int64{
		&c.Requests, &c.SizeRows, &c.QueryRows, &c.AgentRows,
		&c.Referer.N, &c.Referer.Of, &c.AcceptLanguage.N, &c.AcceptLanguage.Of,
		&c.Pageview.N, &c.Pageview.Of, &c.RefererClass.N, &c.RefererClass.Of,
		&c.Spider.N, &c.Spider.Of,
		&c.Desktop, &c.MobileWeb, &c.MobileApp, &c.AccessRows,
		&c.StatusRows, &c.Status3, &c.Status4, &c.Status5,
		&c.Post.N, &c.Post.Of, &c.Probe.N, &c.Probe.Of, &c.Crawler.N, &c.Crawler.Of,
		&c.Timed, &c.Robots.N, &c.Robots.Of,
	}
}

func appendHashes(b []byte, hs []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(hs)))
	for _, h := range hs {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return b
}

var errRecord = errors.New("a record is damaged")

// decoder reads the records of a block.
type decoder struct {
	b         []byte
	four, six []byte // addresses of records to come, since format 5
	format    int
	base      int64 // the window's start
	bad       bool
}

// open begins a block: since format 5 the addresses of its records stand first.
func (d *decoder) open(b []byte, format int, base int64) error {
	*d = decoder{b: b, format: format, base: base}
	if format < 5 {
		return nil
	}
	four, six := d.uvarint(), d.uvarint()
	if four > uint64(len(d.b)/4) || six > uint64(len(d.b)/16) || 4*four+16*six > uint64(len(d.b)) || four+six == 0 {
		return errRecord
	}
	d.four, d.b = d.b[:4*four], d.b[4*four:]
	d.six, d.b = d.b[:16*six], d.b[16*six:]
	return nil
}

// ended reports whether the block has no more records.
func (d *decoder) ended() bool { return len(d.four)+len(d.six) == 0 && len(d.b) == 0 }

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	return d.longUvarint()
}

func (d *decoder) longUvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

func (d *decoder) count() int64 {
	v := d.uvarint()
	if v > math.MaxInt64 {
		d.bad = true
		return 0
	}
	return int64(v)
}

func (d *decoder) hashes(dst []uint64) []uint64 {
	dst = dst[:0]
	n := d.uvarint()
	if n > uint64(len(d.b)/8) {
		d.bad = true
		return dst
	}
	last := uint64(0)
	for ; n > 0; n-- {
		h := binary.LittleEndian.Uint64(d.b)
		d.b = d.b[8:]
		if h <= last {
			d.bad = true
		}
		last = h
		dst = append(dst, h)
	}
	return dst
}

// record reads one record into r, reusing its slices, and checks what must
// hold between its numbers.
func (d *decoder) record(r *Record) error {
	r.Hours, r.Paths, r.Moments = r.Hours[:0], r.Paths[:0], r.Moments[:0]
	if d.format < 3 {
		return d.oldRecord(r)
	}
	flags, ok := d.begin(r)
	if !ok {
		return errRecord
	}
	behaviour := flags&recordBehaviour != 0
	r.Counts = Counts{Requests: d.count()}
	d.counts(&r.Counts, behaviour, flags&recordPartly != 0)
	r.SizeLo = d.uvarint()
	if flags&recordWide != 0 {
		if r.SizeHi = d.uvarint(); r.SizeHi == 0 {
			d.bad = true
		}
	}
	if behaviour && d.format > 3 {
		r.AgentLength, r.Browser = d.count(), d.count()
	}
	r.First = d.base + d.varint()
	r.Last = r.First + d.count()
	r.Agents = d.hashes(r.Agents)
	r.Queries = d.hashes(r.Queries)
	if r.First/3600 > lastTime/3600 || r.First < -lastTime || r.Last < r.First {
		return errRecord
	}
	requests := r.Requests
	if flags&recordHours != 0 {
		requests = d.hours(r)
	} else {
		r.Hours = append(r.Hours, row.HourCount{Hour: r.First / 3600, Requests: r.Requests})
	}
	if behaviour {
		d.paths(r)
		if flags&recordMoments != 0 {
			d.moments(r)
		} else if r.Moments = append(r.Moments, r.First); r.Last != r.First {
			r.Moments = append(r.Moments, r.Last)
		}
	}
	if d.bad || requests != r.Requests || !r.plausible() {
		return errRecord
	}
	return nil
}

// begin reads a record's flags and address, since format 3.
func (d *decoder) begin(r *Record) (flags byte, ok bool) {
	if len(d.b) == 0 || d.b[0] > recordFlags {
		return 0, false
	}
	flags = d.b[0]
	rest := d.b[1:]
	if d.format > 4 {
		d.b = rest
		return flags, flags&recordIPv6 == 0 && d.nextAddress(r)
	}
	n := 4
	if flags&recordIPv6 != 0 {
		n = 16
	}
	return flags, d.address(r, rest, n)
}

// nextAddress takes the next of the addresses that stand apart.
func (d *decoder) nextAddress(r *Record) bool {
	switch {
	case len(d.four) > 0:
		r.IP = netip.AddrFrom4([4]byte(d.four))
		d.four = d.four[4:]
	case len(d.six) > 0:
		r.IP = netip.AddrFrom16([16]byte(d.six))
		d.six = d.six[16:]
		return !r.IP.Is4In6()
	default:
		return false
	}
	return true
}

// address reads the n bytes of an address at the start of b.
func (d *decoder) address(r *Record, b []byte, n int) bool {
	if len(b) < n {
		return false
	}
	if n == 4 {
		r.IP = netip.AddrFrom4([4]byte(b))
	} else if r.IP = netip.AddrFrom16([16]byte(b)); r.IP.Is4In6() {
		return false
	}
	d.b = b[n:]
	return true
}

func (d *decoder) counts(c *Counts, behaviour, partly bool) {
	nWholes, nParts := twelveWholes, twelveParts
	if behaviour {
		nWholes, nParts = numWholes, numParts
		if d.format == 3 {
			nWholes, nParts = wholesOfFormat3, partsOfFormat3
		}
	}
	mask := uint16(0)
	var wholes [numWholes]int64
	for i := range wholes[:nWholes] {
		wholes[i] = c.Requests
	}
	if partly {
		if mask = d.uint16(); mask == 0 || int(mask)>>nWholes != 0 {
			d.bad = true
		}
		for i := range nWholes {
			if mask&(1<<i) != 0 {
				wholes[i] = d.count()
			}
		}
	}
	c.setWholes(&wholes)
	codes := uint32(d.uint16())
	if behaviour {
		codes |= uint32(d.uint16()) << 16
	}
	if codes>>(2*nParts) != 0 || codes&(codes>>1)&codesOnes != 0 {
		d.bad = true
	}
	var parts [numParts]int64
	if codes&^codesOnes == 0 {
		// Most records: all or none of each.
		for i := range parts {
			parts[i] = c.Requests & -int64(codes>>(2*i)&1)
		}
	} else {
		for i := range nParts {
			switch codes >> (2 * i) & 3 {
			case partAll:
				parts[i] = c.Requests
			case partSome:
				parts[i] = d.count()
			}
		}
	}
	c.setParts(&parts)
}

func (d *decoder) uint16() uint16 {
	if len(d.b) < 2 {
		d.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint16(d.b)
	d.b = d.b[2:]
	return v
}

// hours reads hours that are written and gives their requests.
func (d *decoder) hours(r *Record) (requests int64) {
	n := d.uvarint()
	if n > uint64(len(d.b)/2) {
		d.bad = true
		return 0
	}
	hour := r.First / 3600
	for i := range n {
		step := d.uvarint()
		if i > 0 && step == 0 || step > lastTime/3600 {
			d.bad = true
			return 0
		}
		hour += int64(step)
		c := d.count()
		if c == 0 {
			d.bad = true
		}
		requests = add(requests, c)
		r.Hours = append(r.Hours, row.HourCount{Hour: hour, Requests: c})
	}
	return requests
}

func (d *decoder) paths(r *Record) {
	n := d.uvarint()
	if n > uint64(len(d.b)/9) {
		d.bad = true
		return
	}
	last, requests := uint64(0), int64(0)
	for ; n > 0 && !d.bad; n-- {
		if len(d.b) < 8 {
			d.bad = true
			return
		}
		h := binary.LittleEndian.Uint64(d.b)
		d.b = d.b[8:]
		c := HashCount{h, d.count()}
		if h <= last || c.Requests == 0 {
			d.bad = true
		}
		last, requests = h, add(requests, c.Requests)
		r.Paths = append(r.Paths, c)
	}
	if requests != r.Probe.Of {
		d.bad = true
	}
}

func (d *decoder) moments(r *Record) {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad = true
		return
	}
	r.Moments = slices.Grow(r.Moments, int(n))
	last := r.First
	for i := range n {
		step := d.uvarint()
		if i > 0 && step == 0 || step > math.MaxInt64 || int64(step) > math.MaxInt64-max(0, last) {
			d.bad = true
			return
		}
		last += int64(step)
		r.Moments = append(r.Moments, last)
	}
	if last > r.Last {
		d.bad = true
	}
}

// plausible checks what holds for every sum of requests.
func (g *Group) plausible() bool {
	within := func(s Share) bool { return s.N <= s.Of && s.Of <= g.Requests }
	return g.Requests > 0 && g.First <= g.Last &&
		g.SizeRows <= g.Requests && g.QueryRows <= g.Requests && g.AgentRows <= g.Requests && g.AccessRows <= g.Requests &&
		within(g.Referer) && within(g.AcceptLanguage) && within(g.Pageview) && within(g.RefererClass) && within(g.Spider) &&
		add(add(g.Desktop, g.MobileWeb), g.MobileApp) <= g.AccessRows &&
		int64(len(g.Agents)) <= g.AgentRows && int64(len(g.Queries)) <= g.QueryRows &&
		g.StatusRows <= g.Requests && add(add(g.Status3, g.Status4), g.Status5) <= g.StatusRows &&
		within(g.Post) && within(g.Probe) && within(g.Crawler) && within(g.Robots) && g.Robots.Of <= g.Probe.Of &&
		g.Timed <= g.Requests && int64(len(g.Moments)) <= g.Timed && (g.Timed == 0) == (len(g.Moments) == 0) &&
		int64(len(g.Paths)) <= g.Probe.Of &&
		g.Measured <= g.AgentRows && (g.Measured > 0 || g.AgentLength|g.Browser == 0) &&
		(g.SizeRows > 0 || g.SizeHi|g.SizeLo == 0)
}
