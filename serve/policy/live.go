package policy

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/featurestore/fault"
)

// NamedFile is a file of ranges and whose they are.
type NamedFile struct{ Name, Path string }

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
	files Files
	every time.Duration
	now   func() time.Time // of the machine, for tests

	mu      sync.Mutex
	policy  *Policy
	stamps  []stamp
	checked time.Time
	err     error
}

// stamp is what tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// Follow loads the files and looks after changes at most once in every, when
// Policy is called; 0 is a second. Errors: those of Load.
func Follow(f Files, every time.Duration) (*Live, error) {
	if every <= 0 {
		every = time.Second
	}
	l := &Live{files: f, every: every, now: time.Now}
	l.stamps = l.look()
	var err error
	if l.policy, err = Load(f); err != nil {
		return nil, err
	}
	l.checked = l.now()
	return l, nil
}

func (l *Live) look() []stamp {
	var out []stamp
	for _, p := range l.files.paths() {
		var s stamp
		if fi, err := os.Stat(p); err == nil {
			s = stamp{fi.ModTime(), fi.Size()}
		}
		out = append(out, s)
	}
	return out
}

// Policy is the policy in force. Files that changed and can't be read leave
// the one before in force; Err says so.
func (l *Live) Policy() *Policy {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.checked) >= l.every || now.Before(l.checked) {
		l.checked = now
		l.refresh()
	}
	return l.policy
}

func (l *Live) refresh() {
	stamps := l.look()
	changed := false
	for i := range stamps {
		changed = changed || stamps[i].size != l.stamps[i].size || !stamps[i].modified.Equal(l.stamps[i].modified)
	}
	if !changed {
		return
	}
	// The stamps from before reading: a change while it is read is seen next time.
	l.stamps = stamps
	p, err := Load(l.files)
	if l.err = err; err == nil {
		l.policy = p
	}
}

// Err is why the newest state of the files is not in force, or nil.
func (l *Live) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
