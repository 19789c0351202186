package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
)

const (
	feedSuffix  = ".jsonl.gz"
	indexSuffix = ".idx"
	latestFile  = "latest.json"
)

// Feeds is the folder feeds/ of a home. Readers may work while one writer
// does: they see whole files only.
type Feeds struct{ dir string }

// Open opens the feeds of a home; nothing is created before the first Create.
func Open(home string) *Feeds { return &Feeds{filepath.Join(home, "feeds")} }

// Dir is the feeds' folder.
func (f *Feeds) Dir() string { return f.dir }

// Path is the path of a date's file.
func (f *Feeds) Path(d Date) string { return filepath.Join(f.dir, string(d)+feedSuffix) }

// IndexPath is the path of a date's index.
func (f *Feeds) IndexPath(d Date) string { return filepath.Join(f.dir, string(d)+indexSuffix) }

// Dates are the dates that have a feed, ascending.
func (f *Feeds) Dates() ([]Date, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var dates []Date
	for _, e := range entries { // sorted by name
		s, ok := strings.CutSuffix(e.Name(), feedSuffix)
		if d, err := ParseDate(s); ok && err == nil {
			dates = append(dates, d)
		}
	}
	return dates, nil
}

// Descriptor tells of the newest feed, as in latest.json.
type Descriptor struct {
	Location      string    `json:"location"` // file name, beside latest.json
	Date          Date      `json:"date"`
	GeneratedAt   time.Time `json:"generated_at"` // when its content was computed
	AvailableAt   time.Time `json:"available_at"` // when it could be fetched
	SHA256        string    `json:"sha256"`       // of the file, lower-case hex
	Rows          int       `json:"rows"`
	ModelVersion  string    `json:"model_version"`
	SchemaVersion int       `json:"schema_version"`
}

// latestJSON is latest.json: the nesting that readers of such feeds know.
type latestJSON struct {
	JSON *Descriptor `json:"json"`
}

// MarshalLatest is the content of latest.json for a descriptor.
func MarshalLatest(d Descriptor) []byte {
	b, err := json.MarshalIndent(latestJSON{&d}, "", "  ")
	if err != nil {
		panic(err) // no field of it can fail
	}
	return append(b, '\n')
}

// ParseLatest reads the content of latest.json. Errors: Corrupt, Version.
func ParseLatest(b []byte) (Descriptor, error) {
	var l latestJSON
	if err := json.Unmarshal(b, &l); err != nil {
		return Descriptor{}, fault.New(fault.Corrupt, "%s: %w", latestFile, err)
	}
	if l.JSON == nil {
		return Descriptor{}, fault.New(fault.Corrupt, `%s: want an object {"json": {...}}`, latestFile)
	}
	d := *l.JSON
	date, err := ParseDate(string(d.Date))
	sum, hexErr := hex.DecodeString(d.SHA256)
	switch {
	case d.SchemaVersion > SchemaVersion:
		return Descriptor{}, fault.New(fault.Version, "%s: schema_version %d is newer than this program, which reads up to %d; update it", latestFile, d.SchemaVersion, SchemaVersion)
	case err != nil:
		return Descriptor{}, fault.New(fault.Corrupt, "%s: %w", latestFile, err)
	case d.Location != string(date)+feedSuffix:
		return Descriptor{}, fault.New(fault.Corrupt, "%s: location %q: want %q", latestFile, d.Location, string(date)+feedSuffix)
	case hexErr != nil || len(sum) != sha256.Size || d.SHA256 != strings.ToLower(d.SHA256):
		return Descriptor{}, fault.New(fault.Corrupt, "%s: sha256: want 64 lower-case hex digits", latestFile)
	case d.Rows < 0:
		return Descriptor{}, fault.New(fault.Corrupt, "%s: rows %d: want 0 or more", latestFile, d.Rows)
	}
	return d, nil
}

// Latest is the descriptor of the newest feed. Errors: NotFound where there is
// none, Corrupt, Version.
func (f *Feeds) Latest() (Descriptor, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, latestFile))
	if os.IsNotExist(err) {
		return Descriptor{}, fault.New(fault.NotFound, "there is no feed yet; train run writes one")
	}
	if err != nil {
		return Descriptor{}, err
	}
	return ParseLatest(b)
}

