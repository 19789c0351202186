package reputation

import (
	"math"
	"net/netip"
	"os"
	"path/filepath"
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
