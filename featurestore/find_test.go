package featurestore

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// severalWindows is a month of several attacks, of IPv4 and IPv6 addresses, that
// takes several row groups and pages. Every second address is there.
func severalWindows(t testing.TB, each int) *Month {
	m := parseMonth(t, "2024-08")
	plain := rowsOf(m, each, 1)
	out := &Month{Month: m, Columns: plain.Columns}
	for _, attack := range []string{"a", "b", "b0", "z"} {
		for i, r := range plain.Rows {
			r.Attack = attack
			r.IP = netip.AddrFrom4([4]byte{byte(9 + i>>14), byte(i >> 7), byte(i), byte(2 * i)})
			out.Rows = append(out.Rows, r)
		}
		for i, r := range plain.Rows[:each/2] {
			r.Attack = attack
			b := [16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 16), byte(i >> 8), byte(i), 15: byte(2 * i)}
			r.IP = netip.AddrFrom16(b)
			out.Rows = append(out.Rows, r)
		}
	}
	slices.SortFunc(out.Rows, func(a, b row.Row) int { return a.Key.Compare(b.Key) })
	return out
}

func writtenMonth(t testing.TB, m *Month) *Store {
	t.Helper()
	s := open(t, t.TempDir(), OpenOptions{})
	if err := s.WriteMonth(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	return s
}

// Find gives what a scan of the whole month finds, and nothing else.
func TestFind(t *testing.T) {
	each := 23_000
	if testing.Short() {
		each = 11_000
	}
	m := severalWindows(t, each)
	s := writtenMonth(t, m)
	x, err := s.OpenMonth(m.Month)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if pages := len(x.pages); pages < 4 || !testing.Short() && len(x.groups) < 2 {
		t.Fatalf("%d pages in %d row groups show nothing", pages, len(x.groups))
	}
	at := []int{0, 1, len(m.Rows) - 2, len(m.Rows) - 1}
	for _, p := range x.pages { // where pages and groups meet
		at = append(at, int(p.from), max(int(p.from)-1, 0))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		at = append(at, r.IntN(len(m.Rows)))
	}
	for i := 1; i < len(m.Rows); i++ { // where windows and families meet
		if m.Rows[i].Attack != m.Rows[i-1].Attack || m.Rows[i].IP.Is4() != m.Rows[i-1].IP.Is4() {
			at = append(at, i-1, i)
		}
	}
	var all sync.WaitGroup
	for part := range slices.Chunk(at, len(at)/4+1) {
		all.Go(func() {
			for _, i := range part {
				want := m.Rows[i]
				got, found, err := x.Find(want.Attack, want.IP)
				if err != nil || !found {
					t.Errorf("row %d: found %v, %v", i, found, err)
					continue
				}
				if err := sameRows([]row.Row{got}, []row.Row{want}, true); err != nil {
					t.Errorf("row %d: %v", i, err)
				}
				next := want.IP.Next() // never there: addresses step by two
				if _, found, err := x.Find(want.Attack, next); found || err != nil {
					t.Errorf("beside row %d: found %v, %v", i, found, err)
				}
			}
		})
	}
	all.Wait()
	for _, ip := range []string{"0.0.0.0", "255.255.255.255", "::", "ffff::"} {
		for _, attack := range []string{"a", "b", "aa", "z", "zz"} {
			if _, found, err := x.Find(attack, netip.MustParseAddr(ip)); found || err != nil {
				t.Errorf("%s in %q: found %v, %v", ip, attack, found, err)
			}
		}
	}
}

func TestOpenMonthRefuses(t *testing.T) {
	m := severalWindows(t, 100)
	s := writtenMonth(t, m)
	if _, err := s.OpenMonth(m.Month + 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("a month that is not there: %v", err)
	}
	b, err := os.ReadFile(s.monthPath(m.Month))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(s.monthPath(m.Month), b, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenMonth(m.Month); !fault.Is(err, fault.Corrupt) {
		t.Errorf("a damaged month: %v", err)
	}
}

func BenchmarkFind(b *testing.B) {
	m := severalWindows(b, 200_000)
	s := writtenMonth(b, m)
	x, err := s.OpenMonth(m.Month)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		want := &m.Rows[r.IntN(len(m.Rows))]
		if _, found, err := x.Find(want.Attack, want.IP); !found || err != nil {
			b.Fatal(found, err)
		}
	}
	b.ReportMetric(float64(len(m.Rows)), "rows")
}
