package featurestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// OpenOptions say how a Store is opened. The zero value opens for writing,
// gives up at once where another run holds the lock, and takes the world as it
// is recorded.
type OpenOptions struct {
	// ReadOnly takes no lock and creates nothing.
	ReadOnly bool
	// World is Real or Simulated; a store of the other kind is refused. It is
	// recorded with the first write; "" is what is recorded, else Real.
	World string
	// Wait is how long to wait for the lock.
	Wait time.Duration
	// Context ends the waiting; nil is never.
	Context context.Context
}

// Store is the folder store/ of a home.
type Store struct {
	home, dir string
	readOnly  bool
	world     string
	lock      *os.File
	made      []string // folders that there were not before it was opened

	writing sync.Mutex // one change at a time
	mu      sync.Mutex // guards manifest
	man     *Manifest  // never changed, only replaced
}

// Open opens the store of a home. Errors: NotFound (ReadOnly and there is
// none), Conflict (another run holds it, or it is of the other world), Version
// (a newer program wrote it), Corrupt, Invalid (World), Interrupted.
func Open(home string, o OpenOptions) (*Store, error) {
	if o.World != "" && o.World != Real && o.World != Simulated {
		return nil, fault.New(fault.Invalid, "world %q: want %s or %s", o.World, Real, Simulated)
	}
	s := &Store{home: home, dir: filepath.Join(home, "store"), readOnly: o.ReadOnly, world: o.World}
	if o.ReadOnly {
		m, err := loadManifest(s.dir)
		if err != nil {
			return nil, err
		}
		if m == nil {
			return nil, fault.Field(fault.NotFound, "dir", "there is no store in %s; build one from logs first", home)
		}
		return s, s.adopt(m)
	}
	if err := s.acquire(o); err != nil {
		return nil, err
	}
	err := func() error {
		m, err := loadManifest(s.dir)
		if err != nil {
			return err
		}
		if m == nil {
			m = &Manifest{ManifestVersion: ManifestVersion}
		}
		if err := s.adopt(m); err != nil {
			return err
		}
		return s.tidy(m)
	}()
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) adopt(m *Manifest) error {
	if m.World != "" {
		if s.world != "" && s.world != m.World {
			return fault.Field(fault.Conflict, "dir", "%s holds %s data and this run has %s data; the two never share a home, give another one", s.home, m.World, s.world)
		}
		s.world = m.World
	}
	s.man = m
	return nil
}

// makeFolders makes the store's folders, and remembers which there were not.
func (s *Store) makeFolders() error {
	for _, d := range []string{s.home, s.dir, s.path("partials"), s.path("months"), s.path("rejects")} {
		mode := fs.FileMode(0o750)
		if filepath.Base(d) == "rejects" {
			mode = 0o700
		}
		if _, err := os.Lstat(d); errors.Is(err, fs.ErrNotExist) && !slices.Contains(s.made, d) {
			s.made = append(s.made, d)
		}
		if err := os.MkdirAll(d, mode); err != nil {
			return DiskError("the store in "+s.home, err)
		}
	}
	return nil
}

// acquire takes the lock, waiting as long as asked. A run that wrote nothing
// takes the store it began away again: then that is the wrong lock.
func (s *Store) acquire(o OpenOptions) error {
	for try := 0; ; try++ {
		err := s.makeFolders()
		if errors.Is(err, fs.ErrNotExist) && try < 100 {
			continue // taken away while they were made
		} else if err != nil {
			return err
		}
		f, err := os.OpenFile(s.path("lock"), os.O_RDWR|os.O_CREATE, 0o640)
		if errors.Is(err, fs.ErrNotExist) && try < 100 {
			continue
		} else if err != nil {
			return DiskError("the store's lock", err)
		}
		if err := s.wait(f, o); err != nil {
			f.Close()
			return err
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return DiskError("the store's lock", err)
		}
		if there, err := os.Stat(s.path("lock")); err != nil || !os.SameFile(mine, there) {
			f.Close()
			continue
		}
		if err := s.makeFolders(); err != nil { // some may have gone since
			f.Close()
			return err
		}
		s.lock = f
		// Who holds it is only told to people; a failure to note it stops nothing.
		if f.Truncate(0) == nil {
			fmt.Fprintf(f, "%d\n", os.Getpid())
		}
		return nil
	}
}

