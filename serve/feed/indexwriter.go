package feed

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"net/netip"
)

// indexFile is what an index is written to.
type indexFile interface {
	io.Writer
	io.WriterAt
}

// indexWriter writes an index from lines in order. It keeps one entry per
// blockRows lines and the tables.
type indexWriter struct {
	file   indexFile
	buf    *bufio.Writer
	crc    uint32
	head   header
	dir4   []byte // addresses, big endian
	dir6   []byte
	off4   []byte // offsets
	off6   []byte
	tables tables

	features map[string]uint64
	metas    map[metaEntry]uint64
	windows  map[windowEntry]uint64

	record, payload []byte
}

func newIndexWriter(f indexFile, date Date) (*indexWriter, error) {
	w := &indexWriter{
		file: f, head: header{date: date},
		features: map[string]uint64{}, metas: map[metaEntry]uint64{}, windows: map[windowEntry]uint64{},
	}
	w.buf = bufio.NewWriterSize(f, 1<<20)
	// The head is written last, over these zeroes: a file without it is none.
	_, err := w.buf.Write(make([]byte, headerSize))
	return w, err
}

// intern gives v a number.
func intern[K comparable](numbers map[K]uint64, list *[]K, v K) uint64 {
	n, ok := numbers[v]
	if !ok {
		n = uint64(len(*list))
		numbers[v] = n
		*list = append(*list, v)
	}
	return n
}

// add appends a line that is checked, normalised and in order.
func (w *indexWriter) add(l *Line) error {
	w.payload = w.encode(w.payload[:0], l)
	w.record = appendAddr(w.record[:0], l.IP)
	w.record = binary.AppendUvarint(w.record, uint64(len(w.payload)))
	w.record = append(w.record, w.payload...)

	if l.IP.Is4() {
		if w.head.rows4%blockRows == 0 {
			w.dir4 = appendAddr(w.dir4, l.IP)
			w.off4 = binary.LittleEndian.AppendUint64(w.off4, w.head.records4)
		}
		w.head.rows4++
		w.head.records4 += uint64(len(w.record))
	} else {
		if w.head.rows6%blockRows == 0 {
			w.dir6 = appendAddr(w.dir6, l.IP)
			w.off6 = binary.LittleEndian.AppendUint64(w.off6, w.head.records6)
		}
		w.head.rows6++
		w.head.records6 += uint64(len(w.record))
	}
	return w.write(w.record)
}

func (w *indexWriter) encode(b []byte, l *Line) []byte {
	b = binary.AppendUvarint(b, intern(w.metas, &w.tables.metas, metaEntry{l.ModelVersion, l.AsOf.Unix(), l.ExpiresAt.Unix()}))
	flags := byte(l.Verdict)
	same := true
	for i := range l.Windows {
		same = same && l.Windows[i].Confidence == l.Confidence
	}
	if same {
		flags |= flagSameConfidence
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(l.Reasons)))
	b = binary.AppendUvarint(b, uint64(len(l.Windows)))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(l.Confidence))
	for i := range l.Reasons {
		r := &l.Reasons[i]
		feature := intern(w.features, &w.tables.features, r.Feature)
		kind := valueKind(r.Value)
		b = binary.AppendUvarint(b, feature<<2|uint64(kind))
		b = binary.AppendVarint(b, int64(math.Round(r.Contribution*contributionScale)))
		switch kind {
		case valueWhole:
			b = binary.AppendUvarint(b, uint64(r.Value))
		case valueFloat32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r.Value)))
		case valueFloat64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.Value))
		}
	}
	for i := range l.Windows {
		v := &l.Windows[i]
		b = binary.AppendUvarint(b, intern(w.windows, &w.tables.windows, windowEntry{v.Attack, v.Start.Unix(), v.End.Unix()}))
		if !same {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Confidence))
		}
	}
	return b
}

func valueKind(v float64) int {
	switch {
	case math.IsNaN(v):
		return valueMissing
	case v >= 0 && v < 1<<53 && v == math.Trunc(v):
		return valueWhole
	case float64(float32(v)) == v:
		return valueFloat32
	}
	return valueFloat64
}

func (w *indexWriter) write(b []byte) error {
	w.crc = crc32.Update(w.crc, castagnoli, b)
	_, err := w.buf.Write(b)
	return err
}

// finish writes directories, tables and the head, which binds the index to the
// feed's file.
func (w *indexWriter) finish(feedSize int64, feedSHA256 [32]byte) error {
	t := w.tables.encode()
	for _, b := range [][]byte{w.dir4, w.off4, w.dir6, w.off6, t} {
		if err := w.write(b); err != nil {
			return err
		}
	}
	if err := w.buf.Flush(); err != nil {
		return err
	}
	w.head.tables = uint64(len(t))
	w.head.bodyCRC = w.crc
	w.head.feedSize = uint64(feedSize)
	w.head.feedSHA256 = feedSHA256
	_, err := w.file.WriteAt(w.head.encode(), 0)
	return err
}

// rows is the number of lines added.
func (w *indexWriter) rows() int { return int(w.head.rows4 + w.head.rows6) }

// inOrder reports whether next may come after last.
func inOrder(last, next netip.Addr) bool { return !last.IsValid() || last.Less(next) }
