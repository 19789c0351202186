package featurestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

func parseMonth(t testing.TB, s string) row.Month {
	t.Helper()
	m, err := row.ParseMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, home string, o OpenOptions) *Store {
	t.Helper()
	s, err := Open(home, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rowsOf is n rows of a month with further features.
func rowsOf(m row.Month, n, further int) *Month {
	out := &Month{Month: m, Columns: columns.Names()}
	for i := range further {
		out.Columns = append(out.Columns, fmt.Sprint("further_", i))
	}
	for i := range n {
		r := row.Row{Key: row.Key{Month: m, Attack: m.String(), IP: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, Label: row.Label(i % 3)}
		for c := range out.Columns {
			v := float64((i*31+c*7)%97) / 97
			switch {
			case c == columns.RequestCount:
				v = float64(1 + i%1000)
			case (i+c)%11 == 0:
				v = math.NaN()
			}
			r.Values = append(r.Values, v)
		}
		r.First = 1719800000 + int64(i)
		r.Last = r.First + int64(i%5000)
		for h := range int64(i % 4) {
			r.Hours = append(r.Hours, row.HourCount{Hour: r.First/3600 + h*h, Requests: h + 1})
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

func sameRows(a, b []row.Row, hours bool) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d rows, want %d", len(a), len(b))
	}
	bits := func(v []float64) []uint64 {
		out := make([]uint64, len(v))
		for i, x := range v {
			if !math.IsNaN(x) {
				out[i] = math.Float64bits(x)
			}
		}
		return out
	}
	for i := range a {
		x, y := a[i], b[i]
		if !hours {
			y.Hours = nil
		}
		if x.Key != y.Key || x.Label != y.Label || x.First != y.First || x.Last != y.Last || !slices.Equal(bits(x.Values), bits(y.Values)) || !slices.Equal(x.Hours, y.Hours) {
			return fmt.Errorf("row %d is\n%+v, want\n%+v", i, x, y)
		}
	}
	return nil
}

func scanAll(t testing.TB, s *Store, m row.Month) []row.Row {
	t.Helper()
	var out []row.Row
	err := s.ScanMonth(m, true, func(r *row.Row) error {
		c := *r
		c.Values, c.Hours = slices.Clone(r.Values), slices.Clone(r.Hours)
		out = append(out, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMonthRoundTrip(t *testing.T) {
	m := parseMonth(t, "2024-07")
	home := t.TempDir()
	s := open(t, home, OpenOptions{})
	rapid.Check(t, func(t *rapid.T) {
		in := &Month{Month: m, Columns: columns.Names()}
		for i := range rapid.IntRange(0, 3).Draw(t, "further") {
			in.Columns = append(in.Columns, fmt.Sprint("f", i))
		}
		keys := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) row.Key {
			var ip netip.Addr
			if rapid.Bool().Draw(t, "v6") {
				ip = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip")))
			} else {
				ip = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip")))
			}
			return row.Key{Month: m, Attack: rapid.SampledFrom([]string{"a", "b", "ä \"x\"", "2024-07"}).Draw(t, "attack"), IP: ip.Unmap()}
		}), 1, 20, func(k row.Key) row.Key { return k }).Draw(t, "keys")
		slices.SortFunc(keys, row.Key.Compare)
		for _, k := range keys {
			r := row.Row{Key: k, Label: row.Label(rapid.IntRange(0, 2).Draw(t, "label"))}
			r.First = rapid.Int64Range(0, 253402300799).Draw(t, "first")
			r.Last = rapid.Int64Range(r.First, 253402300799).Draw(t, "last")
			r.Values = append(r.Values, float64(rapid.Int64Range(0, 1<<53).Draw(t, "requests")))
			for len(r.Values) < len(in.Columns) {
				r.Values = append(r.Values, rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Just(math.Copysign(0, -1))).Draw(t, "value"))
			}
			hour := int64(0)
			for range rapid.IntRange(0, 3).Draw(t, "hours") {
				hour += rapid.Int64Range(1, 1<<40).Draw(t, "step")
				r.Hours = append(r.Hours, row.HourCount{Hour: hour, Requests: rapid.Int64Range(1, 1<<62).Draw(t, "n")})
			}
			in.Rows = append(in.Rows, r)
		}
		if err := s.WriteMonth(context.Background(), in); err != nil {
			t.Fatal(err)
		}
		out, err := s.ReadMonth(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRows(out.Rows, in.Rows, false); err != nil {
			t.Fatal(err)
		}
		var scanned []row.Row
		err = s.ScanMonth(m, true, func(r *row.Row) error {
			c := *r
			c.Values, c.Hours = slices.Clone(r.Values), slices.Clone(r.Hours)
			scanned = append(scanned, c)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRows(scanned, in.Rows, true); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out.Columns, in.Columns) || out.Manifest.Rows != int64(len(in.Rows)) {
			t.Fatalf("columns %v, manifest %+v", out.Columns, out.Manifest)
		}
	})
}

// More rows than a row group and a batch hold.
func TestMonthOfManyRows(t *testing.T) {
	n := rowGroupRows + 3*batchRows/2
	if testing.Short() {
		n = 3*batchRows/2 + 1
	}
	m := parseMonth(t, "2024-07")
	in := rowsOf(m, n, 1)
	s := open(t, t.TempDir(), OpenOptions{})
	if err := s.WriteMonth(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := sameRows(scanAll(t, s, m), in.Rows, true); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(s.monthPath(m))
	if err := s.WriteMonth(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(s.monthPath(m)); string(again) != string(first) {
		t.Error("the same rows give other bytes")
	}
}

// Row groups of a month that differ much, a last one of few rows among them, are
// read back: readers take what the first row group says of a column.
func TestRowGroupsThatDiffer(t *testing.T) {
	n := rowGroupRows + 3
	m := parseMonth(t, "2024-07")
	in := rowsOf(m, n, 1)
	for i := range in.Rows[:rowGroupRows] {
		for c := range in.Rows[i].Values {
			in.Rows[i].Values[c] = 1
		}
	}
	s := open(t, t.TempDir(), OpenOptions{})
	if err := s.WriteMonth(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := sameRows(scanAll(t, s, m), in.Rows, true); err != nil {
		t.Fatal(err)
	}
}

func TestWriteMonthRefuses(t *testing.T) {
	s := open(t, t.TempDir(), OpenOptions{})
	m := parseMonth(t, "2024-07")
	for name, change := range map[string]func(*Month){
		"rows out of order":   func(m *Month) { m.Rows[0], m.Rows[1] = m.Rows[1], m.Rows[0] },
		"a row twice":         func(m *Month) { m.Rows[1].IP = m.Rows[0].IP },
		"another month's row": func(m *Month) { m.Rows[2].Month++ },
		"too few values":      func(m *Month) { m.Rows[2].Values = m.Rows[2].Values[:3] },
		"no address":          func(m *Month) { m.Rows[2].IP = netip.Addr{} },
		"eleven columns":      func(m *Month) { m.Columns = m.Columns[:11] },
		"a reserved column":   func(m *Month) { m.Columns[12] = "ip" },
		"a column with comma": func(m *Month) { m.Columns[12] = "a,optional" },
		"a column twice":      func(m *Month) { m.Columns[12] = "request_count" },
	} {
		in := rowsOf(m, 4, 1)
		change(in)
		if err := s.WriteMonth(t.Context(), in); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "10.0.0.2") {
			t.Errorf("%s: %v (%s)", name, err, fault.KindOf(err))
		}
	}
	if len(s.Months()) != 0 {
		t.Errorf("months %v", s.Months())
	}
	if left, _ := filepath.Glob(s.path("months", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// byLastBit labels by the address's last bit; multiples of five are unknown.
type byLastBit struct{ turn byte }

func (b byLastBit) Label(ip netip.Addr, _ row.Month) row.Label {
	last := ip.AsSlice()[len(ip.AsSlice())-1]
	switch {
	case last%5 == 0:
		return row.Unknown
	case last&1 == b.turn:
		return row.True
	}
	return row.False
}

func (b byLastBit) Definition() string { return fmt.Sprint("last bit is ", b.turn) }

func TestLabel(t *testing.T) {
	s := open(t, t.TempDir(), OpenOptions{})
	m := parseMonth(t, "2024-07")
	in := rowsOf(m, 100, 2)
	in.Manifest.Notes = []string{"made up"}
	if err := s.WriteMonth(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(s.monthPath(m))
	for _, turn := range []byte{1, 0, 1} {
		l := byLastBit{turn}
		if err := s.Label(t.Context(), m, l); err != nil {
			t.Fatal(err)
		}
		want := Labels{Definition: l.Definition()}
		for i := range in.Rows {
			in.Rows[i].Label = l.Label(in.Rows[i].IP, m)
			want.count(in.Rows[i].Label)
		}
		if err := sameRows(scanAll(t, s, m), in.Rows, true); err != nil {
			t.Fatal(err)
		}
		info, err := s.MonthInfo(m)
		if err != nil || info.Labels != want || want.Unknown != 20 || info.Notes[0] != "made up" || info.Rows != 100 {
			t.Errorf("%+v, %v; want labels %+v", info, err, want)
		}
	}
	if again, _ := os.ReadFile(s.monthPath(m)); string(again) == string(first) {
		t.Error("labels changed no byte")
	}
	if err := s.Label(t.Context(), m+1, byLastBit{}); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "holds 2024-07 only") {
		t.Errorf("a month that isn't there: %v", err)
	}
}

func TestLock(t *testing.T) {
	home := t.TempDir()
	s := open(t, home, OpenOptions{})
	_, err := Open(home, OpenOptions{})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("(process %d)", os.Getpid())) {
		t.Fatalf("a second writer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(home, OpenOptions{Wait: time.Hour, Context: ctx}); !fault.Is(err, fault.Interrupted) {
		t.Fatalf("a second writer that is stopped: %v", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		w, err := Open(home, OpenOptions{Wait: time.Minute})
		if err != nil {
			t.Error(err)
			return
		}
		w.Close()
	})
	s.Close()
	wg.Wait()
	if err := s.WriteMonth(t.Context(), rowsOf(parseMonth(t, "2024-07"), 1, 0)); !fault.Is(err, fault.Conflict) {
		t.Errorf("writing after Close: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	home := t.TempDir()
	if _, err := Open(home, OpenOptions{ReadOnly: true}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a store that isn't there: %v", err)
	}
	if entries, _ := os.ReadDir(home); len(entries) > 0 {
		t.Error("reading made files")
	}
	m := parseMonth(t, "2024-07")
	w := open(t, home, OpenOptions{})
	if err := w.WriteMonth(t.Context(), rowsOf(m, 10, 0)); err != nil {
		t.Fatal(err)
	}
	r := open(t, home, OpenOptions{ReadOnly: true}) // beside the writer
	if err := r.WriteMonth(t.Context(), rowsOf(m, 1, 0)); !fault.Is(err, fault.Conflict) {
		t.Errorf("%v", err)
	}
	// A month that was replaced since is read as it is now.
	if err := w.WriteMonth(t.Context(), rowsOf(m, 20, 3)); err != nil {
		t.Fatal(err)
	}
	got, err := r.ReadMonth(m)
	if err != nil || len(got.Rows) != 20 || len(got.Columns) != 15 {
		t.Errorf("%v", err)
	}
	if err := w.WriteMonth(t.Context(), &Month{Month: m, Columns: columns.Names()}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadMonth(m); !fault.Is(err, fault.NotFound) {
		t.Errorf("a month that was withdrawn: %v", err)
	}
	if _, err := os.Stat(w.monthPath(m)); !os.IsNotExist(err) {
		t.Errorf("its file: %v", err)
	}
}

func TestWorldsNeverMix(t *testing.T) {
	home := t.TempDir()
	m := parseMonth(t, "2024-07")
	s := open(t, home, OpenOptions{World: Simulated})
	s.Close()
	s = open(t, home, OpenOptions{World: Real}) // nothing was written: still free
	s.Close()
	s = open(t, home, OpenOptions{World: Simulated})
	if err := s.WriteMonth(t.Context(), rowsOf(m, 1, 0)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, readOnly := range []bool{false, true} {
		_, err := Open(home, OpenOptions{World: Real, ReadOnly: readOnly})
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "holds simulated data and this run has real data") {
			t.Errorf("%v", err)
		}
	}
	if s := open(t, home, OpenOptions{}); s.World() != Simulated {
		t.Errorf("world %q", s.World())
	}
	if _, err := Open(home, OpenOptions{World: "ideal"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	other := open(t, t.TempDir(), OpenOptions{})
	if err := other.WriteMonth(t.Context(), rowsOf(m, 1, 0)); err != nil || other.World() != Real {
		t.Errorf("%v, world %q", err, other.World())
	}
}

func TestManifestIsChecked(t *testing.T) {
	home := t.TempDir()
	s := open(t, home, OpenOptions{})
	if err := s.WriteMonth(t.Context(), rowsOf(parseMonth(t, "2024-07"), 1, 0)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	path := filepath.Join(home, "store", "manifest.json")
	short, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// As version 1 had it, all of it in one file.
	plain, err := json.MarshalIndent(s.Manifest(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	one := strings.Replace(string(plain), `"manifest_version": 2`, `"manifest_version": 1`, 1)
	for name, c := range map[string]struct {
		good   string
		change func(string) string
		kind   fault.Kind
	}{
		"newer":           {string(short), func(s string) string { return strings.Replace(s, `"manifest_version": 2`, `"manifest_version": 3`, 1) }, fault.Version},
		"cut":             {string(short), func(s string) string { return s[:len(s)/2] }, fault.Corrupt},
		"another content": {string(short), func(s string) string { return strings.Replace(s, `"sha256": "`, `"sha256": "f`, 1) }, fault.Corrupt},
		"content outside": {string(short), func(s string) string { return strings.Replace(s, `"content": "`, `"content": "../`, 1) }, fault.Corrupt},
		"content gone": {string(short), func(s string) string {
			return strings.Replace(s, `"content": "manifest-`, `"content": "manifest-0000000000000000.json.zst", "x": "`, 1)
		}, fault.Corrupt},
		"not one":       {one, func(string) string { return "{}" }, fault.Corrupt},
		"1: newer":      {one, func(s string) string { return strings.Replace(s, `"manifest_version": 1`, `"manifest_version": 3`, 1) }, fault.Version},
		"1: cut":        {one, func(s string) string { return s[:len(s)/2] }, fault.Corrupt},
		"1: bad month":  {one, func(s string) string { return strings.Replace(s, "2024-07", "2024-77", 1) }, fault.Corrupt},
		"1: no sum":     {one, func(s string) string { return strings.Replace(s, `"sha256": "`, `"sha256": "../`, 1) }, fault.Corrupt},
		"1: wrong type": {one, func(s string) string { return strings.Replace(s, `"months": [`, `"months": 1, "x": [`, 1) }, fault.Corrupt},
	} {
		if err := os.WriteFile(path, []byte(c.change(c.good)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, o := range []OpenOptions{{}, {ReadOnly: true}} {
			if _, err := Open(home, o); !fault.Is(err, c.kind) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v (%s)", name, err, fault.KindOf(err))
			}
		}
	}
	for _, good := range []string{string(short), one} {
		if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, home, OpenOptions{}) // the lock was let go of
		if len(s.Months()) != 1 {
			t.Error("the month is gone")
		}
		s.Close()
	}
}

func TestDamagedMonth(t *testing.T) {
	s := open(t, t.TempDir(), OpenOptions{})
	m := parseMonth(t, "2024-07")
	if err := s.WriteMonth(t.Context(), rowsOf(m, 10, 0)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.monthPath(m))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(s.monthPath(m), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadMonth(m); !fault.Is(err, fault.Corrupt) {
		t.Errorf("%v", err)
	}
	os.Remove(s.monthPath(m))
	if _, err := s.ReadMonth(m); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("%v", err)
	}
	stop := errors.New("enough")
	if err := s.WriteMonth(t.Context(), rowsOf(m, 10, 0)); err != nil {
		t.Fatal(err)
	}
	if err := s.ScanMonth(m, false, func(*row.Row) error { return stop }); err != stop {
		t.Errorf("the caller's error became %v", err)
	}
}

// A run that ends between its manifest and the move of its months is completed
// by the next one; readers see the new month meanwhile.
func TestEndBetweenManifestAndMove(t *testing.T) {
	home := t.TempDir()
	m := parseMonth(t, "2024-07")
	s := open(t, home, OpenOptions{})
	if err := s.WriteMonth(t.Context(), rowsOf(m, 5, 0)); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(s.monthPath(m))
	if err := s.WriteMonth(t.Context(), rowsOf(m, 9, 0)); err != nil {
		t.Fatal(err)
	}
	info, _ := s.MonthInfo(m)
	if err := os.Rename(s.monthPath(m), s.pendingPath(&info)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.monthPath(m), old, 0o600); err != nil {
		t.Fatal(err)
	}
	// And what runs that failed may leave.
	stray := []string{
		s.path("months", "2024-07.parquet.0123456789abcdef.new"), s.path("months", ".2024-07.parquet.new123"), s.path("months", "2023-01.parquet"),
		s.path("partials", ".x.partial99"), s.PartialPath(PartialName(strings.Repeat("a", 64), "b", "c", "d")), s.path("partials", ".run-1"),
		s.RejectsPath(strings.Repeat("a", 64), ".txt.gz"), s.path("rejects", ".rejects-1"), s.path(".manifest.json1"),
		s.path(".manifest-0123456789abcdef.json.zst1"), s.path("manifest-0123456789abcdef.json.zst"),
	}
	kept := []string{s.path("months", "notes.txt"), s.path("rejects", "README"), s.path("partials", "README")}
	for _, p := range append(slices.Clone(stray), kept...) {
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	for _, o := range []OpenOptions{{ReadOnly: true}, {}, {ReadOnly: true}} {
		s := open(t, home, o)
		got, err := s.ReadMonth(m)
		if err != nil || len(got.Rows) != 9 {
			t.Fatalf("%+v: %v", o, err)
		}
		s.Close()
	}
	for _, p := range stray {
		if _, err := os.Stat(p); !os.IsNotExist(err) {
			t.Errorf("%s stays: %v", filepath.Base(p), err)
		}
	}
	for _, p := range append(kept, s.monthPath(m)) {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
}

// Times stand in the manifest alone, once.
func TestTimeIsInTheManifestAlone(t *testing.T) {
	home := t.TempDir()
	s := open(t, home, OpenOptions{})
	if err := s.WriteMonth(t.Context(), rowsOf(parseMonth(t, "2024-07"), 3, 0)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(home, "store", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.RFC3339, v["written_at"].(string)); err != nil {
		t.Error(err)
	}
	if n := strings.Count(string(b), time.Now().UTC().Format("2006-01")); n != 1 {
		t.Errorf("this month stands %d times in the manifest", n)
	}
}

func TestCancelledWrite(t *testing.T) {
	s := open(t, t.TempDir(), OpenOptions{})
	m := parseMonth(t, "2024-07")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WriteMonth(ctx, rowsOf(m, 10, 0)); !fault.Is(err, fault.Interrupted) {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(s.path("months", "*")); len(left) > 0 || len(s.Months()) > 0 {
		t.Errorf("left behind: %v, months %v", left, s.Months())
	}
}

func TestFileID(t *testing.T) {
	if FileID("a/../b.log") != FileID("b.log") || FileID("a/b.log") == FileID("b.log") || len(FileID("x")) != 16 {
		t.Error("a path has two IDs, or two paths one")
	}
}

func FuzzParseHours(f *testing.F) {
	f.Add(appendHours(nil, []row.HourCount{{Hour: 477000, Requests: 3}, {Hour: 477001, Requests: 1 << 40}}))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		hours, err := parseHours(b, nil)
		if err != nil {
			return
		}
		again, err := parseHours(appendHours(nil, hours), nil)
		if err != nil || !slices.Equal(again, hours) {
			t.Fatalf("%v, again %v, %v", hours, again, err)
		}
	})
}

func BenchmarkMonth(b *testing.B) {
	m := parseMonth(b, "2024-07")
	in := rowsOf(m, 100_000, 0)
	s := open(b, b.TempDir(), OpenOptions{})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.WriteMonth(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*len(in.Rows))/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.ReadMonth(m); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*len(in.Rows))/b.Elapsed().Seconds(), "rows/s")
	})
}
