package feed

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"

	"sluice/featurestore/fault"
)

// The index file, little endian:
//
//	header      headerSize bytes, see header
//	records     IPv4, then IPv6: address (4 or 16 bytes, big endian), uvarint
//	            length, payload; ordered by address
//	directories IPv4, then IPv6: the address of every blockRows-th record, then
//	            the offset of each within its records (8 bytes)
//	tables      strings, metas (model, as_of, expires_at), windows
//
// A payload is: uvarint meta; a byte of verdict and flags; uvarint number of
// reasons, uvarint number of windows; the confidence (8 bytes); per reason
// uvarint feature*4 + kind of value, varint contribution*10^4, the value; per
// window uvarint window and, unless the flag says that all have the line's,
// its confidence (8 bytes).
const (
	indexMagic   = "sluiceix"
	indexVersion = 1
	headerSize   = 192
	blockRows    = 32
)

// Kinds of a reason's value: missing, a whole number as uvarint, a number that
// float32 holds, any other.
const (
	valueMissing = iota
	valueWhole
	valueFloat32
	valueFloat64
)

const flagSameConfidence = 1 << 2

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the head of an index file.
type header struct {
	bodyCRC    uint32
	rows4      uint64
	rows6      uint64
	records4   uint64 // length in bytes
	records6   uint64
	tables     uint64
	feedSize   uint64 // of the gzip file that the index was made from
	feedSHA256 [32]byte
	date       Date
}

func blocks(rows uint64) uint64 { return (rows + blockRows - 1) / blockRows }

// size is the size of the whole file; ok is false where it overflows.
func (h *header) size() (n uint64, ok bool) {
	const limit = 1 << 62
	n = headerSize
	for _, part := range []uint64{h.records4, h.records6, h.tables} {
		if part > limit-n {
			return 0, false
		}
		n += part
	}
	if h.rows4 > 1<<40 || h.rows6 > 1<<40 {
		return 0, false
	}
	n += blocks(h.rows4)*(4+8) + blocks(h.rows6)*(16+8)
	return n, n < limit
}

func (h *header) encode() []byte {
	b := make([]byte, headerSize)
	le := binary.LittleEndian
	copy(b, indexMagic)
	le.PutUint32(b[8:], indexVersion)
	// b[12:16] is the header's own checksum.
	le.PutUint32(b[16:], h.bodyCRC)
	for i, v := range []uint64{h.rows4, h.rows6, h.records4, h.records6, h.tables, h.feedSize} {
		le.PutUint64(b[24+8*i:], v)
	}
	copy(b[72:104], h.feedSHA256[:])
	copy(b[104:114], h.date)
	le.PutUint32(b[12:], crc32.Checksum(b, castagnoli))
	return b
}

func decodeHeader(b []byte, name string) (header, error) {
	le := binary.LittleEndian
	var h header
	if len(b) < headerSize || string(b[:8]) != indexMagic {
		return h, fault.New(fault.Corrupt, "%s is no index of a feed; remove it, it is made again", name)
	}
	if v := le.Uint32(b[8:]); v != indexVersion {
		return h, fault.New(fault.Version, "%s has version %d, this program reads %d; remove it, it is made again", name, v, indexVersion)
	}
	c := append([]byte(nil), b[:headerSize]...)
	le.PutUint32(c[12:], 0)
	if crc32.Checksum(c, castagnoli) != le.Uint32(b[12:]) {
		return h, corruptIndex(name, "its head does not match its checksum")
	}
	h.bodyCRC = le.Uint32(b[16:])
	for i, p := range []*uint64{&h.rows4, &h.rows6, &h.records4, &h.records6, &h.tables, &h.feedSize} {
		*p = le.Uint64(b[24+8*i:])
	}
	copy(h.feedSHA256[:], b[72:104])
	var err error
	if h.date, err = ParseDate(string(b[104:114])); err != nil {
		return h, corruptIndex(name, "it has no date")
	}
	return h, nil
}

func corruptIndex(name, format string, args ...any) error {
	return fault.New(fault.Corrupt, "%s is damaged: %s; remove it, it is made again", name, fmt.Sprintf(format, args...))
}

// metaEntry is what many lines share.
type metaEntry struct {
	model           string
	asOf, expiresAt int64 // Unix seconds
}

// windowEntry is a window without its confidence.
type windowEntry struct {
	attack     string
	start, end int64
}

// tables hold what records refer to by number.
type tables struct {
	features []string
	metas    []metaEntry
	windows  []windowEntry
}

func (t *tables) encode() []byte {
	var b []byte
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(t.features)))
	for _, f := range t.features {
		str(f)
	}
	b = binary.AppendUvarint(b, uint64(len(t.metas)))
	for _, m := range t.metas {
		str(m.model)
		b = binary.AppendVarint(b, m.asOf)
		b = binary.AppendVarint(b, m.expiresAt)
	}
	b = binary.AppendUvarint(b, uint64(len(t.windows)))
	for _, w := range t.windows {
		str(w.attack)
		b = binary.AppendVarint(b, w.start)
		b = binary.AppendVarint(b, w.end)
	}
	return b
}

func decodeTables(b []byte) (t tables, ok bool) {
	d := decoder{b: b}
	// A damaged count must not make room for more than the bytes can hold.
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		t.features = append(t.features, d.str())
	}
	models := map[string]string{}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		m := metaEntry{d.str(), d.varint(), d.varint()}
		if s, seen := models[m.model]; seen {
			m.model = s
		} else {
			models[m.model] = m.model
		}
		t.metas = append(t.metas, m)
	}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		t.windows = append(t.windows, windowEntry{d.str(), d.varint(), d.varint()})
	}
	return t, !d.bad && len(d.b) == 0
}

// decoder takes values from the front of b; bad is set once one is not there.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	// Most numbers are small.
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) float64() float64 {
	if b := d.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (d *decoder) float32() float64 {
	if b := d.take(4); b != nil {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return 0
}

func (d *decoder) str() string { return string(d.take(d.uvarint())) }

func (d *decoder) fail() { d.b, d.bad = nil, true }

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return append(b, v[:]...)
	}
	v := a.As16()
	return append(b, v[:]...)
}
