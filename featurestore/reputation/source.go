package reputation

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/featurestore/fault"
)

// maxLine bounds one line, so that a binary file cannot ask for all memory.
const maxLine = 4 << 20

// source is one export being read: decompressed by content, hashed as stored.
type source struct {
	name string
	ctx  context.Context
	file *os.File
	sum  hash.Hash
	raw  *bufio.Reader
	body *bufio.Reader
	zstd *zstd.Decoder
	n    int64 // bytes read as stored
	line int   // lines handed out
	long bool  // the last line was longer than maxLine
	buf  []byte
}

func openSource(ctx context.Context, name string) (*source, error) {
	fi, err := os.Stat(name)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fault.Field(fault.NotFound, name, "%s: no such file; give the AbuseIPDB export's path", name)
		}
		return nil, fault.Field(fault.Invalid, name, "%s: %w", name, err)
	}
	if fi.IsDir() {
		return nil, fault.Field(fault.Invalid, name, "%s: a directory; name the export files, as in %s/*", name, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Field(fault.Invalid, name, "%s: %w", name, err)
	}
	s := &source{name: name, ctx: ctx, file: f, sum: sha256.New()}
	if err := s.start(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// Read counts and hashes the bytes as they are stored.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.file.Read(p)
	s.n += int64(n)
	s.sum.Write(p[:n])
	return n, err
}

func (s *source) start() error {
	s.raw = bufio.NewReaderSize(s, 256<<10)
	head, err := s.raw.Peek(4)
	if err != nil && err != io.EOF {
		return s.failed(err)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(s.raw)
		if err != nil {
			return s.failed(err)
		}
		s.body = bufio.NewReaderSize(z, 256<<10)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(s.raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return s.failed(err)
		}
		s.zstd = z
		s.body = bufio.NewReaderSize(z, 256<<10)
	default:
		s.body = s.raw
	}
	if bom, _ := s.body.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		s.body.Discard(3)
	}
	return nil
}

// next gives the next line without its end; the bytes are valid until the
// following call. ok is false at the end. A line above maxLine is cut and
// long is set.
func (s *source) next() (line []byte, ok bool, err error) {
	s.buf, s.long = s.buf[:0], false
	for {
		part, err := s.body.ReadSlice('\n')
		switch {
		case err == nil && len(s.buf) == 0:
			s.line++
			return trimEnd(part), true, nil
		case err == bufio.ErrBufferFull, err == nil, err == io.EOF:
			if len(s.buf)+len(part) > maxLine {
				s.long = true
				part = part[:max(0, maxLine-len(s.buf))]
			}
			s.buf = append(s.buf, part...)
		default:
			return nil, false, s.failed(err)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(s.buf) == 0 {
			return nil, false, nil
		}
		s.line++
		return trimEnd(s.buf), true, nil
	}
}

func trimEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// finish reads what a parser left and gives the file's hash.
func (s *source) finish() (sha string, bytesRead int64, err error) {
	if _, err := io.Copy(io.Discard, s.body); err != nil {
		return "", 0, s.failed(err)
	}
	if _, err := io.Copy(io.Discard, s.raw); err != nil {
		return "", 0, s.failed(err)
	}
	return hex.EncodeToString(s.sum.Sum(nil)), s.n, nil
}

// failed explains an error of reading or decompressing.
func (s *source) failed(err error) error {
	switch {
	case s.ctx.Err() != nil:
		return fault.As(fault.Interrupted, s.ctx.Err())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Field(fault.Corrupt, s.name, "%s: the compressed file ends early; fetch it again", s.name)
	case s.body != s.raw:
		return fault.Field(fault.Corrupt, s.name, "%s: the compressed file is damaged (%v); fetch it again", s.name, err)
	}
	return fault.Field(fault.Invalid, s.name, "%s: %w", s.name, err)
}

func (s *source) close() {
	if s.zstd != nil {
		s.zstd.Close()
	}
	s.file.Close()
}
