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

// appendRecord writes a record without its window:
//
//	length of the address (4 or 16), address,
//	the counts as unsigned varints, first and last as signed ones,
//	number of agents, agents (8 bytes each, little-endian, ascending),
//	number of queries, queries likewise,
//	number of hours, per hour the step from the one before and the requests,
//	number of paths, per path its hash and the requests,
//	number of seconds, per second the step from the one before
//
// Format 1 ends after the hours and has the first 18 counts only.
func appendRecord(b []byte, ip netip.Addr, g *Group) []byte {
	if ip.Is4() {
		a := ip.As4()
		b = append(append(b, 4), a[:]...)
	} else {
		a := ip.As16()
		b = append(append(b, 16), a[:]...)
	}
	for _, p := range g.Counts.fields() {
		b = binary.AppendUvarint(b, uint64(*p))
	}
	b = binary.AppendUvarint(b, g.SizeHi)
	b = binary.AppendUvarint(b, g.SizeLo)
	b = binary.AppendVarint(b, g.First)
	b = binary.AppendVarint(b, g.Last)
	b = appendHashes(b, g.Agents)
	b = appendHashes(b, g.Queries)
	b = binary.AppendUvarint(b, uint64(len(g.Hours)))
	var last int64
	for _, h := range g.Hours {
		b = binary.AppendVarint(b, h.Hour-last)
		b = binary.AppendUvarint(b, uint64(h.Requests))
		last = h.Hour
	}
	b = binary.AppendUvarint(b, uint64(len(g.Paths)))
	for _, c := range g.Paths {
		b = binary.LittleEndian.AppendUint64(b, c.Hash)
		b = binary.AppendUvarint(b, uint64(c.Requests))
	}
	b = binary.AppendUvarint(b, uint64(len(g.Moments)))
	last = g.First
	for _, t := range g.Moments {
		b = binary.AppendUvarint(b, uint64(t-last))
		last = t
	}
	return b
}

// fieldsOfFormat1 is the number of fields in format 1.
const fieldsOfFormat1 = 18

// fields are the plain counts in the order of the file format.
func (c *Counts) fields() [29]*int64 {
	return [...]*int64{
		&c.Requests, &c.SizeRows, &c.QueryRows, &c.AgentRows,
		&c.Referer.N, &c.Referer.Of, &c.AcceptLanguage.N, &c.AcceptLanguage.Of,
		&c.Pageview.N, &c.Pageview.Of, &c.RefererClass.N, &c.RefererClass.Of,
		&c.Spider.N, &c.Spider.Of,
		&c.Desktop, &c.MobileWeb, &c.MobileApp, &c.AccessRows,
		&c.StatusRows, &c.Status3, &c.Status4, &c.Status5,
		&c.Post.N, &c.Post.Of, &c.Probe.N, &c.Probe.Of, &c.Crawler.N, &c.Crawler.Of,
		&c.Timed,
	}
}

func appendHashes(b []byte, hs []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(hs)))
	b = slices.Grow(b, 8*len(hs))
	for _, h := range hs {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return b
}

var errRecord = errors.New("a record is damaged")

// decoder reads the records of a block.
type decoder struct {
	b      []byte
	format int
	bad    bool
}

func (d *decoder) uvarint() uint64 {
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
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad = true
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
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
	dst = slices.Grow(dst, int(n))
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
	if len(d.b) == 0 {
		return errRecord
	}
	n := int(d.b[0])
	if n != 4 && n != 16 || len(d.b) < 1+n {
		return errRecord
	}
	ip, _ := netip.AddrFromSlice(d.b[1 : 1+n])
	d.b = d.b[1+n:]
	if ip.Is4In6() {
		return errRecord
	}
	r.IP = ip
	r.Counts = Counts{}
	fields := r.Counts.fields()
	for i, p := range fields {
		if d.format > 1 || i < fieldsOfFormat1 {
			*p = d.count()
		}
	}
	r.SizeHi, r.SizeLo = d.uvarint(), d.uvarint()
	r.First, r.Last = d.varint(), d.varint()
	r.Agents = d.hashes(r.Agents)
	r.Queries = d.hashes(r.Queries)
	r.Hours = r.Hours[:0]
	hours := d.uvarint()
	if hours > uint64(len(d.b)/2) {
		return errRecord
	}
	var hour, requests int64
	for i := range hours {
		step := d.varint()
		if i > 0 && (step <= 0 || hour > math.MaxInt64-step) {
			d.bad = true
			break
		}
		hour += step
		c := row.HourCount{Hour: hour, Requests: d.count()}
		requests = add(requests, c.Requests)
		r.Hours = append(r.Hours, c)
	}
	r.Paths, r.Moments = r.Paths[:0], r.Moments[:0]
	if d.format > 1 {
		d.paths(r)
		d.moments(r)
	}
	if d.bad || requests != r.Requests || !r.plausible() {
		return errRecord
	}
	return nil
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
		within(g.Post) && within(g.Probe) && within(g.Crawler) &&
		g.Timed <= g.Requests && int64(len(g.Moments)) <= g.Timed && (g.Timed == 0) == (len(g.Moments) == 0) &&
		int64(len(g.Paths)) <= g.Probe.Of &&
		(g.SizeRows > 0 || g.SizeHi|g.SizeLo == 0)
}
