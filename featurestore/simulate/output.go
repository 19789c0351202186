package simulate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/gzip"

	"sluice/featurestore/fault"
)

// writeAtomic writes one file whole or not at all; gzip by its name.
func writeAtomic(path string, write func(*bufio.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.Field(fault.Invalid, "out", "simulated data: %w", err)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fault.Field(fault.Invalid, "out", "simulated data: %w", err)
	}
	defer f.Cleanup()
	var out io.Writer = f
	var z *gzip.Writer
	if strings.HasSuffix(path, ".gz") {
		z = gzip.NewWriter(f)
		out = z
	}
	b := bufio.NewWriterSize(out, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return fault.Wrap(err, "%s", path)
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return fault.Wrap(err, "%s", path)
		}
	}
	return fault.Wrap(f.CloseAtomicallyReplace(), "%s", path)
}

// IsSimulated reports whether a log or label file is of a simulated world, by
// its name: all that Write makes of those begins with "simulated-".
func IsSimulated(path string) bool {
	return strings.HasPrefix(filepath.Base(path), "simulated-")
}

// Files are what Write wrote, by purpose; paths begin with its folder.
type Files struct {
	Logs       []string // in order of time
	Attacks    string
	Labels     map[string][]string // by shape: check, check-csv, blacklist, plain, csv, late
	SilentDrop []string
	Spur       []string
	Truth      string
	Manifest   string
}

// manifest says what the folder holds and how to make it again.
type manifest struct {
	Simulated  bool    `json:"simulated"`
	Note       string  `json:"note"`
	Seed       int64   `json:"seed"`
	Start      string  `json:"start"`
	Months     int     `json:"months"`
	Rows       int     `json:"rows"`
	Scale      float64 `json:"scale"`
	Background int     `json:"background_ips"`
	Format     Format  `json:"format"`
	Requests   int64   `json:"requests"`
	LogFiles   int     `json:"log_files"`
}

// Write writes the whole world under dir: logs, attacks.csv, labels in every
// shape that AbuseIPDB exports, silent-drop records, a Spur feed, truth.jsonl
// and manifest.json, which comes last and says that the data is simulated. A
// dir that holds anything already is refused (fault.Exists). On an error or when
// ctx is cancelled dir is again as it was, so that the same call can be made
// again. Addresses are written in full: they are nobody's on purpose.
func (w *World) Write(ctx context.Context, dir string, o WriteOptions) (*Files, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if es, err := os.ReadDir(dir); err == nil && len(es) > 0 {
		return nil, fault.Field(fault.Exists, "out", "%s is not empty; give a new folder for simulated data", dir)
	}
	absent := firstAbsent(dir)
	f, err := w.writeAll(ctx, dir, o)
	if err == nil {
		return f, nil
	}
	if left := undo(dir, absent); left != nil {
		return nil, fault.Field(fault.Denied, "out", "what was written into %s can't be removed, do so by hand: %w", dir, left)
	}
	return nil, err
}

// parts are all that Write puts into a folder.
var parts = []string{"logs", "labels", "silentdrop", "spur", "attacks.csv", "truth.jsonl.gz", "manifest.json"}

// firstAbsent is the outermost folder of a path that does not exist yet, or "".
func firstAbsent(dir string) string {
	absent := ""
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return absent
		}
		absent = dir
	}
}

// undo takes away what Write put into a folder that held nothing, and the
// folders above it that it made. What others put there meanwhile stays.
func undo(dir, absent string) error {
	var errs []error
	for _, p := range parts {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, p)))
	}
	if absent != "" {
		for dir, end := filepath.Clean(dir), filepath.Dir(absent); dir != end && os.Remove(dir) == nil; {
			dir = filepath.Dir(dir)
		}
	}
	return errors.Join(errs...)
}

func (w *World) writeAll(ctx context.Context, dir string, o WriteOptions) (*Files, error) {
	f := &Files{Labels: map[string][]string{}}
	var months []*month
	var all int64
	for i := range w.cfg.Months {
		months = append(months, w.get(i))
		all += months[i].requests(o.Format)
	}
	var err error
	if f.Logs, err = writeLogs(ctx, filepath.Join(dir, "logs"), months, &o); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, string, *Files) error{w.writeAttacks, w.writeLabels, w.writeSilentDrop, w.writeSpur, w.writeTruth} {
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		if err := step(ctx, dir, f); err != nil {
			return nil, err
		}
	}
	f.Manifest = filepath.Join(dir, "manifest.json")
	return f, writeAtomic(f.Manifest, func(b *bufio.Writer) error {
		e := json.NewEncoder(b)
		e.SetIndent("", "  ")
		return e.Encode(manifest{
			Simulated: true, Note: "Every file here is simulated: no address, page or report in it is real.",
			Seed: w.cfg.Seed, Start: w.cfg.Start.String(), Months: w.cfg.Months, Rows: w.cfg.Rows, Scale: w.cfg.Scale,
			Background: w.cfg.BackgroundIPs, Format: o.Format, Requests: all, LogFiles: len(f.Logs),
		})
	})
}