// wait waits for the lock of a file.
func (s *Store) wait(f *os.File, o OpenOptions) error {
	var done <-chan struct{}
	if o.Context != nil {
		done = o.Context.Done()
	}
	deadline := time.Now().Add(o.Wait)
	for {
		held, err := tryLock(f)
		if err != nil {
			return DiskError("the store's lock", err)
		}
		if !held {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			who := make([]byte, 64)
			n, _ := f.ReadAt(who, 0)
			holder := "another run"
			if pid := strings.TrimSpace(string(who[:n])); pid != "" {
				holder += " (process " + pid + ")"
			}
			return fault.Field(fault.Conflict, "dir", "%s is being written by %s; wait until it ends, or give another home", s.home, holder)
		}
		select {
		case <-done:
			return fault.As(fault.Interrupted, o.Context.Err())
		case <-time.After(min(left, 100*time.Millisecond)):
		}
	}
}

// Close lets go of the lock. A store that was begun and not written is taken
// away. The Store must not be used afterwards.
func (s *Store) Close() error {
	if s.lock == nil {
		return nil
	}
	f := s.lock
	s.lock = nil
	s.takeAway()
	return errors.Join(unlock(f), f.Close())
}

// takeAway removes the store's folder, and the home, where this Store made it
// and wrote no manifest. Folders that hold anything stay. The lock is held.
func (s *Store) takeAway() {
	if s.man == nil || s.man.content != "" || !slices.Contains(s.made, s.dir) {
		return
	}
	if s.tidy(s.man) != nil {
		return
	}
	for _, d := range []string{"partials", "months", "rejects"} {
		if os.Remove(s.path(d)) != nil {
			return
		}
	}
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		return // something besides the lock
	}
	if os.Remove(s.path("lock")) == nil && os.Remove(s.dir) == nil && slices.Contains(s.made, s.home) {
		os.Remove(s.home)
	}
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// Dir is the store's folder, HOME/store.
func (s *Store) Dir() string { return s.dir }

// World is Real or Simulated; "" before the first write to a new store whose
// world was not given.
func (s *Store) World() string { return s.world }

// Manifest is what is in the store. It is shared, not to be changed.
func (s *Store) Manifest() *Manifest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.man
}

// Months are the months in the store, ascending.
func (s *Store) Months() []row.Month {
	m := s.Manifest()
	months := make([]row.Month, len(m.Months))
	for i := range m.Months {
		months[i] = m.Months[i].Month
	}
	return months
}

// Sources are the contents in the store with what was read in each, by name,
// then checksum.
func (s *Store) Sources() []Source {
	out := slices.Clone(s.Manifest().Sources)
	slices.SortStableFunc(out, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// FileID identifies the path of an input file in the manifest without naming
// it: the first sixteen hex digits of the SHA-256 of the absolute path.
func FileID(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	sum := sha256.Sum256([]byte(filepath.ToSlash(path)))
	return hex.EncodeToString(sum[:8])
}

// newSuffix ends the name of a month's file that is written and not yet in its
// place: months/2024-08.parquet.<first digits of its checksum>.new.
const newSuffix = ".new"

func (s *Store) monthPath(m row.Month) string { return s.path("months", m.String()+".parquet") }

func (s *Store) pendingPath(i *MonthInfo) string {
	return s.monthPath(i.Month) + "." + i.SHA256[:16] + newSuffix
}

// tidy completes what a run did after its manifest and before its end, and
// removes what no manifest names. The lock is held.
func (s *Store) tidy(m *Manifest) error {
	pending := map[string]*MonthInfo{}
	months := map[string]bool{}
	for i := range m.Months {
		info := &m.Months[i]
		pending[filepath.Base(s.pendingPath(info))] = info
		months[info.Month.String()+".parquet"] = true
	}
	partials, rejects := map[string]bool{}, map[string]bool{}
	for _, src := range m.Sources {
		partials[src.Partial] = true
		rejects[src.SHA256] = true
	}
	stray, _ := filepath.Glob(s.path(".manifest*"))
	contents, _ := filepath.Glob(s.path("manifest-*"))
	for _, path := range append(stray, contents...) {
		if filepath.Base(path) != m.content {
			os.Remove(path)
		}
	}
	for _, d := range []string{"months", "partials", "rejects"} {
		entries, err := os.ReadDir(s.path(d))
		if err != nil {
			return fault.Wrap(err, "the store")
		}
		for _, e := range entries {
			name := e.Name()
			path := s.path(d, name)
			keep := false
			switch d {
			case "months":
				if info := pending[name]; info != nil {
					err = os.Rename(path, s.monthPath(info.Month))
					keep = true
				} else {
					keep = months[name] || !strings.Contains(name, ".parquet")
				}
			case "partials":
				keep = partials[name] || !strings.Contains(name, ".partial") && !strings.HasPrefix(name, ".run-")
			case "rejects":
				sha, _, _ := strings.Cut(name, ".")
				keep = !strings.HasPrefix(name, ".") && (rejects[sha] || !hexName.MatchString(sha))
			}
			if !keep {
				err = os.Remove(path)
			}
			if err != nil {
				return DiskError("the store in "+s.home, err)
			}
		}
	}
	return nil
}
