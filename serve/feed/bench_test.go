package feed

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// benchFeed writes a feed of n lines with five reasons each, nine of ten IPv4,
// and returns every k-th address.
func benchFeed(t testing.TB, n, k int) (*Feeds, []netip.Addr) {
	t.Helper()
	f := Open(t.TempDir())
	w, err := f.Create("2024-08-31", model, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	rng := rand.New(rand.NewPCG(1, 2))
	l := line("0.0.0.0", 0.5)
	l.Reasons = make([]Reason, 5)
	names := []string{"request_count", "response_size_mean", "uri_query_count", "desktop_ratio", "user_agent_count"}
	var some []netip.Addr
	for i := range n {
		if i < n*9/10 {
			v := uint32(uint64(i) * (1 << 32) / uint64(n))
			l.IP = netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		} else {
			j := i - n*9/10
			l.IP = netip.AddrFrom16([16]byte{0x20, 1, 4: byte(j >> 24), 5: byte(j >> 16), 6: byte(j >> 8), 7: byte(j), 15: 1})
		}
		l.Confidence = rng.Float64()
		l.Windows[0].Confidence = l.Confidence
		for r := range l.Reasons {
			l.Reasons[r] = Reason{names[r], float64(rng.IntN(5000)), rng.NormFloat64()}
			if r == 1 || r == 3 {
				l.Reasons[r].Value = rng.Float64()
			}
		}
		if err := w.Write(&l); err != nil {
			t.Fatal(err)
		}
		if i%k == 0 {
			some = append(some, l.IP)
		}
	}
	if _, err := w.Commit(written); err != nil {
		t.Fatal(err)
	}
	rng.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return f, some
}

func BenchmarkLookup(b *testing.B) {
	f, some := benchFeed(b, 1_000_000, 10)
	x := openIndex(b, f, "2024-08-31")
	var l Line
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if found, err := x.Lookup(some[i], &l); !found || err != nil {
			b.Fatal(found, err)
		}
		if i++; i == len(some) {
			i = 0
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	f := Open(b.TempDir())
	w, err := f.Create("2024-08-31", model, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Discard()
	l := line("0.0.0.0", 0.5)
	b.ReportAllocs()
	for b.Loop() {
		l.IP = l.IP.Next()
		if err := w.Write(&l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLine(b *testing.B) {
	src := line("192.0.2.1", 0.5)
	text := src.AppendJSON(nil)
	var l Line
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseLine(text, &l); err != nil {
			b.Fatal(err)
		}
	}
}

// Ten million addresses are looked up within a gigabyte, soon after the start.
func TestTenMillion(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1 to write and look up ten million lines")
	}
	f, some := benchFeed(t, 10_000_000, 100)
	st, err := os.Stat(f.IndexPath("2024-08-31"))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	x := openIndex(t, f, "2024-08-31")
	opened := time.Since(begun)
	var l Line
	begun = time.Now()
	for _, a := range some {
		if found, err := x.Lookup(a, &l); !found || err != nil {
			t.Fatal(found, err)
		}
	}
	each := time.Since(begun) / time.Duration(len(some))
	runtime.GC()
	rss := residentBytes(t)
	t.Logf("index %d MB, opened in %v, %v a lookup, %d MB resident after %d lookups", st.Size()>>20, opened, each, rss>>20, len(some))
	if st.Size() > 1<<30 || rss > 1<<30 {
		t.Errorf("index %d MB, resident %d MB: want at most 1024", st.Size()>>20, rss>>20)
	}
}

func residentBytes(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc to read the memory from")
	}
	for s := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(s, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Skip("no VmRSS")
	return 0
}
