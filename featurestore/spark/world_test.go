package spark

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/build"
	"sluice/featurestore/columns"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
)

// simulated are the same requests as Parquet, in the data lake's folders, and
// as the caches' NDJSON.
type simulated struct {
	world        *simulate.World
	lake, ndjson string
	parquet      []string
	lines        []string
	windows      *attack.Set
	labels       *reputation.Set
}

const june2024 = row.Month(2024*12 + 5)

func makeWorld(t *testing.T, c simulate.Config) *simulated {
	t.Helper()
	if c.Start == 0 {
		c.Start = june2024
	}
	s := &simulated{lake: filepath.Join(t.TempDir(), "lake"), ndjson: filepath.Join(t.TempDir(), "ndjson")}
	var err error
	if s.world, err = simulate.New(c); err != nil {
		t.Fatal(err)
	}
	f, err := s.world.Write(t.Context(), s.lake, simulate.WriteOptions{Format: simulate.Parquet, PartitionByHour: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	s.parquet = f.Logs
	if s.windows, err = attack.ReadFile(f.Attacks, nil); err != nil {
		t.Fatal(err)
	}
	if s.labels, err = reputation.Open(t.Context(), f.Labels["check"], reputation.Options{}); err != nil {
		t.Fatal(err)
	}
	if f, err = s.world.Write(t.Context(), s.ndjson, simulate.WriteOptions{Format: simulate.NDJSON, Threads: 2}); err != nil {
		t.Fatal(err)
	}
	s.lines = f.Logs
	return s
}

func (s *simulated) months() []row.Month {
	var out []row.Month
	for i := range s.world.Config().Months {
		out = append(out, s.world.Config().Start+row.Month(i))
	}
	return out
}

func openStore(t *testing.T) (string, *featurestore.Store) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	st, err := featurestore.Open(home, featurestore.OpenOptions{World: featurestore.Simulated})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return home, st
}

// byGo are the rows that package build makes of files.
func byGo(t *testing.T, files []string, windows []attack.Window, labeler featurestore.Labeler, web webrequest.Options) *featurestore.Store {
	t.Helper()
	_, st := openStore(t)
	set, err := attack.New(windows, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := build.Build(context.Background(), st, build.Config{Files: files, Windows: set, Labeler: labeler, Web: web, Threads: 2}); err != nil {
		t.Fatal(err)
	}
	return st
}

// sameRows holds two stores' rows against each other: keys, every stored
// column to the bit, labels, times, hours. It gives their number.
func sameRows(t *testing.T, got, want *featurestore.Store) (n int) {
	t.Helper()
	if !slices.Equal(got.Months(), want.Months()) {
		t.Fatalf("months %v, want %v", got.Months(), want.Months())
	}
	names := columns.Stored()
	for _, m := range want.Months() {
		next, stop := iter.Pull2(func(yield func(*row.Row, error) bool) {
			if err := want.ScanMonth(m, true, func(r *row.Row) error {
				if !yield(r, nil) {
					return io.EOF
				}
				return nil
			}); err != nil && err != io.EOF {
				yield(nil, err)
			}
		})
		i, bad := 0, 0
		if err := got.ScanMonth(m, true, func(r *row.Row) error {
			w, err, ok := next()
			if err != nil || !ok {
				return cmp.Or(err, fmt.Errorf("%s is a row too many, after %d", r.IP, i))
			}
			i++
			if bad > 5 {
				return nil
			}
			if r.Key != w.Key || r.Label != w.Label || r.First != w.First || r.Last != w.Last || !slices.Equal(r.Hours, w.Hours) {
				bad++
				t.Errorf("row %d of %s: %v %v %d %d %v, want %v %v %d %d %v", i, m, r.Key, r.Label, r.First, r.Last, r.Hours, w.Key, w.Label, w.First, w.Last, w.Hours)
				return nil
			}
			for c, name := range names {
				if math.Float64bits(r.Values[c]) != math.Float64bits(w.Values[c]) && !(math.IsNaN(r.Values[c]) && math.IsNaN(w.Values[c])) {
					bad++
					t.Errorf("%s of %s in %s is %v, want %v", name, r.IP, r.Attack, r.Values[c], w.Values[c])
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if _, err, more := next(); err != nil || more {
			t.Errorf("%s has %d rows, and more are wanted (%v)", m, i, err)
		}
		stop()
		n += i
		a, _ := got.MonthInfo(m)
		b, _ := want.MonthInfo(m)
		if !slices.Equal(a.Windows, b.Windows) || a.Labels != b.Labels {
			t.Errorf("%s: windows %v labels %v, want %v %v", m, a.Windows, a.Labels, b.Windows, b.Labels)
		}
	}
	return n
}

// onSpark is a Config with what every test needs.
func onSpark(s *installed, remote string, windows []attack.Window, more ...string) Config {
	return Config{
		Options: Options{Windows: windows, Filter: webrequest.DefaultFilter(webrequest.Wikimedia)},
		Cluster: Cluster{Remote: remote, Submit: s.submit(), Python: s.python(), Env: s.env(), Conf: conf(more...)},
	}
}

func mustBuild(t *testing.T, c Config) (*featurestore.Store, Result) {
	t.Helper()
	home, st := openStore(t)
	res, err := Build(t.Context(), st, home, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, logEnd(home))
	}
	left, _ := filepath.Glob(filepath.Join(home, "spark", "run-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return st, res
}