// OpenReader opens a date's file for reading line by line. Errors: NotFound,
// Corrupt.
func (f *Feeds) OpenReader(d Date) (*Reader, error) {
	file, err := f.OpenFile(d)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(file, filepath.Base(file.Name()))
	if err != nil {
		file.Close()
		return nil, err
	}
	r.file = file
	return r, nil
}

// OpenFile opens a date's file as it is. Errors: NotFound.
func (f *Feeds) OpenFile(d Date) (*os.File, error) {
	file, err := os.Open(f.Path(d))
	if os.IsNotExist(err) {
		return nil, fault.Field(fault.NotFound, "date", "there is no feed of %s", d)
	}
	return file, err
}

// OpenIndex opens a date's index. An index that is missing, damaged, of
// another version or of another file than the date's is made again from the
// feed. Errors: NotFound where there is no feed, Corrupt where the feed itself
// is damaged.
func (f *Feeds) OpenIndex(ctx context.Context, d Date) (*Index, error) {
	st, err := os.Stat(f.Path(d))
	if os.IsNotExist(err) {
		return nil, fault.Field(fault.NotFound, "date", "there is no feed of %s", d)
	}
	if err != nil {
		return nil, err
	}
	x, err := OpenIndex(f.IndexPath(d))
	switch {
	case err == nil && x.Date() == d && x.FeedSize() == st.Size() && f.agrees(d, x.FeedSHA256()):
		return x, nil
	case err == nil:
		_ = x.Close()
	case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Corrupt) && !fault.Is(err, fault.Version):
		return nil, err
	}
	if err := f.Reindex(ctx, d); err != nil {
		return nil, err
	}
	return OpenIndex(f.IndexPath(d))
}

// agrees compares a sum with what latest.json says, where it speaks of d.
func (f *Feeds) agrees(d Date, sum string) bool {
	l, err := f.Latest()
	return err != nil || l.Date != d || l.SHA256 == sum
}

// Reindex makes a date's index from its file. Errors: NotFound, Corrupt,
// Interrupted.
func (f *Feeds) Reindex(ctx context.Context, d Date) error {
	file, err := f.OpenFile(d)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	size := &counter{}
	r, err := NewReader(io.TeeReader(file, io.MultiWriter(hash, size)), filepath.Base(file.Name()))
	if err != nil {
		return err
	}
	out, err := f.draft(f.IndexPath(d))
	if err != nil {
		return err
	}
	defer func() { _ = out.Cleanup() }()
	w, err := newIndexWriter(out, d)
	if err != nil {
		return diskError(err, f.IndexPath(d))
	}
	var l Line
	for {
		if w.rows()%1024 == 0 && ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		err := r.Next(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := w.add(&l); err != nil {
			return diskError(err, f.IndexPath(d))
		}
	}
	if err := w.finish(size.n, [sha256.Size]byte(hash.Sum(nil))); err != nil {
		return diskError(err, f.IndexPath(d))
	}
	return diskError(out.CloseAtomicallyReplace(), f.IndexPath(d))
}

// Sweep removes drafts that a killed run left behind. The caller holds the
// home's lock.
func (f *Feeds) Sweep() error {
	var errs []error
	for _, suffix := range []string{feedSuffix, indexSuffix, latestFile} {
		drafts, err := filepath.Glob(filepath.Join(f.dir, ".*"+suffix+"[0-9]*"))
		errs = append(errs, err)
		for _, p := range drafts {
			errs = append(errs, os.Remove(p))
		}
	}
	return errors.Join(errs...)
}

// fileMode keeps addresses from other users of the machine.
const fileMode = 0o640

// draft is a file that takes its place at path once it is whole.
func (f *Feeds) draft(path string) (*renameio.PendingFile, error) {
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, diskError(err, f.dir)
	}
	p, err := renameio.NewPendingFile(path, renameio.WithTempDir(f.dir), renameio.WithPermissions(fileMode))
	return p, diskError(err, path)
}

// diskError tells what could not be written; a full disk is Exhausted.
func diskError(err error, path string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fault.As(fault.Exhausted, err)
	}
	return fault.Wrap(err, "write %s", filepath.Base(path))
}

// counter counts bytes.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
