package feed

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/gzip"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Options say how a feed is written.
type Options struct {
	// Replace lets a date's feed be written again with other content. Readers
	// that are in the middle of a download start again; a service loads it as
	// it loads a new date.
	Replace bool
}

// Writer writes the feed of one date: its file and its index, in one pass,
// without keeping the lines. It is used by one goroutine.
type Writer struct {
	feeds   *Feeds
	date    Date
	model   string
	options Options

	out  *renameio.PendingFile
	size counter
	hash hash.Hash
	file *bufio.Writer
	zip  *gzip.Writer
	idx  *renameio.PendingFile
	iw   *indexWriter

	line Line
	buf  []byte
	last netip.Addr
	err  error
	done bool
}

// Create starts the feed of a date whose lines model scored. Nothing is seen of
// it before Commit; Discard removes what was written.
func (f *Feeds) Create(date Date, model string, o Options) (*Writer, error) {
	if _, err := ParseDate(string(date)); err != nil {
		return nil, err
	}
	if model == "" {
		return nil, fault.Field(fault.Invalid, "model_version", "model_version of the feed of %s is empty", date)
	}
	w := &Writer{feeds: f, date: date, model: model, options: o, hash: sha256.New()}
	var err error
	if w.out, err = f.draft(f.Path(date)); err != nil {
		return nil, err
	}
	if w.idx, err = f.draft(f.IndexPath(date)); err != nil {
		w.Discard()
		return nil, err
	}
	if w.iw, err = newIndexWriter(w.idx, date); err != nil {
		w.Discard()
		return nil, diskError(err, f.IndexPath(date))
	}
	w.file = bufio.NewWriterSize(io.MultiWriter(w.out, w.hash, &w.size), 256<<10)
	// The gzip head carries neither time nor name, so that equal lines give
	// equal bytes.
	w.zip, err = gzip.NewWriterLevel(w.file, gzip.DefaultCompression)
	if err != nil {
		w.Discard()
		return nil, err
	}
	w.zip.ModTime = time.Unix(0, 0) // none; the zero Time would be written as a date
	return w, nil
}

// Write adds a line, which it does not keep or change. Lines come ordered by
// address, IPv4 before IPv6, each address once. Contributions are rounded to
// four decimals. Errors: Invalid for a line that can't be in a feed or out of
// order, Exhausted for a full disk. After an error only Discard helps.
func (w *Writer) Write(l *Line) error {
	if w.err != nil {
		return w.err
	}
	w.err = w.write(l)
	return w.err
}

func (w *Writer) write(l *Line) error {
	if err := l.check(); err != nil {
		return err
	}
	if !inOrder(w.last, l.IP) {
		return fault.Field(fault.Invalid, "ip", "%s does not come after %s: a feed is written in the order of addresses, each once", row.Mask(l.IP), row.Mask(w.last))
	}
	if l.ModelVersion != w.model {
		return fault.Field(fault.Invalid, "model_version", "model_version %q of %s: the feed is of %q", l.ModelVersion, row.Mask(l.IP), w.model)
	}
	w.last = l.IP
	w.line.clone(l)
	w.line.normalise()
	w.buf = append(w.line.AppendJSON(w.buf[:0]), '\n')
	if _, err := w.zip.Write(w.buf); err != nil {
		return diskError(err, w.feeds.Path(w.date))
	}
	return diskError(w.iw.add(&w.line), w.feeds.IndexPath(w.date))
}

// Commit puts the feed in place: its file, its index, and latest.json where no
// later date stands there. generatedAt is when the content was computed.
// Writing what is there already changes nothing, latest.json's times included.
// Errors: Exists where the date has other content and Options.Replace is not
// set, Exhausted for a full disk.
func (w *Writer) Commit(generatedAt time.Time) (Descriptor, error) {
	defer w.Discard()
	if w.err != nil {
		return Descriptor{}, w.err
	}
	w.err = errors.New("the feed is committed")
	path, indexPath := w.feeds.Path(w.date), w.feeds.IndexPath(w.date)
	if err := errors.Join(w.zip.Close(), w.file.Flush()); err != nil {
		return Descriptor{}, diskError(err, path)
	}
	sum := [sha256.Size]byte(w.hash.Sum(nil))
	if err := w.iw.finish(w.size.n, sum); err != nil {
		return Descriptor{}, diskError(err, indexPath)
	}
	d := Descriptor{
		Location: filepath.Base(path), Date: w.date,
		GeneratedAt: generatedAt.UTC(), AvailableAt: time.Now().UTC().Truncate(time.Second),
		SHA256: hex.EncodeToString(sum[:]), Rows: w.iw.rows(),
		ModelVersion: w.model, SchemaVersion: SchemaVersion,
	}
	there, err := sumFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = w.out.CloseAtomicallyReplace()
	case err != nil:
	case there == sum:
	case !w.options.Replace:
		return Descriptor{}, fault.Field(fault.Exists, "date", "the feed of %s is there already with other content, and a feed never changes: choose another date, or ask for a replacement", w.date)
	default:
		// An index must never speak of another file than the one beside it.
		if err = os.Remove(indexPath); err == nil || errors.Is(err, os.ErrNotExist) {
			err = w.out.CloseAtomicallyReplace()
		}
	}
	if err != nil {
		return Descriptor{}, diskError(err, path)
	}
	if err := w.idx.CloseAtomicallyReplace(); err != nil {
		return Descriptor{}, diskError(err, indexPath)
	}
	return d, w.feeds.announce(&d)
}

// announce writes latest.json unless it speaks of a later date, or of this very
// file: then d takes its times.
func (f *Feeds) announce(d *Descriptor) error {
	switch l, err := f.Latest(); {
	case err == nil && l.Date > d.Date:
		return nil
	case err == nil && l.Date == d.Date && l.SHA256 == d.SHA256:
		*d = l
		return nil
	case fault.Is(err, fault.Version):
		return err
	}
	path := filepath.Join(f.dir, latestFile)
	return diskError(renameio.WriteFile(path, MarshalLatest(*d), fileMode, renameio.WithTempDir(f.dir)), path)
}

// Discard removes what was written. It does nothing after Commit.
func (w *Writer) Discard() {
	if w.done {
		return
	}
	w.done = true
	if w.out != nil {
		_ = w.out.Cleanup()
	}
	if w.idx != nil {
		_ = w.idx.Cleanup()
	}
	if w.err == nil {
		w.err = errors.New("the feed is discarded")
	}
}

// Rows is the number of lines written so far.
func (w *Writer) Rows() int { return w.iw.rows() }

func sumFile(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
