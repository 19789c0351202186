package accesslog

import (
	"bufio"
	"bytes"
	"errors"
	"hash"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/featurestore/fault"
)

// rawReader counts and hashes the bytes of a file as it is stored.
type rawReader struct {
	r    io.Reader
	n    atomic.Int64
	hash hash.Hash
	err  error // what ended it, if not the end of the file
}

func (r *rawReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.hash.Write(p[:n])
	r.n.Add(int64(n))
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// damaged is a decompressor's complaint about its input.
type damaged struct{ err error }

func (d *damaged) Error() string { return d.err.Error() }
func (d *damaged) Unwrap() error { return d.err }

// plainReader counts decompressed bytes, tells damage from trouble in reading,
// and ends a stream that expands beyond its bound.
type plainReader struct {
	r          io.Reader
	raw        *rawReader
	compressed bool
	n          atomic.Int64
	bound      int64 // plain bytes per raw byte; 0 for none
	free       int64
}

func (r *plainReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	plain := r.n.Add(int64(n))
	if raw := r.raw.n.Load(); r.bound > 0 && plain > r.free && plain/r.bound > raw {
		return n, fault.New(fault.Exhausted, "%d compressed bytes became %d, more than %d times as many; raise max_expansion if the log is like that", raw, plain, r.bound)
	}
	if err != nil && err != io.EOF {
		err = r.classify(err)
	}
	return n, err
}

func (r *plainReader) classify(err error) error {
	switch {
	case !r.compressed || r.raw.err != nil:
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fault.New(fault.Exhausted, "it was compressed with a window above %d MiB: %w", maxWindow>>20, err)
	}
	return &damaged{err}
}

// magics are the starts of files that are recognised by name and refused.
var magics = []struct {
	offset      int
	magic, name string
	advice      string
}{
	{0, "BZh", "bzip2", "decompress it, or use gzip or zstd"},
	{0, "PK\x03\x04", "zip", "unpack it"},
	{0, "\xfd7zXZ\x00", "xz", "decompress it, or use gzip or zstd"},
	{0, "7z\xbc\xaf\x27\x1c", "7z", "unpack it"},
	{0, "\x04\x22\x4d\x18", "lz4", "decompress it, or use gzip or zstd"},
	{0, "\x1f\x9d", "compress (.Z)", "decompress it, or use gzip or zstd"},
	{0, "\xff\x06\x00\x00sNaPpY", "snappy", "decompress it, or use gzip or zstd"},
	{0, "PAR1", "Parquet", "name the file itself, with format auto or parquet; it can't be read from a pipe"},
	{0, "PARE", "an encrypted Parquet file", "write it without encryption"},
	{0, "SQLite format 3\x00", "an SQLite database", "export the table as JSON lines or CSV"},
	{0, "\xff\xfe", "UTF-16", "convert it to UTF-8"},
	{0, "\xfe\xff", "UTF-16", "convert it to UTF-8"},
	{257, "ustar", "tar", "unpack it"},
}

const sniffLen = 512

// refused gives an error if a file that begins with head is of a kind that is
// not read.
func refused(head []byte) error {
	for _, m := range magics {
		if len(head) > m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.magic)) {
			return fault.New(fault.Unsupported, "the content is %s, which is not read as a log; %s", m.name, m.advice)
		}
	}
	return nil
}

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte{0x1f, 0x8b}) }

// isZstd also knows the skippable frames that some writers put first.
func isZstd(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
}

// maxWindow is the largest zstd window, as of "zstd --long=27".
const maxWindow = 128 << 20

// decompress finds out by its first bytes how the raw bytes are stored. end
// frees the decompressor; it may be nil.
func decompress(raw *rawReader) (plain *plainReader, end func(), err error) {
	br := bufio.NewReaderSize(raw, 256<<10)
	plain = &plainReader{r: br, raw: raw, free: expansionFree}
	head, err := br.Peek(sniffLen)
	if err != nil && err != io.EOF {
		return plain, nil, err
	}
	if err := refused(head); err != nil {
		return plain, nil, err
	}
	switch {
	case isGzip(head):
		plain.compressed = true
		z, err := gzip.NewReader(br)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return plain, nil, plain.classify(err)
		}
		plain.r = z
	case isZstd(head):
		plain.compressed = true
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return plain, nil, plain.classify(err)
		}
		plain.r, end = z, z.Close
	}
	return plain, end, nil
}

// isDamaged reports whether err says that the compressed bytes are damaged,
// and truncated that they end too early.
func isDamaged(err error) (corrupt, truncated bool) {
	var d *damaged
	if !errors.As(err, &d) {
		return false, false
	}
	return true, errors.Is(err, io.ErrUnexpectedEOF)
}
