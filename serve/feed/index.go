package feed

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Index answers for single addresses of one feed from its mapped index file.
// It is safe for concurrent use; Close must come after the last call.
type Index struct {
	name string
	head header
	data []byte // the whole file
	v4   family
	v6   family
	tables
	unmap func() error
}

// family is one address family's part of an index.
type family struct {
	width   int
	rows    uint64
	records []byte
	keys    []byte // first address of each block
	offsets []byte
}

// OpenIndex opens an index file and verifies its checksums. It reads the file
// once and maps it; lookups touch only the pages they need. Errors: NotFound,
// Corrupt, Version.
func OpenIndex(path string) (*Index, error) {
	name := filepath.Base(path)
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.NotFound, "there is no index %s", name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, fault.New(fault.Corrupt, "%s is no index of a feed; remove it, it is made again", name)
	}
	h, err := decodeHeader(head, name)
	if err != nil {
		return nil, err
	}
	if n, ok := h.size(); !ok || n != uint64(st.Size()) {
		return nil, corruptIndex(name, "it has %d bytes, its head speaks of %d", st.Size(), n)
	}
	// The checksum is taken by reading, not through the map: mapped pages would
	// count as the process's memory.
	var crc uint32
	buf := make([]byte, min(1<<20, st.Size()))
	for {
		n, err := f.Read(buf)
		crc = crc32.Update(crc, castagnoli, buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if crc != h.bodyCRC {
		return nil, corruptIndex(name, "it does not match its checksum")
	}
	data, unmap, err := mapFile(f, int(st.Size()))
	if err != nil {
		return nil, fault.Wrap(err, "map %s", name)
	}
	x, err := newIndex(data, h, name)
	if err != nil {
		_ = unmap()
		return nil, err
	}
	x.unmap = unmap
	return x, nil
}

// newIndex lays an index over data. Sections are checked here; records are
// checked as they are read.
func newIndex(data []byte, h header, name string) (*Index, error) {
	n, ok := h.size()
	if !ok || n != uint64(len(data)) {
		return nil, corruptIndex(name, "its sections don't fit")
	}
	x := &Index{name: name, head: h, data: data, unmap: func() error { return nil }}
	rest := data[headerSize:]
	take := func(n uint64) []byte {
		b := rest[:n:n]
		rest = rest[n:]
		return b
	}
	x.v4 = family{width: 4, rows: h.rows4, records: take(h.records4)}
	x.v6 = family{width: 16, rows: h.rows6, records: take(h.records6)}
	for _, f := range []*family{&x.v4, &x.v6} {
		f.keys = take(blocks(f.rows) * uint64(f.width))
		f.offsets = take(blocks(f.rows) * 8)
	}
	if x.tables, ok = decodeTables(rest); !ok {
		return nil, corruptIndex(name, "its tables don't fit")
	}
	return x, nil
}

// Close gives the mapped memory back.
func (x *Index) Close() error { return x.unmap() }

// Len is the number of addresses.
func (x *Index) Len() int { return int(x.head.rows4 + x.head.rows6) }

// Date is the feed's date.
func (x *Index) Date() Date { return x.head.date }

// FeedSHA256 is the SHA-256 of the feed's file, in lower-case hex.
func (x *Index) FeedSHA256() string { return hex.EncodeToString(x.head.feedSHA256[:]) }

// FeedSize is the size of the feed's file in bytes.
func (x *Index) FeedSize() int64 { return int64(x.head.feedSize) }

// ModelVersions are the versions that scored the feed's lines, in the order in
// which they first occur.
func (x *Index) ModelVersions() []string {
	var names []string
	seen := map[string]bool{}
	for _, m := range x.metas {
		if !seen[m.model] {
			seen[m.model] = true
			names = append(names, m.model)
		}
	}
	return names
}

// ExpiresAt is when the last of the feed's scores runs out; the zero time where
// there are none.
func (x *Index) ExpiresAt() time.Time {
	var last time.Time
	for _, m := range x.metas {
		if t := time.Unix(m.expiresAt, 0).UTC(); t.After(last) {
			last = t
		}
	}
	return last
}

// Lookup finds an address and decodes its line into l, whose slices it uses
// again: with room in them it allocates nothing. An IPv4-mapped address is
// looked up as IPv4. found is false where the feed does not hold the address.
// Errors: Corrupt.
func (x *Index) Lookup(ip netip.Addr, l *Line) (found bool, err error) {
	ip, ok := row.Canonical(ip)
	if !ok {
		return false, nil
	}
	if ip.Is4() {
		key := ip.As4()
		payload, err := x.find(&x.v4, key[:])
		if payload == nil || err != nil {
			return false, err
		}
		return true, x.decode(payload, ip, l)
	}
	key := ip.As16()
	payload, err := x.find(&x.v6, key[:])
	if payload == nil || err != nil {
		return false, err
	}
	return true, x.decode(payload, ip, l)
}

// find is the payload of an address, or nil.
func (x *Index) find(f *family, key []byte) ([]byte, error) {
	b := f.blockOf(key)
	if b < 0 {
		return nil, nil
	}
	d, ok := f.block(b)
	for ok && len(d.b) > 0 {
		k, payload := d.record(f.width)
		if d.bad {
			break
		}
		switch compareKeys(k, key) {
		case 0:
			return payload, nil
		case 1:
			return nil, nil
		}
	}
	if !ok || d.bad {
		return nil, corruptIndex(x.name, "block %d does not fit", b)
	}
	return nil, nil
}

// blockOf is the last block whose first address is not above key, or -1.
func (f *family) blockOf(key []byte) int {
	lo, hi := 0, len(f.offsets)/8
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if compareKeys(f.keys[mid*f.width:][:f.width], key) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// block gives the records of block b.
func (f *family) block(b int) (d decoder, ok bool) {
	from := binary.LittleEndian.Uint64(f.offsets[8*b:])
	to := uint64(len(f.records))
	if next := 8 * (b + 1); next < len(f.offsets) {
		to = binary.LittleEndian.Uint64(f.offsets[next:])
	}
	if from > to || to > uint64(len(f.records)) {
		return d, false
	}
	return decoder{b: f.records[from:to]}, true
}

// record takes one record.
func (d *decoder) record(width int) (key, payload []byte) {
	key = d.take(uint64(width))
	return key, d.take(d.uvarint())
}

// compareKeys compares two addresses of the same width.
func compareKeys(a, b []byte) int {
	if len(a) == 4 && len(b) == 4 {
		x, y := binary.BigEndian.Uint32(a), binary.BigEndian.Uint32(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	if x, y := binary.BigEndian.Uint64(a), binary.BigEndian.Uint64(b); x != y {
		if x < y {
			return -1
		}
		return 1
	}
	x, y := binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// decode reads a payload into l.
func (x *Index) decode(payload []byte, ip netip.Addr, l *Line) error {
	d := decoder{b: payload}
	meta := d.uvarint()
	flags := d.byte()
	reasons, windows := d.uvarint(), d.uvarint()
	confidence := d.float64()
	verdict := Verdict(flags & 3)
	if d.bad || meta >= uint64(len(x.metas)) || reasons > MaxReasons || windows > MaxWindows || verdict < NotAbusive {
		return corruptIndex(x.name, "a record does not fit")
	}
	m := &x.metas[meta]
	l.IP, l.Confidence, l.Verdict = ip, confidence, verdict
	l.ModelVersion = m.model
	l.AsOf = time.Unix(m.asOf, 0).UTC()
	l.ExpiresAt = time.Unix(m.expiresAt, 0).UTC()
	l.Reasons, l.Windows = l.Reasons[:0], l.Windows[:0]
	for ; reasons > 0; reasons-- {
		fk := d.uvarint()
		r := Reason{Contribution: float64(d.varint()) / contributionScale}
		switch fk & 3 {
		case valueMissing:
			r.Value = missing
		case valueWhole:
			r.Value = float64(d.uvarint())
		case valueFloat32:
			r.Value = d.float32()
		case valueFloat64:
			r.Value = d.float64()
		}
		if d.bad || fk>>2 >= uint64(len(x.features)) {
			return corruptIndex(x.name, "a record's reasons don't fit")
		}
		r.Feature = x.features[fk>>2]
		l.Reasons = append(l.Reasons, r)
	}
	for ; windows > 0; windows-- {
		n := d.uvarint()
		c := confidence
		if flags&flagSameConfidence == 0 {
			c = d.float64()
		}
		if d.bad || n >= uint64(len(x.windows)) {
			return corruptIndex(x.name, "a record's windows don't fit")
		}
		e := &x.windows[n]
		l.Windows = append(l.Windows, Window{e.attack, time.Unix(e.start, 0).UTC(), time.Unix(e.end, 0).UTC(), c})
	}
	if len(d.b) != 0 {
		return corruptIndex(x.name, "a record is too long")
	}
	return nil
}
