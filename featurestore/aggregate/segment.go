package aggregate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"net/netip"
	"os"

	"sluice/featurestore/fault"
)

// blocks are the records of one window as a partial holds them.
type blocks struct {
	out  []byte // closed blocks
	base int64  // the window's start, from which times count
	err  error

	// Of the open block.
	four, six []byte // addresses
	records   []byte
}

const blockHead = 8 // length and checksum

func (b *blocks) reset(base int64) { b.out, b.base = b.out[:0], base }

// add appends a record; addresses must come in ascending order.
func (b *blocks) add(ip netip.Addr, g *Group) {
	if ip.Is4() {
		a := ip.As4()
		b.four = append(b.four, a[:]...)
	} else {
		a := ip.As16()
		b.six = append(b.six, a[:]...)
	}
	b.records = appendRecord(b.records, g, b.base)
	if len(b.four)+len(b.six)+len(b.records) >= blockSize {
		b.close()
	}
}

// close ends the open block.
func (b *blocks) close() {
	if len(b.records) == 0 {
		return
	}
	start := len(b.out)
	b.out = append(b.out, make([]byte, blockHead)...)
	b.out = binary.AppendUvarint(b.out, uint64(len(b.four)/4))
	b.out = binary.AppendUvarint(b.out, uint64(len(b.six)/16))
	b.out = append(append(append(b.out, b.four...), b.six...), b.records...)
	b.four, b.six, b.records = b.four[:0], b.six[:0], b.records[:0]
	payload := b.out[start+blockHead:]
	if int64(len(payload)) > math.MaxUint32 {
		b.err = fault.New(fault.Exhausted, "one address has more than 4 GiB of distinct values in one attack")
		return
	}
	binary.LittleEndian.PutUint32(b.out[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b.out[start+4:], crc32.Checksum(payload, castagnoli))
}

// segment is some requests' groups of one window, sorted: in memory, or in a
// file once memory is used up.
type segment struct {
	window  int32
	records int64
	data    []byte // nil where it lies in file
	file    *os.File
	at, n   int64
}

// reader reads the segment as a partial of one window.
func (s *segment) reader(win Window) *Reader {
	win.Bytes, win.Records, win.Offset = s.n, s.records, s.at
	r := &Reader{name: "run", head: Header{FormatVersion: formatVersion, Windows: []Window{win}}}
	if s.data != nil {
		r.r, r.head.Windows[0].Offset = bytes.NewReader(s.data), 0
	} else {
		r.r = s.file
	}
	r.Seek(0, 1)
	return r
}

// copyTo writes the segment's blocks as they are.
func (s *segment) copyTo(w io.Writer) error {
	if s.data != nil {
		_, err := w.Write(s.data)
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(s.file, s.at, s.n))
	return err
}

// spill moves the segments that are in memory to a file, which is the shard's
// from then on.
func (s *shard) spill(file *os.File, at int64) (end int64, err error) {
	w := newBuffered(file)
	for i := range s.segments {
		g := &s.segments[i]
		if g.data == nil {
			continue
		}
		if _, err := w.Write(g.data); err != nil {
			return at, diskError("a sorted run", err)
		}
		g.data, g.file, g.at = nil, file, at
		at += g.n
	}
	s.sealed = 0
	if s.buf.err != nil {
		return at, s.buf.err
	}
	return at, diskError("a sorted run", errors.Join(w.Flush()))
}
