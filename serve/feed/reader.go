package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"

	"github.com/klauspost/compress/gzip"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// maxLine bounds a line's length, so that a hostile file can't fill memory.
const maxLine = 8 << 20

// Reader reads a feed's lines from its gzip file, in order.
type Reader struct {
	name string
	zip  *gzip.Reader
	buf  *bufio.Reader
	long []byte // a line longer than buf
	n    int
	last netip.Addr
	err  error
	file io.Closer
}

// NewReader reads a feed from r; name stands in errors.
func NewReader(r io.Reader, name string) (*Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, corruptFeed(name, 0, err)
	}
	return &Reader{name: name, zip: z, buf: bufio.NewReaderSize(z, 64<<10)}, nil
}

// Next reads the next line into l, whose slices it uses again. At the end it
// returns io.EOF. Errors: Corrupt for a damaged or truncated file, lines out of
// order or an address that comes twice; Invalid, Version as ParseLine. After an
// error every call returns it.
func (r *Reader) Next(l *Line) error {
	if r.err != nil {
		return r.err
	}
	r.err = r.next(l)
	return r.err
}

func (r *Reader) next(l *Line) error {
	b, err := r.line()
	if err != nil {
		return err
	}
	r.n++
	if err := ParseLine(b, l); err != nil {
		return fault.Wrap(err, "%s, line %d", r.name, r.n)
	}
	if r.last.IsValid() && r.last.Compare(l.IP) >= 0 {
		return fault.New(fault.Corrupt, "%s, line %d: %s does not come after the line before; a feed is sorted by address, each once", r.name, r.n, row.Mask(l.IP))
	}
	r.last = l.IP
	return nil
}

// line is the next line without its newline, valid until the next call.
func (r *Reader) line() ([]byte, error) {
	r.long = r.long[:0]
	for {
		b, err := r.buf.ReadSlice('\n')
		switch {
		case err == nil:
			if len(r.long) > 0 {
				b = append(r.long, b...)
				r.long = b
			}
			return bytes.TrimSuffix(b, []byte{'\n'}), nil
		case errors.Is(err, bufio.ErrBufferFull):
			r.long = append(r.long, b...)
			if len(r.long) > maxLine {
				return nil, fault.New(fault.Corrupt, "%s, line %d is longer than %d MiB", r.name, r.n+1, maxLine>>20)
			}
		case errors.Is(err, io.EOF) && len(r.long)+len(b) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, corruptFeed(r.name, r.n+1, errors.New("the last line has no end"))
		default:
			return nil, corruptFeed(r.name, r.n+1, err)
		}
	}
}

// Close closes the file that OpenReader opened.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Rows is the number of lines read so far.
func (r *Reader) Rows() int { return r.n }

func corruptFeed(name string, line int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("the gzip stream ends early; fetch or write the feed again")
	}
	if line == 0 {
		return fault.New(fault.Corrupt, "%s is no gzip file: %w", name, err)
	}
	return fault.New(fault.Corrupt, "%s, line %d: %w", name, line, err)
}
