package build

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Files read with Later change no row until they are merged; then months are
// those of all files read at once, whatever was added, replaced or removed in
// between.
func TestLater(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, seed uint64, day string) string {
		return write(t, dir, name, lines(seed, day, 400, 20))
	}
	a, b, c := file("a.json", 1, "2024-07-05"), file("b.json", 2, "2024-07-06"), file("c.json", 3, "2024-08-02")
	s := open(t, filepath.Join(dir, "home"))
	build(t, s, config(a, b))
	was := monthBytes(t, filepath.Join(dir, "home"))
	later := func(files ...string) Result {
		t.Helper()
		o := config(files...)
		o.Later = true
		return build(t, s, o)
	}
	if r := later(c); r.Read != 1 || len(r.Months) != 0 || !slices.Equal(r.Pending, []row.Month{month(t, "2024-08")}) {
		t.Errorf("%+v", r)
	}
	d := file("d.json", 4, "2024-07-06")
	file("b.json", 5, "2024-07-07") // other content
	if r := later(b, d); r.Read != 2 || r.Replaced != 1 || len(r.Pending) != 2 {
		t.Errorf("%+v", r)
	}
	if now := monthBytes(t, filepath.Join(dir, "home")); len(now) != 1 || now["2024-07.parquet"] != was["2024-07.parquet"] {
		t.Error("rows changed before they were merged")
	}
	if _, err := s.Prune(t.Context(), month(t, "2024-08")); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "merge") {
		t.Errorf("rows taken out of months that wait: %v", err)
	}
	s.Close()
	s = open(t, filepath.Join(dir, "home")) // it is remembered
	if got := s.Pending(); len(got) != 2 {
		t.Errorf("%v wait", got)
	}
	if r := later(a); r.Unchanged != 1 || len(r.Pending) != 2 {
		t.Errorf("%+v", r)
	}
	// Any file, known or not, merges all that waits.
	if r := build(t, s, config(a)); r.Read != 0 || len(r.Months) != 2 || len(r.Pending) != 0 {
		t.Errorf("%+v", r)
	}
	once := open(t, filepath.Join(dir, "once"))
	build(t, once, config(a, b, c, d))
	sameMonths(t, "merged later", filepath.Join(dir, "home"), filepath.Join(dir, "once"))

	// Without a file, too.
	e := file("e.json", 6, "2024-08-03")
	later(e)
	if _, err := s.Apply(t.Context(), featurestore.Change{Threads: 1}); err != nil || len(s.Pending()) != 0 {
		t.Errorf("%v, %v wait", err, s.Pending())
	}
	build(t, once, config(e))
	sameMonths(t, "merged without a file", filepath.Join(dir, "home"), filepath.Join(dir, "once"))
}
