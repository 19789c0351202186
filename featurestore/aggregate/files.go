package aggregate

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// fanIn is the number of partials read side by side: each takes a file handle
// and a block of memory, 32 KiB. More are first merged in groups.
var fanIn = 800

// OpenFile opens a partial file; the caller closes the file. Errors: NotFound,
// Corrupt, Version.
func OpenFile(path string) (*Reader, *os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fault.New(fault.Corrupt, "partial %s is in the manifest but can't be read (%w); build again", filepath.Base(path), err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, fault.Wrap(err, "partial %s", filepath.Base(path))
	}
	r, err := NewReader(f, st.Size(), filepath.Base(path))
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return r, f, nil
}

// OpenMerger opens the partials of a month (0: of all months). What must be
// merged in between goes to tempDir and is gone at the end. Errors: Corrupt,
// Version, Exhausted, Interrupted.
func OpenMerger(ctx context.Context, paths []string, month row.Month, tempDir string) (_ *Merger, err error) {
	m := &Merger{}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if len(paths) <= fanIn {
		for _, p := range paths {
			r, f, err := OpenFile(p)
			if err != nil {
				return nil, err
			}
			m.readers, m.files = append(m.readers, r), append(m.files, f)
		}
	}
	// Groups of fanIn files become one run each. Merging is exact, so the way
	// it is grouped shows nowhere.
	size := fanIn
	for size*fanIn < len(paths) {
		size *= fanIn
	}
	for from := 0; len(paths) > fanIn && from < len(paths); from += size {
		r, f, err := mergeRun(ctx, paths[from:min(from+size, len(paths))], month, tempDir)
		if err != nil {
			return nil, err
		}
		m.readers, m.files = append(m.readers, r), append(m.files, f)
	}
	m.settle(month)
	return m, nil
}

// MergeFiles is Merge over any number of partial files. What must be merged in
// between goes to tempDir and is gone at the end. Errors: Corrupt, Version,
// Exhausted, Interrupted.
func MergeFiles(ctx context.Context, paths []string, month row.Month, tempDir string, yield func(win *Window, ip netip.Addr, g *Group) error) error {
	m, err := OpenMerger(ctx, paths, month, tempDir)
	if err != nil {
		return err
	}
	defer m.Close()
	return m.all(ctx, yield)
}

// mergeRun merges files into a nameless run.
func mergeRun(ctx context.Context, paths []string, month row.Month, tempDir string) (*Reader, *os.File, error) {
	out, err := tempFile(tempDir)
	if err != nil {
		return nil, nil, err
	}
	b := newBuffered(out)
	pw := NewWriter(b)
	var current *Window
	err = MergeFiles(ctx, paths, month, tempDir, func(win *Window, ip netip.Addr, g *Group) error {
		if win != current {
			current = win
			if err := pw.Window(*win); err != nil {
				return err
			}
		}
		return pw.Add(ip, g)
	})
	if err == nil {
		err = pw.Close(nil)
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		out.Close()
		return nil, nil, diskError("a sorted run", err)
	}
	r, err := NewReader(out, pw.n, "run")
	if err != nil {
		out.Close()
		return nil, nil, err
	}
	return r, out, nil
}

// tempFile makes a file without a name, so nothing is left behind however the
// program ends.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".run-*")
	if err != nil {
		return nil, diskError("a sorted run", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, diskError("a sorted run", err)
	}
	return f, nil
}
