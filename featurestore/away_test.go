package featurestore

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A store that was begun and not written leaves nothing behind; what was there
// before, or was put there by others, stays.
func TestTakenAway(t *testing.T) {
	dir := t.TempDir()
	exists := func(elem ...string) bool {
		_, err := os.Stat(filepath.Join(append([]string{dir}, elem...)...))
		return err == nil
	}
	s := open(t, filepath.Join(dir, "new"), OpenOptions{})
	if err := os.WriteFile(s.path("partials", ".x.partial9"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if exists("new") {
		t.Error("an empty home stays")
	}
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Join(dir, "there"), OpenOptions{}).Close()
	if !exists("there") || exists("there", "store") {
		t.Error("a folder that was there is gone, or its store is not")
	}
	s = open(t, filepath.Join(dir, "noted"), OpenOptions{})
	if err := os.WriteFile(s.path("months", "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if !exists("noted", "store", "months", "notes.txt") {
		t.Error("what others put there is gone")
	}
	for range 2 { // written, then opened once more
		s = open(t, filepath.Join(dir, "kept"), OpenOptions{})
		if len(s.Months()) == 0 {
			if err := s.WriteMonth(t.Context(), rowsOf(parseMonth(t, "2024-07"), 1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		if !exists("kept", "store", "months", "2024-07.parquet") || !exists("kept", "store", "rejects") {
			t.Fatal("a store that was written is gone")
		}
	}
}

// Runs that write nothing take the store away under those that wait for it:
// nobody fails, and there is one writer at a time.
func TestTakenAwayUnderOthers(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	var inside atomic.Int32
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				s, err := Open(home, OpenOptions{Wait: time.Minute, Context: t.Context()})
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two writers at once")
				}
				if w == 0 && i == 24 {
					if err := s.WriteMonth(t.Context(), rowsOf(parseMonth(t, "2024-07"), 1, 0)); err != nil {
						t.Error(err)
					}
				}
				inside.Add(-1)
				s.Close()
			}
		})
	}
	wg.Wait()
	s := open(t, home, OpenOptions{ReadOnly: true})
	if len(s.Months()) != 1 {
		t.Errorf("months %v", s.Months())
	}
}
