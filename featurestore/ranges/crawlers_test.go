package ranges

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

	"sluice/featurestore/fault"
)

func write(t testing.TB, name, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCrawlers(t *testing.T) {
	google := write(t, "googlebot.json", `{"creationTime": "2024-08-30T22:00:27.000000", "prefixes": [{"ipv6Prefix": "2001:db8::/64"}, {"ipv4Prefix": "192.0.2.0/27"}]}`)
	plain := write(t, "examplebot.txt", "# date: 2024-08-01\n198.51.100.7\n")
	c, err := Open(t.Context(), []string{google, plain, google})
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]float64{
		"192.0.2.31": 1, "::ffff:192.0.2.1": 1, "192.0.2.32": 0, "2001:db8::9": 1, "2001:db8:0:1::9": 0, "198.51.100.7": 1, "198.51.100.8": 0,
	} {
		v := c.Enrich([]float64{5}, netip.MustParseAddr(ip), time.Time{}, time.Time{})
		if len(v) != 1+len(c.EnrichColumns()) || v[1] != want {
			t.Errorf("%s: %v, want %v", ip, v, want)
		}
	}
	if f := c.Files(); len(f) != 2 || f[0].Name != "examplebot" || f[1].Date.Year() != 2024 {
		t.Errorf("%+v", f)
	}
	again, err := Open(t.Context(), []string{plain, google})
	if err != nil || again.Digest() != c.Digest() {
		t.Error("the order of files matters to the digest", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, e := range map[string]struct {
		ctx   context.Context
		files []string
		kind  fault.Kind
	}{
		"none": {t.Context(), nil, fault.Invalid}, "not there": {t.Context(), []string{plain + "x"}, fault.NotFound},
		"empty": {t.Context(), []string{write(t, "empty.txt", "")}, fault.Invalid}, "cancelled": {ctx, []string{plain}, fault.Interrupted},
	} {
		if _, err := Open(e.ctx, e.files); !fault.Is(err, e.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is said of addresses in their order, or in none, is what is said of each.
func TestCrawlersWalk(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	var list strings.Builder
	for range 40 {
		ip := netip.AddrFrom4([4]byte{192, 0, byte(rng.IntN(4)), byte(rng.IntN(256))})
		fmt.Fprintln(&list, netip.PrefixFrom(ip, 26+rng.IntN(7)).Masked())
	}
	list.WriteString("0.0.0.0/32\n255.255.255.255/32\n2001:db8::/64\n")
	c, err := Open(t.Context(), []string{write(t, "bot.txt", list.String())})
	if err != nil {
		t.Fatal(err)
	}
	ips := []netip.Addr{netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("255.255.255.254"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db9::1")}
	for ip := netip.MustParseAddr("191.255.255.0"); ip.Less(netip.MustParseAddr("192.0.5.0")); ip = ip.Next() {
		ips = append(ips, ip)
	}
	for _, shuffled := range []bool{false, true} {
		if slices.SortFunc(ips, netip.Addr.Compare); shuffled {
			rng.Shuffle(len(ips), func(i, j int) { ips[i], ips[j] = ips[j], ips[i] })
		}
		walk, last, agains := c.Walk(), -1.0, 0
		for _, ip := range ips {
			want := c.Enrich(nil, ip, time.Time{}, time.Time{})[0]
			got, again := walk(ip, time.Time{}, time.Time{})
			if len(got) != 1 || got[0] != want || again && want != last {
				t.Fatalf("%s: %v, %v, want %v after %v", ip, got, again, want, last)
			}
			if last = want; again {
				agains++
			}
		}
		if !shuffled && agains < len(ips)*9/10 {
			t.Errorf("%d of %d again", agains, len(ips))
		}
	}
}
