package webrequest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// traffic is a mix as logs have it: few hosts, some thousand agents and
// referers of which a few make up most, half the requests without a referer.
func traffic(p Profile, n int) []*Request {
	rng := rand.New(rand.NewPCG(7, 8))
	zipf := rand.NewZipf(rng, 1.1, 4, 4999)
	agent := func(i uint64) string {
		switch i % 5 {
		case 0:
			return fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 60+i)
		case 1:
			return fmt.Sprintf("Mozilla/5.0 (Linux; Android %d; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36", i)
		case 2:
			return fmt.Sprintf("Mozilla/5.0 (iPhone; CPU iPhone OS 17_%d like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1", i)
		case 3:
			return fmt.Sprintf("Mozilla/5.0 (compatible; examplebot/%d.0; +https://bot.example/info)", i)
		}
		return fmt.Sprintf("python-requests/2.%d", i)
	}
	referer := func(i uint64, host string) string {
		switch i % 6 {
		case 0:
			return "https://www.google.com/"
		case 1:
			return fmt.Sprintf("https://%s/wiki/Page_%d", host, i)
		case 2:
			return fmt.Sprintf("https://forum.example/thread/%d?page=2", i)
		}
		return "-"
	}
	list := make([]*Request, n)
	for i := range list {
		host := []string{"en.wikipedia.org", "de.wikipedia.org", "en.m.wikipedia.org", "commons.wikimedia.org"}[rng.IntN(4)]
		if p == Site {
			host = []string{"www.shop.example", "shop.example", "m.shop.example"}[rng.IntN(3)]
		}
		list[i] = &Request{
			Available:  wikimediaPageview | FieldHTTPMethod | FieldReferer,
			HTTPMethod: "GET", HTTPStatus: []string{"200", "200", "304", "404"}[rng.IntN(4)],
			URIHost: strings.Clone(host), URIPath: fmt.Sprintf("/wiki/Page_%d", rng.IntN(10000)),
			URIQuery: []string{"", "", "?title=A&action=history"}[rng.IntN(3)], ContentType: "text/html; charset=UTF-8",
			Referer: referer(zipf.Uint64(), host), UserAgent: agent(zipf.Uint64()), XAnalytics: "ns=0;page_id=123;https=1;client_port=4321",
		}
	}
	return list
}

func BenchmarkDerive(b *testing.B) {
	for _, o := range []Options{DefaultOptions(Wikimedia), shopOptions()} {
		b.Run(string(o.Profile), func(b *testing.B) {
			d := mustNew(b, o)
			requests := traffic(o.Profile, 1<<14)
			for _, r := range requests {
				d.Derive(r)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				d.Derive(requests[i&(1<<14-1)])
				i++
			}
		})
	}
}

// The cost of what a Deriver remembers, when it is new.
func BenchmarkUnseen(b *testing.B) {
	requests := traffic(Wikimedia, 1<<10)
	seven, err := NewSpiderDevices(SpiderSeven)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func(*Request){
		"IsSpider":        func(r *Request) { IsSpider(r.UserAgent) },
		"IsMobileBrowser": func(r *Request) { IsMobileBrowser(r.UserAgent) },
		"SpiderSeven":     func(r *Request) { seven.IsSpiderDevice(r.UserAgent) },
		"Referer2025":     func(r *Request) { RefererClass(r.Referer, Referer2025) },
		"Referer2024":     func(r *Request) { RefererClass(r.Referer, Referer2024) },
		"IsPageview":      func(r *Request) { p := PageviewOf(r); IsPageview(&p, PageviewNow) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f(requests[i&(1<<10-1)])
				i++
			}
		})
	}
}
