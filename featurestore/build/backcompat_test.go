package build

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// Every folder of testdata/backcompat is a home as an earlier version wrote it
// from a.json.gz and b.json.gz. Each is read, gives the rows that those logs
// give today, takes a further file and lets go of one. A folder is added when
// what is stored changes, and none is ever rewritten.
func TestOldStores(t *testing.T) {
	homes, err := filepath.Glob(filepath.Join("testdata", "backcompat", "*"))
	if err != nil || len(homes) < 2 {
		t.Fatalf("old stores: %v, %v", homes, err)
	}
	for _, home := range homes {
		t.Run(filepath.Base(home), func(t *testing.T) {
			dir := t.TempDir()
			old := filepath.Join(dir, "old")
			if err := os.CopyFS(old, os.DirFS(home)); err != nil {
				t.Fatal(err)
			}
			a, b, c := filepath.Join(old, "a.json.gz"), filepath.Join(old, "b.json.gz"), filepath.Join(old, "c.json.gz")
			twelve := func(what string, s *featurestore.Store, logs ...string) {
				t.Helper()
				now := open(t, filepath.Join(t.TempDir(), "now"))
				build(t, now, config(logs...))
				want, got := firstTwelve(t, now), firstTwelve(t, s)
				if len(got) != len(want) || len(got) == 0 {
					t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
				}
				for k, v := range want {
					if got[k] != v {
						t.Fatalf("%s: %v is %v, want %v", what, k, got[k], v)
					}
				}
			}
			r, err := featurestore.Open(old, featurestore.OpenOptions{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			twelve("as it was", r, a, b)
			// Only one of them counted agents' addresses beyond 64.
			outdated := func(s *featurestore.Store) bool {
				for _, m := range s.Manifest().Months {
					if strings.Contains(strings.Join(m.Notes, "\n"), "user_agent_ip_count") {
						return true
					}
				}
				return false
			}
			if got, want := outdated(r), filepath.Base(home) == "2-behaviour"; got != want {
				t.Errorf("noted as outdated: %v, want %v", got, want)
			}
			s := open(t, old)
			build(t, s, config(c))
			twelve("with a further file", s, a, b, c)
			// Columns that the earlier version did not know are missing, and say why,
			// until its files are given again.
			if got, want := lacking(s), filepath.Base(home) < "5"; got != want {
				t.Errorf("a column is missing for the age of its files: %v, want %v", got, want)
			}
			build(t, s, config(a, b, c))
			now := open(t, filepath.Join(t.TempDir(), "now"))
			build(t, now, config(a, b, c))
			if lacking(s) || !maps.Equal(values(t, s, len(columns.Stored())), values(t, now, len(columns.Stored()))) {
				t.Error("files given again differ from files given first")
			}
			if _, err := Remove(t.Context(), s, []string{"b.json.gz"}, Config{}); err != nil {
				t.Fatal(err)
			}
			twelve("without one", s, a, c)
		})
	}
}

// lacking reports whether a month lacks user_agent_length_max because some of its
// files were read before the column was known.
func lacking(s *featurestore.Store) bool {
	for _, m := range s.Manifest().Months {
		for _, c := range m.Missing {
			if c.Column == "user_agent_length_max" && strings.Contains(c.Reason, "read before") {
				return true
			}
		}
	}
	return false
}

type rowValues struct {
	values      [columns.NumFeatures + columns.NumBehaviour]uint64
	first, last int64
}

// firstTwelve are the twelve features of every row, bit by bit.
func firstTwelve(t *testing.T, s *featurestore.Store) map[row.Key]rowValues {
	t.Helper()
	return values(t, s, columns.NumFeatures)
}

// values are the first n features of every row, bit by bit.
func values(t *testing.T, s *featurestore.Store, n int) map[row.Key]rowValues {
	t.Helper()
	out := map[row.Key]rowValues{}
	for _, m := range s.Months() {
		if err := s.ScanMonth(m, false, func(r *row.Row) error {
			v := rowValues{first: r.First, last: r.Last}
			for i := range n {
				if v.values[i] = math.Float64bits(r.Values[i]); r.Values[i] != r.Values[i] {
					v.values[i] = math.MaxUint64
				}
			}
			out[r.Key] = v
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Taking an address out of a month of an earlier version changes what the
// others have from it as it does in a month of today.
func TestOldStoresErase(t *testing.T) {
	shared := []string{"user_agent_ip_count", "prefix_ip_count", "prefix_request_count"}
	of := func(s *featurestore.Store) map[row.Key][3]float64 {
		t.Helper()
		out := map[row.Key][3]float64{}
		for _, m := range s.Months() {
			month, err := s.ReadMonth(m)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range month.Rows {
				var v [3]float64
				for i, n := range shared {
					v[i] = r.Values[slices.Index(month.Columns, n)]
				}
				out[r.Key] = v
			}
		}
		return out
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "backcompat", "4-manifest"))); err != nil {
		t.Fatal(err)
	}
	old, now := open(t, dir), open(t, filepath.Join(t.TempDir(), "now"))
	build(t, now, config(filepath.Join(dir, "a.json.gz"), filepath.Join(dir, "b.json.gz")))
	before := of(now)
	if !maps.Equal(of(old), before) {
		t.Fatal("the old store's rows are not today's")
	}
	// An address whose fellows have something from it.
	var gone row.Key
	for k, v := range before {
		if v[0] > 1 && (!gone.IP.IsValid() || k.Compare(gone) < 0) {
			gone = k
		}
	}
	if !gone.IP.IsValid() {
		t.Fatal("no address shares an agent")
	}
	for _, s := range []*featurestore.Store{old, now} {
		if _, err := s.Erase(t.Context(), gone.IP); err != nil {
			t.Fatal(err)
		}
	}
	after := of(now)
	changed := false
	for k, v := range after {
		changed = changed || v != before[k]
	}
	if !changed || !maps.Equal(of(old), after) {
		t.Errorf("without %s: changed %v, alike %v", row.Mask(gone.IP), changed, maps.Equal(of(old), after))
	}
}
