package reputation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sluice/featurestore/row"
)

// twin answers the same questions from one map per export.
type twin struct {
	known []time.Time
	month []row.Month
	on    []map[netip.Addr]bool
}

func (w *twin) label(a netip.Addr, m row.Month) row.Label {
	has, v6, listed := false, false, false
	for i := range w.on {
		if w.month[i] != m {
			continue
		}
		has = true
		listed = listed || w.on[i][a]
		for b := range w.on[i] {
			v6 = v6 || b.Is6()
		}
	}
	switch {
	case !Public(a) || !has || a.Is6() && !v6:
		return row.Unknown
	case listed:
		return row.True
	}
	return row.False
}

func (w *twin) before(a netip.Addr, t time.Time) Earlier {
	var e Earlier
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	near := map[netip.Addr]bool{}
	for i := range w.on {
		if !w.known[i].Before(t) {
			continue
		}
		able := a.Is4()
		for b := range w.on[i] {
			able = able || b.Is6()
		}
		if able {
			e.Exports++
		}
		if w.on[i][a] {
			e.named(w.known[i].Unix(), 1)
		}
		for b := range w.on[i] {
			if b != a && p.Contains(b) {
				near[b] = true
			}
		}
	}
	e.Neighbours = len(near)
	return e
}

// The index and the maps agree on any exports, also with more than 64 in a
// month, and in whatever order and number of threads the files are read.
func TestTwin(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		d := filepath.Join(dir, fmt.Sprint(n))
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		pool := []netip.Addr{ip("10.1.1.1")}
		for i := range 12 {
			pool = append(pool, netip.AddrFrom4([4]byte{5, 6, byte(i % 2), byte(i)}))
			b := ip("2a01:4f8::").As16()
			b[7], b[15] = byte(i%2), byte(i)
			pool = append(pool, netip.AddrFrom16(b))
		}
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		w := &twin{}
		var files []string
		exports := rapid.SampledFrom([]int{1, 1, 2, 2, 3, 3, 5, 5, 5, 70}).Draw(t, "exports")
		onlyV4 := rapid.Bool().Draw(t, "only IPv4")
		at := time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
		for range exports {
			at = at.Add(time.Duration(1+r.IntN(20*3600)) * time.Second)
			on := map[netip.Addr]bool{}
			var b strings.Builder
			fmt.Fprintf(&b, `{"meta":{"generatedAt":%q},"data":[{"ipAddress":"8.8.8.8"}`, at.Format(time.RFC3339))
			on[ip("8.8.8.8")] = true
			for range r.IntN(10) {
				a := pool[r.IntN(len(pool))]
				if onlyV4 && a.Is6() {
					continue
				}
				fmt.Fprintf(&b, `,{"ipAddress":%q}`, a)
				if Public(a) {
					on[a] = true
				}
			}
			b.WriteString("]}")
			w.known, w.month, w.on = append(w.known, at), append(w.month, row.MonthOf(at)), append(w.on, on)
			f := filepath.Join(d, fmt.Sprintf("%d.json", r.Uint32()))
			if err := os.WriteFile(f, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		slices.Reverse(files)
		s, err := Open(context.Background(), files, Options{Threads: 1 + r.IntN(3)})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range pool {
			for m := row.MonthOf(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)); m <= row.MonthOf(at)+1; m++ {
				if got, want := s.Label(a, m), w.label(a, m); got != want {
					t.Fatalf("%v in %v: %v, want %v", a, m, got, want)
				}
			}
			if a.IsPrivate() {
				continue
			}
			for range 4 {
				when := w.known[r.IntN(len(w.known))].Add(time.Duration(r.IntN(3)-1) * time.Second)
				if d := cmp.Diff(w.before(a, when), s.ListedBefore(a, when)); d != "" {
					t.Fatalf("%v before %v: %s", a, when, d)
				}
			}
		}
	})
}
