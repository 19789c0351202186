package reputation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/columns"
)

// A listing of the future, planted in the exports, changes no column of a row
// whose window began before it was known; one of the past does.
func TestEarlierColumnsDoNotLeak(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const me, neighbour, other = "5.6.7.7", "5.6.7.99", "9.8.7.1"
	enrich := func(start string, files ...string) []float64 {
		s, err := Open(t.Context(), files, Options{})
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			t.Fatal(err)
		}
		return WithEarlier{s}.Enrich([]float64{5}, netip.MustParseAddr(me), at, at)[1:]
	}
	same := func(a, b []float64) bool {
		for i := range a {
			if math.Float64bits(a[i]) != math.Float64bits(b[i]) && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
				return false
			}
		}
		return len(a) == len(b)
	}
	june := write("blacklist-2024-06.txt", other+"\n")
	july := write("blacklist-2024-07.txt", me+"\n"+neighbour+"\n")
	const inJuly, august = "2024-07-15T00:00:00Z", "2024-08-01T00:00:00Z"
	clean := enrich(inJuly, june)
	if !same(clean, []float64{0, 0, math.NaN(), math.NaN(), 0}) {
		t.Fatalf("with June's list alone: %v", clean)
	}
	// July's own list, though it holds the row's label, is not known in July.
	if got := enrich(inJuly, june, july); !same(got, clean) {
		t.Errorf("July's list leaks into July: %v", got)
	}
	// One dated to the day is known from that day's end on, and not before.
	day := write("blacklist-2024-07-20.txt", me+"\n"+neighbour+"\n")
	if got := enrich("2024-07-20T23:59:59Z", june, day); !same(got, clean) {
		t.Errorf("a list of the day leaks into its day: %v", got)
	}
	if got := enrich("2024-07-22T00:00:00Z", june, day); same(got, clean) || got[columns.ListedBefore] != 1 || got[columns.PrefixListedBefore] != 1 || got[columns.ListedBeforeTimes] != .5 {
		t.Errorf("a list of the past is not seen: %v", got)
	}
	got := enrich(august, june, july)
	if got[columns.ListedBefore] != 1 || got[columns.DaysSinceFirstListed] < 0 || got[columns.DaysSinceFirstListed] > 1 || got[columns.DaysSinceLastListed] > got[columns.DaysSinceFirstListed] {
		t.Errorf("July's list in August: %v", got)
	}
	if got := enrich("2024-06-15T00:00:00Z", june, july); !same(got, []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}) {
		t.Errorf("nothing was known, and yet: %v", got)
	}
}

// Walk gives what Enrich gives, whatever the order of rows.
func TestWalk(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(7, 7))
	// Few addresses of few prefixes, so that most lookups find something.
	address := func() netip.Addr {
		if rng.IntN(8) == 0 {
			return netip.MustParseAddr(fmt.Sprintf("2a02:%x::%x", rng.IntN(4), rng.IntN(4)))
		}
		return netip.AddrFrom4([4]byte{5, byte(rng.IntN(3)), byte(rng.IntN(6)), byte(rng.IntN(40))})
	}
	var lists []string
	for i := range 80 { // more than a page
		var b strings.Builder
		for range 1 + rng.IntN(60) {
			fmt.Fprintln(&b, address())
		}
		name := filepath.Join(dir, time.Date(2024, 6, 1+i, 0, 0, 0, 0, time.UTC).Format("blacklist-2006-01-02.txt"))
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		lists = append(lists, name)
	}
	set, err := Open(t.Context(), lists, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var drops strings.Builder
	for range 300 {
		at := time.Date(2024, 6, 1, 0, 0, rng.IntN(90*86400), 0, time.UTC)
		fmt.Fprintf(&drops, "{\"time\":%q,\"hostname\":\"cp%d\",\"prefix\":\"silent-drop_port80_\",\"data\":%q}\n", at.Format(time.RFC3339), rng.IntN(3), address())
	}
	records := filepath.Join(dir, "drops.jsonl")
	if err := os.WriteFile(records, []byte(drops.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	dropped, err := OpenDrops(t.Context(), []string{records})
	if err != nil {
		t.Fatal(err)
	}
	type source interface {
		Enrich([]float64, netip.Addr, time.Time, time.Time) []float64
		Walk() func(netip.Addr, time.Time, time.Time) ([]float64, bool)
	}
	for name, s := range map[string]source{"earlier": WithEarlier{set}, "drops": dropped} {
		walk, values, last := s.Walk(), 0, []float64(nil)
		for w := range 60 {
			start := time.Date(2024, 5, 25+2*w, rng.IntN(24), 0, 0, rng.IntN(2), time.UTC)
			end := start.Add(time.Duration(1+rng.IntN(100)) * time.Hour)
			var ips []netip.Addr
			for range 200 {
				ips = append(ips, address())
			}
			if w%5 > 0 {
				slices.SortFunc(ips, netip.Addr.Compare)
			}
			for _, ip := range ips {
				want := s.Enrich(nil, ip, start, end)
				got, again := walk(ip, start, end)
				same := len(want) == len(last)
				for i := range want {
					same = same && math.Float64bits(want[i]) == math.Float64bits(last[i])
					if math.Float64bits(want[i]) != math.Float64bits(got[i]) {
						t.Fatalf("%s of %s at %s: %v, want %v", name, ip, start, got, want)
					}
					if want[i] > 0 {
						values++
					}
				}
				if again && !same {
					t.Fatalf("%s of %s at %s: %v are said to be %v again", name, ip, start, want, last)
				}
				last = want
			}
		}
		if values < 1000 {
			t.Errorf("%s: only %d values", name, values)
		}
	}
}
