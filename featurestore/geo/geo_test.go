package geo

import (
	"context"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/geo/geotest"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func iso(code string) map[string]any {
	return map[string]any{"country": map[string]any{"iso_code": code, "names": map[string]any{"en": "x"}}}
}

func write(t testing.TB, name, kind, built string, entries ...geotest.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := geotest.Write(path, kind, day(built), entries); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, files ...string) *Databases {
	t.Helper()
	d, err := Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// The records of the publishers known, and country and network from two files.
func TestRecords(t *testing.T) {
	countries := write(t, "c.mmdb", "GeoLite2-Country", "2024-06-04",
		geotest.Entry{Prefix: "192.0.0.0/16", Record: iso("NL")},
		geotest.Entry{Prefix: "192.0.2.0/24", Record: iso("de")},
		geotest.Entry{Prefix: "198.51.100.0/24", Record: map[string]any{"country_code": "FR"}},
		geotest.Entry{Prefix: "203.0.113.0/25", Record: map[string]any{"country": "ID", "asn": "AS64500"}},
		geotest.Entry{Prefix: "203.0.113.128/25", Record: map[string]any{"registered_country": map[string]any{"iso_code": "ZW"}}},
		geotest.Entry{Prefix: "2001:db8::/32", Record: map[string]any{"country": "Indonesia", "country_code": "ID"}},
	)
	networks := write(t, "n.mmdb", "GeoLite2-ASN", "2024-06-01",
		geotest.Entry{Prefix: "192.0.2.0/25", Record: map[string]any{"autonomous_system_number": uint32(64496)}},
		geotest.Entry{Prefix: "2001:db8:1::/48", Record: map[string]any{"asn": uint32(4200000000)}},
	)
	d := open(t, networks, countries)
	for ip, want := range map[string]Place{
		"192.0.1.1": {Country: "NL"}, "192.0.2.1": {"DE", 64496}, "::ffff:192.0.2.1": {"DE", 64496}, "192.0.2.200": {Country: "DE"}, "198.51.100.1": {Country: "FR"},
		"203.0.113.5": {"ID", 64500}, "203.0.113.200": {Country: "ZW"}, "2001:db8::1": {Country: "ID"}, "2001:db8:1::1": {"ID", 4200000000}, "8.8.8.8": {},
	} {
		if got := d.At(netip.MustParseAddr(ip), day("2024-08-01")); got != want {
			t.Errorf("%s: %+v, want %+v", ip, got, want)
		}
	}
	v := d.Enrich([]float64{7}, netip.MustParseAddr("192.0.2.1"), day("2024-07-01"), day("2024-08-01"))
	if len(v) != 1+len(d.EnrichColumns()) || v[1+columns.CountryCode] != 3*26+4 || v[1+columns.ASN] != 64496 {
		t.Errorf("%v", v)
	}
	v = d.Enrich(nil, netip.MustParseAddr("8.8.8.8"), day("2024-07-01"), day("2024-08-01"))
	if !math.IsNaN(v[columns.CountryCode]) || !math.IsNaN(v[columns.ASN]) {
		t.Errorf("of an address that nobody knows: %v", v)
	}
	if i := d.Infos(); len(i) != 2 || i[0].Name != "n.mmdb" || i[1].Type != "GeoLite2-Country" || len(i[0].SHA256) != 64 {
		t.Errorf("%+v", i)
	}
}

// The newest database that was there counts; a later one only where no other
// answers.
func TestAsOf(t *testing.T) {
	entry := func(p, c string) geotest.Entry { return geotest.Entry{Prefix: p, Record: iso(c)} }
	june := write(t, "june.mmdb", "x", "2024-06-01", entry("192.0.2.0/24", "NL"))
	july := write(t, "july.mmdb", "x", "2024-07-01", entry("192.0.2.0/24", "DE"))
	later := write(t, "later.mmdb", "x", "2025-01-01", entry("192.0.0.0/16", "FR"))
	last := write(t, "last.mmdb", "x", "2026-01-01", entry("192.0.0.0/16", "IT"))
	d := open(t, last, june, later, july)
	for _, c := range []struct{ ip, at, want string }{
		{"192.0.2.1", "2024-06-30", "NL"}, {"192.0.2.1", "2024-07-01", "DE"}, {"192.0.2.1", "2024-08-01", "DE"}, {"192.0.2.1", "2025-02-01", "FR"},
		{"192.0.1.1", "2024-08-01", "FR"}, {"192.0.2.1", "2020-01-01", "NL"}, {"192.0.1.1", "2026-06-01", "IT"},
	} {
		if got := d.At(netip.MustParseAddr(c.ip), day(c.at)); got.Country != c.want {
			t.Errorf("%s at %s: %s, want %s", c.ip, c.at, got.Country, c.want)
		}
	}
	if got := d.Later(day("2024-07-02")); got != "later.mmdb (built 2025-01-01), last.mmdb (built 2026-01-01)" {
		t.Error(got)
	}
	if d.Later(day("2026-01-01")) != "" || d.Digest() != open(t, july, june, last, later).Digest() || d.Digest() == open(t, july).Digest() {
		t.Error("the digest, or what is later")
	}
}

func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "a.mmdb")
	if err := os.WriteFile(text, []byte("no database"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := write(t, "other.mmdb", "GeoIP2-Connection-Type", "2024-06-01", geotest.Entry{Prefix: "192.0.2.0/24", Record: map[string]any{"connection_type": "Cable/DSL"}})
	for name, c := range map[string]struct {
		files []string
		kind  fault.Kind
		words string
	}{
		"none":         {nil, fault.Invalid, "name at least one"},
		"no database":  {[]string{text}, fault.Invalid, "a.mmdb"},
		"not there":    {[]string{text + "x"}, fault.NotFound, "--mmdb"},
		"other things": {[]string{other}, fault.Invalid, `"GeoIP2-Connection-Type" tells neither`},
	} {
		if _, err := Open(t.Context(), c.files); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, []string{other}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCountryNumbers(t *testing.T) {
	seen := map[int]bool{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			n := CountryNumber(code)
			if n < 0 || n >= 676 || seen[n] || Country(float64(n)) != code {
				t.Errorf("%s: %d", code, n)
			}
			seen[n] = true
		}
	}
	for _, s := range []string{"", "A", "nl", "NLD", "1A", "É"} {
		if CountryNumber(s) != -1 {
			t.Errorf("%q has a number", s)
		}
	}
	for _, v := range []float64{-1, 676, 1.5, math.NaN(), math.Inf(1)} {
		if Country(v) != "" {
			t.Errorf("%v is %s", v, Country(v))
		}
	}
}

// Whatever the networks, the most specific one's record is found: held against
// looking through all of them.
func TestLookupAgreesWithLooking(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var entries []geotest.Entry
		var prefixes []netip.Prefix
		n := rapid.IntRange(1, 8).Draw(t, "networks")
		for i := range n {
			bits := 8 + i*24/n // ever more specific
			a := [4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "a")), byte(rapid.IntRange(0, 3).Draw(t, "b")), byte(rapid.IntRange(0, 255).Draw(t, "c"))}
			p := netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked()
			prefixes = append(prefixes, p)
			entries = append(entries, geotest.Entry{Prefix: p.String(), Record: iso(Country(float64(i)))})
		}
		path := filepath.Join(dir, "r.mmdb")
		if err := geotest.Write(path, "x", day("2024-06-01"), entries); err != nil {
			t.Fatal(err)
		}
		d, err := Open(context.Background(), []string{path})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for range 50 {
			ip := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "x")), byte(rapid.IntRange(0, 3).Draw(t, "y")), byte(rapid.IntRange(0, 255).Draw(t, "z"))})
			want := ""
			for i, p := range prefixes {
				if p.Contains(ip) {
					want = Country(float64(i))
				}
			}
			if got := d.At(ip, day("2024-06-01")); got.Country != want {
				t.Fatalf("%s: %s, want %s", ip, got.Country, want)
			}
		}
	})
}

// TestPublishedDatabase reads a database as it is published.
func TestPublishedDatabase(t *testing.T) {
	d := open(t, shared(t))
	n := 0
	for ip, want := range map[string]string{"8.8.8.8": "US", "193.0.6.139": "NL", "2001:67c:2e8::1": "NL"} {
		got := d.At(netip.MustParseAddr(ip), day("2024-08-01"))
		if got.Country == want {
			n++
		}
	}
	if n < 2 {
		t.Errorf("%d of 3 well-known addresses lie where they do", n)
	}
}

// shared is the database beside the repository; without it the test is skipped.
func shared(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "mmdb", "*", "*.mmdb"))
	if len(found) == 0 {
		t.Skip("no database in ../shared/data/mmdb")
	}
	return found[0]
}

func BenchmarkAt(b *testing.B) {
	d := open(b, shared(b))
	at := day("2026-10-01")
	b.ReportAllocs()
	var ip [4]byte
	for b.Loop() {
		ip[0], ip[1], ip[2] = ip[0]+7, ip[1]+13, ip[2]+29
		d.At(netip.AddrFrom4(ip), at)
	}
}
