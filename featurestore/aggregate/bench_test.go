package aggregate

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/webrequest"
)

// traffic is n requests of about ips addresses, most of which send few, with
// the columns of webrequest.
func traffic(n, ips int) []webrequest.Request {
	rng := rand.New(rand.NewPCG(1, 2))
	agents := make([]string, 500)
	for i := range agents {
		agents[i] = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", i)
	}
	queries := make([]string, 20000)
	for i := range queries {
		queries[i] = fmt.Sprintf("?title=Special:Search&search=term%d&offset=%d", i*7919%100003, i%50)
	}
	rs := make([]webrequest.Request, n)
	for i := range rs {
		ip := int(float64(ips) * rng.Float64() * rng.Float64() * rng.Float64())
		r := webrequest.Request{
			Available: allFields | webrequest.FieldHTTPMethod | webrequest.FieldHTTPStatus | webrequest.FieldURIHost | webrequest.FieldURIPath,
			IP:        netip.AddrFrom4([4]byte{10, byte(ip >> 16), byte(ip >> 8), byte(ip)}),
			Time:      base + int64(i)*86400/int64(n), CacheStatus: "miss", HTTPMethod: "GET", HTTPStatus: "200",
			ResponseSize: int64(rng.IntN(50000)), HasSize: true, URIHost: "en.wikipedia.org", URIPath: "/w/index.php",
			UserAgent: agents[(ip+rng.IntN(2))%len(agents)], AcceptLang: "en",
		}
		if rng.IntN(2) == 0 {
			r.URIQuery = queries[rng.IntN(len(queries))]
		}
		if rng.IntN(3) == 0 {
			r.Referer = "https://en.wikipedia.org/wiki/Main_Page"
		}
		rs[i] = r
	}
	return rs
}

func BenchmarkAdd(b *testing.B) {
	rs := traffic(200_000, 20_000)
	for _, c := range []struct {
		name   string
		derive func(testing.TB) Deriver
	}{
		{"without deriving", func(testing.TB) Deriver { return ownColumns{} }},
		{"deriving", func(b testing.TB) Deriver {
			d, err := webrequest.New(webrequest.DefaultOptions(webrequest.Site))
			if err != nil {
				b.Fatal(err)
			}
			return d
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := c.derive(b)
			a := New(Options{Windows: attack.Months(nil), Filter: webrequest.DefaultFilter(webrequest.Wikimedia), Deriver: func(int) Deriver { return d }})
			defer a.Close()
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Add(0, &rs[i]); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(rs) {
					i = 0
				}
			}
		})
	}
}

func BenchmarkFinish(b *testing.B) {
	rs := traffic(200_000, 20_000)
	b.ReportAllocs()
	records := int64(0)
	for b.Loop() {
		b.StopTimer()
		a := New(Options{Windows: attack.Months(nil), Deriver: func(int) Deriver { return ownColumns{} }})
		for i := range rs {
			if err := a.Add(0, &rs[i]); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		h, err := a.Finish(b.Context(), io.Discard, nil)
		if err != nil {
			b.Fatal(err)
		}
		records += h.Records()
		a.Close()
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkMerge(b *testing.B) {
	rs := traffic(400_000, 40_000)
	var parts [][]byte
	for i := range 8 {
		parts = append(parts, partialOf(b, Options{Windows: attack.Months(nil)}, rs[i*50_000:(i+1)*50_000]))
	}
	b.ReportAllocs()
	rows, records := 0, int64(0)
	for b.Loop() {
		var readers []*Reader
		for i, p := range parts {
			r, err := NewReader(bytes.NewReader(p), int64(len(p)), fmt.Sprint(i))
			if err != nil {
				b.Fatal(err)
			}
			records += r.head.Records()
			readers = append(readers, r)
		}
		err := Merge(readers, 0, func(*Window, netip.Addr, *Group) error { rows++; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkHours takes requests to a partial by hours, in which most addresses
// send one or two requests of as many pages.
func BenchmarkHours(b *testing.B) {
	const n, perHour = 400_000, 28_000
	rs := traffic(n, 60_000)
	rng := rand.New(rand.NewPCG(3, 4))
	paths := make([]string, 50_000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/wiki/Page_%d", i)
	}
	var ws []attack.Window
	for h := range int64(n/perHour + 1) {
		ws = append(ws, attack.Window{ID: fmt.Sprintf("%02d", h), Start: h * 3600, End: (h + 1) * 3600})
	}
	set, err := attack.New(ws, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := range rs {
		rs[i].Time = int64(i) * 3600 / perHour
		rs[i].URIPath = paths[rng.IntN(len(paths))]
		if rng.IntN(2) == 0 { // as many addresses again send one request
			rs[i].IP = netip.AddrFrom4([4]byte{11, byte(rng.IntN(4)), byte(rng.IntN(256)), byte(rng.IntN(256))})
		}
	}
	for _, twelve := range []bool{true, false} {
		b.Run(map[bool]string{true: "twelve", false: "behaviour"}[twelve], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a := New(Options{Windows: set, Twelve: twelve, Deriver: func(int) Deriver { return ownColumns{} }})
				for i := range rs {
					if err := a.Add(0, &rs[i]); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := a.Finish(b.Context(), io.Discard, nil); err != nil {
					b.Fatal(err)
				}
				a.Close()
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
