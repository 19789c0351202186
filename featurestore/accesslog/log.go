package accesslog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// Log is one file of requests. Open or New has read its first lines and knows
// its format; Scan reads it all, once. BytesRead may be called at any time;
// the other methods not while Scan runs.
type Log struct {
	name      string
	file      *os.File // nil if the reader is the caller's
	size      int64
	opts      Options
	raw       *rawReader
	plain     *plainReader
	sample    []byte // the start of the plain bytes, not scanned yet
	ended     error  // what ended the plain bytes within the sample; nil if nothing did
	end       func() // ends the decompressor; may be nil
	chosen    *choice
	table     *table // of a Parquet file, which has no lines
	blockSize int
	scanned   atomic.Bool
	stats     Stats
	sum       string
}

// Open opens a file; "-" is the standard input. Gzip, also of several members,
// and zstd are known by their content.
//
// Errors: fault.NotFound; fault.Invalid for a directory, an empty file
// (ErrEmpty) and one that no format reads; fault.Unsupported for compressions
// and formats that are known but not read; fault.Corrupt for a damaged or
// truncated one; fault.Usage for bad options.
func Open(path string, o Options) (*Log, error) {
	if path == "-" {
		return newLog("standard input", os.Stdin, -1, o)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Field(fault.NotFound, path, "log %s: there is no such file", path)
	}
	if err != nil {
		return nil, fault.Field(fault.Invalid, path, "log %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fault.Field(fault.Invalid, path, "log %s: it is a directory; name the files in it", path)
	}
	var l *Log
	if err == nil {
		size := int64(-1)
		if info.Mode().IsRegular() {
			size = info.Size()
		}
		switch parquet := size >= 0 && isParquet(file); {
		case parquet && (o.Format == "" || o.Format == Auto || o.Format == Parquet):
			l, err = openTable(path, file, size, o)
		case !parquet && o.Format == Parquet && size != 0:
			err = fault.Field(fault.Invalid, path, "log %s: it is no Parquet file: it does not begin as one", path)
		default:
			l, err = newLog(path, file, size, o)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	l.file = file
	return l, nil
}

// New reads a log from r; name stands for it in errors. r is not closed.
func New(name string, r io.Reader, o Options) (*Log, error) { return newLog(name, r, -1, o) }

func newLog(name string, r io.Reader, size int64, o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Format == Parquet && size != 0 {
		return nil, fault.Field(fault.Unsupported, name, "log %s: Parquet is read from a file, not from a pipe; name the file", name)
	}
	l := &Log{name: name, size: size, opts: o, blockSize: defaultBlock, raw: &rawReader{r: r, hash: sha256.New()}}
	if l.plain, l.end, err = decompress(l.raw); err != nil {
		return nil, l.readFault(err, 0)
	}
	l.plain.bound = max(o.MaxExpansion, 0)
	if err := l.look(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// maxSample is how many bytes of a log are looked at for a line that reads.
const maxSample = 8 << 20

// look reads the start of the log until a format reads a line of it: 256 KiB,
// or more if a long line or rubbish stands there, up to 8 MiB.
func (l *Log) look() error {
	for want := 256 << 10; ; want = min(4*want, maxSample) {
		if err := l.readSample(want); err != nil {
			return err
		}
		whole := l.sample
		if l.ended == nil || l.ended != io.EOF {
			whole = whole[:bytes.LastIndexByte(whole, '\n')+1]
		}
		c, err := choose(whole, l.opts)
		if err == nil {
			l.chosen = c
			return nil
		}
		if l.ended == nil && want < maxSample || l.opts.sample < sampleLines<<6 && bytes.Count(whole, []byte{'\n'}) > l.opts.sample {
			l.opts.sample *= 4
			continue
		}
		if l.ended != nil && l.ended != io.EOF {
			return l.readFault(l.ended, int64(bytes.Count(whole, []byte{'\n'})))
		}
		if l.ended == nil && len(whole) == 0 {
			return fault.Field(fault.Invalid, l.name, "log %s: the first %d MiB hold no line break; it is no text log", l.name, want>>20)
		}
		if errors.Is(err, ErrEmpty) || len(content(whole, lines{}, false, 1)) == 0 {
			return fault.Field(fault.Invalid, l.name, "log %s: %w", l.name, ErrEmpty)
		}
		return fault.Wrap(err, "log %s", l.name)
	}
}

func (l *Log) readSample(want int) error {
	first := len(l.sample) == 0
	for len(l.sample) < want && l.ended == nil {
		n := len(l.sample)
		if cap(l.sample) < want {
			l.sample = append(make([]byte, 0, want), l.sample...)
		}
		m, err := l.plain.Read(l.sample[n:want])
		l.sample, l.ended = l.sample[:n+m], err
	}
	if first {
		if isGzip(l.sample) || isZstd(l.sample) {
			return fault.Field(fault.Unsupported, l.name, "log %s: it was compressed twice; decompress it once", l.name)
		}
		if err := refused(l.sample); err != nil {
			return fault.Wrap(err, "log %s", l.name)
		}
		l.sample = bytes.TrimPrefix(l.sample, []byte("\xef\xbb\xbf"))
	}
	return nil
}

// readFault says what ended a log too early, and after how much of it.
func (l *Log) readFault(err error, lines int64) error {
	after := fmt.Sprintf("after %d lines and %d bytes of the file", lines, l.raw.n.Load())
	if l.raw.err != nil {
		return fault.Field(fault.Unavailable, l.name, "log %s: reading stopped %s: %w", l.name, after, l.raw.err)
	}
	switch corrupt, truncated := isDamaged(err); {
	case truncated:
		return fault.Field(fault.Corrupt, l.name, "log %s: the compressed file ends too early, %s; copy it again, or take what was read", l.name, after)
	case corrupt:
		return fault.Field(fault.Corrupt, l.name, "log %s: the compressed file is damaged, %s: %w", l.name, after, err)
	}
	return fault.Wrap(err, "log %s: reading stopped %s", l.name, after)
}

// Format is the name of the format.
func (l *Log) Format() string { return l.chosen.format }

// Chosen says in a sentence how the log is read and why.
func (l *Log) Chosen() string { return strings.Join(l.chosen.notes, "; ") }

// Available are the columns that the log has. A column is there for the whole
// file or not at all: it is decided by the format and by the fields of the
// first lines: 256 of them, or more if none of those reads.
func (l *Log) Available() webrequest.Field { return l.chosen.available }

// Ignored are the fields of the log that no column is read from, sorted.
func (l *Log) Ignored() []string { return l.chosen.ignored }

// Size is the file's size in bytes, or -1 where it has none.
func (l *Log) Size() int64 { return l.size }

// BytesRead is how many bytes of the file have been read.
func (l *Log) BytesRead() int64 { return l.raw.n.Load() }

// Stats is what Scan met.
func (l *Log) Stats() Stats { return l.stats }

// SHA256 is the hash of the file's bytes as they are stored, in hexadecimal;
// "" until Scan has read them all.
func (l *Log) SHA256() string { return l.sum }

// Close closes the file. Scan does so at its end; a Log that is not scanned
// must be closed.
func (l *Log) Close() error {
	if !l.scanned.Swap(true) {
		l.endPlain()
	}
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return file.Close()
}

// endPlain frees the decompressor. Once Scan runs, its reading goroutine does.
func (l *Log) endPlain() {
	if l.end != nil {
		l.end()
	}
}

// finish hashes what follows the compressed stream, if anything, and keeps the
// file's hash.
func (l *Log) finish() error {
	if _, err := io.Copy(io.Discard, l.raw); err != nil {
		return err
	}
	l.sum = hex.EncodeToString(l.raw.hash.Sum(nil))
	return nil
}
