package aggregate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// A partial file is
//
//	magic (8 bytes)
//	blocks, each: length and CRC-32C of the payload (4 bytes each,
//	    little-endian), payload: numbers of IPv4 and of IPv6 addresses (unsigned
//	    varints), those addresses (4 and 16 bytes each), their records (appendRecord),
//	    all of one window, ascending by address
//	header: JSON
//	offset of the header (8 bytes), its length and CRC-32C (4 bytes each), end magic (8 bytes)
//
// Blocks stand in the order of the header's windows, which is that of row keys.
//
// Format 2 added what behaviour columns need. A partial of format 1 is read as
// lacking it. Format 3 holds the same in about a third of the bytes. Format 4
// added robots.txt and what is known of the agents' texts. Format 5 has a block's
// addresses before its records, which held theirs until then.
const (
	magic    = "SLPART\x00\x01"
	endMagic = "SLPEND\x00\x01"
	// formatVersion stands in the header; the magic only says what the file is.
	formatVersion = 5

	trailerSize = 8 + 4 + 4 + 8
	blockSize   = 32 << 10 // a block is closed by the record that fills it
	maxHeader   = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FormatVersion is the format that Writer writes. A log file whose partial is of
// an older one is read again.
const FormatVersion = formatVersion

// Window is an attack window of a partial, and where its records lie.
type Window struct {
	ID      string    `json:"id"`
	Month   row.Month `json:"month"`
	Start   int64     `json:"start"` // Unix seconds
	End     int64     `json:"end"`
	Offset  int64     `json:"offset"`  // of its first block, in bytes
	Bytes   int64     `json:"bytes"`   // of its blocks
	Records int64     `json:"records"` // one an address
}

// compareWindows is the order of row keys: month, then id.
func compareWindows(a, b *Window) int {
	return (row.Key{Month: a.Month, Attack: a.ID}).Compare(row.Key{Month: b.Month, Attack: b.ID})
}

// Header describes a partial.
type Header struct {
	FormatVersion int      `json:"format_version"`
	Windows       []Window `json:"windows"` // those with records, in order of row keys
	// Info is what the one who wrote the partial wants to know later: source,
	// counts, options. It is not looked at here.
	Info json.RawMessage `json:"info,omitempty"`
}

// Records is the number of records of all windows.
func (h *Header) Records() (n int64) {
	for i := range h.Windows {
		n += h.Windows[i].Records
	}
	return n
}

// Writer writes a partial. Windows and, within a window, addresses must come
// in ascending order.
type Writer struct {
	w      io.Writer
	n      int64 // bytes written
	head   Header
	block  blocks
	lastIP netip.Addr
	err    error
}

// NewWriter begins a partial.
func NewWriter(w io.Writer) *Writer {
	pw := &Writer{w: w, head: Header{FormatVersion: formatVersion}}
	pw.write([]byte(magic))
	return pw
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(b)
	w.n += int64(n)
	w.err = err
}

// Window begins the records of a window; Offset, Bytes and Records of win are
// computed.
func (w *Writer) Window(win Window) error {
	w.flush()
	if n := len(w.head.Windows); n > 0 && compareWindows(&w.head.Windows[n-1], &win) >= 0 {
		return fmt.Errorf("aggregate: window %q written after %q", win.ID, w.head.Windows[n-1].ID)
	}
	win.Offset, win.Bytes, win.Records = w.n, 0, 0
	w.head.Windows = append(w.head.Windows, win)
	w.lastIP = netip.Addr{}
	w.block.reset(win.Start)
	return w.err
}

// Add writes one group of the current window.
func (w *Writer) Add(ip netip.Addr, g *Group) error {
	if ip.Compare(w.lastIP) <= 0 {
		return errors.New("aggregate: addresses of a window written out of order")
	}
	w.lastIP = ip
	w.block.add(ip, g)
	w.head.Windows[len(w.head.Windows)-1].Records++
	if len(w.block.out) > 0 {
		w.flush()
	}
	return w.err
}

// flush writes the block that is open or was just closed.
func (w *Writer) flush() {
	if w.block.close(); w.block.err != nil && w.err == nil {
		w.err = w.block.err
	}
	if len(w.block.out) == 0 {
		return
	}
	w.write(w.block.out)
	w.head.Windows[len(w.head.Windows)-1].Bytes += int64(len(w.block.out))
	w.block.reset(w.block.base)
}

// raw writes a segment as all of the current window.
func (w *Writer) raw(s *segment) {
	if w.err != nil {
		return
	}
	if w.err = s.copyTo(w.w); w.err == nil {
		w.n += s.n
		win := &w.head.Windows[len(w.head.Windows)-1]
		win.Bytes, win.Records = s.n, s.records
	}
}

// Close writes what is open and the header with info; it does not close the
// underlying writer. A window without records is left out.
func (w *Writer) Close(info any) error {
	w.flush()
	kept := w.head.Windows[:0]
	for _, win := range w.head.Windows {
		if win.Records > 0 {
			kept = append(kept, win)
		}
	}
	w.head.Windows = kept
	if info != nil {
		b, err := json.Marshal(info)
		if err != nil {
			return err
		}
		w.head.Info = b
	}
	head, err := json.Marshal(&w.head)
	if err != nil {
		return err
	}
	at := w.n
	w.write(head)
	t := binary.LittleEndian.AppendUint64(nil, uint64(at))
	t = binary.LittleEndian.AppendUint32(t, uint32(len(head)))
	t = binary.LittleEndian.AppendUint32(t, crc32.Checksum(head, castagnoli))
	w.write(append(t, endMagic...))
	return w.err
}

// Header is the header as it stands; after Close, that of the file.
func (w *Writer) Header() Header { return w.head }

// Reader reads a partial. It is for one goroutine.
type Reader struct {
	r    io.ReaderAt
	name string
	head Header
	end  int64 // of the blocks

	section *io.SectionReader
	window  int // being read
	stop    int // first window not to read
	left    int64
	lastIP  netip.Addr
	buf     []byte
	d       decoder
	rec     Record
}

// NewReader opens a partial of size bytes; name stands in errors. It reads the
// header and is ready to read the records of all windows. Errors: Corrupt,
// Version.
func NewReader(r io.ReaderAt, size int64, name string) (*Reader, error) {
	p := &Reader{r: r, name: name}
	if size < int64(len(magic)+trailerSize) {
		return nil, p.corrupt("it is only %d bytes long", size)
	}
	var t [trailerSize]byte
	var m [len(magic)]byte
	if _, err := r.ReadAt(m[:], 0); err != nil {
		return nil, p.corrupt("%v", err)
	}
	if _, err := r.ReadAt(t[:], size-trailerSize); err != nil {
		return nil, p.corrupt("%v", err)
	}
	if string(m[:]) != magic || string(t[16:]) != endMagic {
		return nil, p.corrupt("it doesn't begin and end as a partial does")
	}
	at, n := binary.LittleEndian.Uint64(t[:]), int64(binary.LittleEndian.Uint32(t[8:]))
	if at < uint64(len(magic)) || at > uint64(size) || int64(at)+n != size-trailerSize || n > maxHeader {
		return nil, p.corrupt("its header lies outside")
	}
	head := make([]byte, n)
	if _, err := r.ReadAt(head, int64(at)); err != nil {
		return nil, p.corrupt("%v", err)
	}
	if crc32.Checksum(head, castagnoli) != binary.LittleEndian.Uint32(t[12:]) {
		return nil, p.corrupt("its header doesn't match its checksum")
	}
	if err := json.Unmarshal(head, &p.head); err != nil {
		return nil, p.corrupt("header: %v", err)
	}
	if v := p.head.FormatVersion; v > formatVersion {
		return nil, fault.New(fault.Version, "partial %s: format %d, this program reads up to %d; use the program that wrote it, or a newer one", name, v, formatVersion)
	} else if v < 1 {
		return nil, p.corrupt("format %d", v)
	}
	p.end = int64(at)
	if err := p.checkWindows(); err != nil {
		return nil, err
	}
	p.Seek(0, len(p.head.Windows))
	return p, nil
}

func (p *Reader) checkWindows() error {
	at := int64(len(magic))
	for i := range p.head.Windows {
		w := &p.head.Windows[i]
		if w.Offset != at || w.Bytes < 0 || w.Bytes > p.end-at || w.Records < 1 || w.Records > w.Bytes {
			return p.corrupt("window %d lies outside", i)
		}
		if i > 0 && compareWindows(&p.head.Windows[i-1], w) >= 0 {
			return p.corrupt("its windows are out of order")
		}
		at += w.Bytes
	}
	if at != p.end {
		return p.corrupt("there are bytes that belong to no window")
	}
	return nil
}

func (p *Reader) corrupt(format string, args ...any) error {
	return fault.New(fault.Corrupt, "partial %s is damaged: %s; remove it and build again", p.name, fmt.Sprintf(format, args...))
}

// Header is the partial's header; it is shared, not to be changed.
func (p *Reader) Header() *Header { return &p.head }

// Seek makes the records of windows from to to-1 the next to be read.
func (p *Reader) Seek(from, to int) {
	p.window, p.stop = from-1, to
	p.section, p.left = nil, 0
	p.d = decoder{}
}

// Next gives the next record, or io.EOF after the last. The record and its
// slices are valid until the next call. Errors: Corrupt.
func (p *Reader) Next() (*Record, error) {
	if more, err := p.begin(); err != nil {
		return nil, err
	} else if !more {
		return nil, io.EOF
	}
	p.rec.Window = p.window
	if err := p.d.record(&p.rec); err != nil {
		return nil, p.corrupt("window %d: %v", p.window, err)
	}
	if err := p.inOrder(); err != nil {
		return nil, err
	}
	p.left--
	return &p.rec, nil
}

// begin goes to the block of the next record, if there is one.
func (p *Reader) begin() (more bool, err error) {
	for p.left == 0 {
		if !p.d.ended() || p.section != nil && p.section.Size() != p.offset() {
			return false, p.corrupt("window %d has more records than its header says", p.window)
		}
		if p.window+1 >= p.stop {
			return false, nil
		}
		p.window++
		w := &p.head.Windows[p.window]
		p.section = io.NewSectionReader(p.r, w.Offset, w.Bytes)
		p.left = w.Records
		p.lastIP = netip.Addr{}
	}
	if p.d.ended() {
		return true, p.nextBlock()
	}
	return true, nil
}

// inOrder checks that addresses ascend.
func (p *Reader) inOrder() error {
	if p.rec.IP.Compare(p.lastIP) <= 0 {
		return p.corrupt("window %d: its addresses are out of order", p.window)
	}
	p.lastIP = p.rec.IP
	return nil
}

func (p *Reader) offset() int64 {
	at, _ := p.section.Seek(0, io.SeekCurrent)
	return at
}

func (p *Reader) nextBlock() error {
	var h [8]byte
	if _, err := io.ReadFull(p.section, h[:]); err != nil {
		return p.corrupt("window %d ends early", p.window)
	}
	n := int64(binary.LittleEndian.Uint32(h[:]))
	if n == 0 || n > p.section.Size()-p.offset() {
		return p.corrupt("window %d: a block of %d bytes", p.window, n)
	}
	if int64(cap(p.buf)) < n {
		p.buf = make([]byte, n)
	}
	p.buf = p.buf[:n]
	if _, err := io.ReadFull(p.section, p.buf); err != nil {
		return p.corrupt("window %d: %v", p.window, err)
	}
	if crc32.Checksum(p.buf, castagnoli) != binary.LittleEndian.Uint32(h[4:]) {
		return p.corrupt("window %d: a block doesn't match its checksum", p.window)
	}
	if err := p.d.open(p.buf, p.head.FormatVersion, p.head.Windows[p.window].Start); err != nil {
		return p.corrupt("window %d: %v", p.window, err)
	}
	return nil
}

// OpenBytes is NewReader over bytes in memory.
func OpenBytes(b []byte, name string) (*Reader, error) {
	return NewReader(bytes.NewReader(b), int64(len(b)), name)
}
