package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/featurestore/fault"
)

// NamedFile is a file of ranges and whose they are.
type NamedFile struct{ Name, Path string }

// ParseNamedFile reads NAME=FILE. Errors: Usage.
func ParseNamedFile(s string) (NamedFile, error) {
	name, path, ok := strings.Cut(s, "=")
	n := NamedFile{Name: strings.TrimSpace(name), Path: strings.TrimSpace(path)}
	if !ok || n.Name == "" || n.Path == "" {
		return n, fault.New(fault.Usage, "want NAME=FILE, as in Googlebot=googlebot.json")
	}
	return n, nil
}

// Files are the files of a policy. Any of them may be absent from it; one that
// is named has to exist.
type Files struct {
	Overrides string
	Crawlers  []NamedFile
	Shared    []NamedFile
}

// Load reads the files. Errors: NotFound, Invalid with file and line.
func Load(f Files) (*Policy, error) {
	var r Rules
	if f.Overrides != "" {
		if err := withFile(f.Overrides, func(file *os.File) (err error) {
			r.Overrides, err = ParseOverrides(file, filepath.Base(f.Overrides))
			return err
		}); err != nil {
			return nil, err
		}
	}
	for _, set := range []struct {
		from []NamedFile
		to   *[]Ranges
	}{{f.Crawlers, &r.Crawlers}, {f.Shared, &r.Shared}} {
		for _, n := range set.from {
			if err := withFile(n.Path, func(file *os.File) error {
				ranges, err := ParseRanges(file, filepath.Base(n.Path), n.Name)
				*set.to = append(*set.to, ranges)
				return err
			}); err != nil {
				return nil, err
			}
		}
	}
	return New(r)
}

func withFile(path string, read func(*os.File) error) error {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return fault.Field(fault.NotFound, filepath.Base(path), "%s: no such file", path)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return read(file)
}

func (f *Files) paths() []string {
	var out []string
	if f.Overrides != "" {
		out = append(out, f.Overrides)
	}
	for _, n := range f.Crawlers {
		out = append(out, n.Path)
	}
	for _, n := range f.Shared {
		out = append(out, n.Path)
	}
	return out
}

// Live is a policy that follows its files. It is safe for concurrent use.
type Live struct {
	files  Files
	every  time.Duration
	now    func() time.Time // of the machine, for tests
	begun  time.Time
	policy atomic.Pointer[Policy]
	// checked is when the files were looked at last, in nanoseconds since begun.
	checked atomic.Int64

	mu    sync.Mutex // held while looking
	seen  []os.FileInfo
	found error
}

// Follow loads the files. Policy looks after changes at most once in every; 0
// is a second, and below 0 only Reload looks. Errors: those of Load.
func Follow(f Files, every time.Duration) (*Live, error) {
	if every == 0 {
		every = time.Second
	}
	l := &Live{files: f, every: every, now: time.Now, begun: time.Now()}
	l.seen = l.look()
	p, err := Load(f)
	if err != nil {
		return nil, err
	}
	l.policy.Store(p)
	return l, nil
}

// look tells the states of the files; nil is a file that is not there.
func (l *Live) look() []os.FileInfo {
	var out []os.FileInfo
	for _, p := range l.files.paths() {
		fi, err := os.Stat(p)
		if err != nil {
			fi = nil
		}
		out = append(out, fi)
	}
	return out
}

// Policy is the policy in force. Files that changed and can't be read leave
// the one before in force; Err says so.
func (l *Live) Policy() *Policy {
	if l.every > 0 {
		now, last := int64(l.now().Sub(l.begun)), l.checked.Load()
		if now-last >= int64(l.every) && l.checked.CompareAndSwap(last, now) {
			_, _ = l.Reload()
		}
	}
	return l.policy.Load()
}

// Reload looks after the files now; changed tells whether they give a new
// policy. Errors: those of Load, each time until the files can be read.
func (l *Live) Reload() (changed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The states from before reading: a change while it is read is seen next time.
	now := l.look()
	if slices.EqualFunc(now, l.seen, sameState) {
		return false, l.found
	}
	l.seen = now
	p, err := Load(l.files)
	if l.found = err; err != nil {
		return false, err
	}
	l.policy.Store(p)
	return true, nil
}

// sameState tells whether nothing happened to a file. One that was put in the
// place of another is a change, whatever its time and size.
func sameState(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// Err is why the newest state of the files is not in force, or nil.
func (l *Live) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found
}
