package pipeline

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/geo"
	"sluice/featurestore/geo/geotest"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/models/scorer"
	"sluice/serve/feed"
)

// furtherFiles writes a source of each kind that says something of addresses
// below 40.0.0.0 or in 20.0.0.0/8.
func furtherFiles(t testing.TB, dir string, ips []netip.Addr) FurtherFiles {
	t.Helper()
	put := func(name, body string) []string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		return []string{path}
	}
	db := filepath.Join(dir, "country.mmdb")
	err := geotest.Write(db, "GeoLite2-Country", time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC), []geotest.Entry{
		{Prefix: "0.0.0.0/1", Record: map[string]any{"country": map[string]any{"iso_code": "NL"}, "autonomous_system_number": uint32(64496)}},
		{Prefix: "20.0.0.0/8", Record: map[string]any{"country_code": "DE"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var spur, drops strings.Builder
	for _, ip := range ips {
		if ip.As4()[0] < 40 {
			fmt.Fprintf(&spur, `{"ip":"%s","infrastructure":"DATACENTER","client":{"count":3}}`+"\n", ip)
		}
		fmt.Fprintf(&drops, "2024-07-15T10:00:00\tcp1\tsilent-drop_for_300s\t%s\n", ip)
	}
	return FurtherFiles{MMDB: []string{db}, Spur: put("20240615/feed.json", spur.String()), Drops: put("drops.tsv", drops.String()),
		CrawlerRanges: put("examplebot.json", `{"creationTime":"2024-06-01T00:00:00","prefixes":[{"ipv4Prefix":"20.0.0.0/8"}]}`)}
}

// Countries, Spur, drops and crawlers are joined by address, as of each month's
// window, stand in the store, in the model's schema and in the feed's scores, and
// are not made again while nothing changed.
func TestFurtherColumnsOnTheWholeRoad(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	c := smallSite(t, dir)
	if _, err := Build(ctx, c, quiet); err != nil {
		t.Fatal(err)
	}
	months := func() []featurestore.Month {
		st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		var out []featurestore.Month
		for _, m := range st.Months() {
			d, err := st.ReadMonth(m)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, *d)
		}
		return out
	}
	before := months()
	var ips []netip.Addr
	for _, m := range before {
		for _, r := range m.Rows {
			ips = append(ips, r.IP)
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	c.Further = furtherFiles(t, dir, slices.Compact(ips))
	c.Columns = append(columns.Names(), "country_code", "spur_known", "silent_drop_count", "verified_crawler")
	res, err := Run(ctx, c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(columns.Stored())
	for _, g := range []columns.Group{columns.GeoGroup, columns.SpurGroup, columns.DropsGroup, columns.CrawlerGroup} {
		want = append(want, g.Names()...)
	}
	at := func(name string) int { return slices.Index(want, name) }
	for k, m := range months() {
		if !slices.Equal(m.Columns, want) {
			t.Fatalf("%v", m.Columns)
		}
		for i, r := range m.Rows {
			was := before[k].Rows[i]
			if r.Key != was.Key || r.Label != was.Label || !alikeNaN(r.Values[:len(was.Values)], was.Values) {
				t.Fatalf("row %d of %s changed: %+v", i, m.Month, r)
			}
			first := r.IP.As4()[0]
			country, asn, known, dropped, before, crawler := "NL", 64496.0, 0.0, math.NaN(), math.NaN(), 0.0
			if first == 20 {
				country, asn, crawler = "DE", math.NaN(), 1
			}
			switch {
			case m.Month == 2024*12+5:
				known = math.NaN() // the feed is of June's fifteenth
			case first < 40:
				known = 1
			}
			if m.Month == 2024*12+6 {
				dropped = 1
			}
			if m.Month == 2024*12+7 {
				before = 1
			}
			got := []float64{r.Values[at("asn")], r.Values[at("spur_known")], r.Values[at("silent_drop_count")], r.Values[at("silent_drop_before_count")], r.Values[at("verified_crawler")]}
			if geo.Country(r.Values[at("country_code")]) != country || !alikeNaN(got, []float64{asn, known, dropped, before, crawler}) {
				t.Fatalf("%s in %s: country %s, %v", r.IP, m.Month, geo.Country(r.Values[at("country_code")]), got)
			}
		}
	}

	// The schema names them, and the feed's confidence is the model's of the
	// store's row.
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if res.Champion == "" {
		t.Fatalf("held back: %v", res.Gate.Failed)
	}
	v, err := registry.Open(c.Home).Get(res.Champion)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scorer.Load(v)
	if err != nil {
		t.Fatal(err)
	}
	if s.Schema() != columns.Hash(c.Columns) {
		t.Errorf("schema %s", s.Schema())
	}
	if _, err := s.Columns(before[0].Columns); err == nil {
		t.Error("rows without the columns are taken")
	}
	august := months()[2]
	idx, err := s.Columns(august.Columns)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 0, len(idx))
	for _, k := range idx {
		x = append(x, float32(august.Rows[0].Values[k]))
	}
	confidence := s.ScoreFloat32(x, 1, 1)[0].Confidence
	if got := feedConfidence(t, c.Home, august.Rows[0].IP); got != confidence {
		t.Errorf("the feed has %v, the model says %v", got, confidence)
	}

	// Once more: nothing is written; another database changes its columns alone.
	summary := func(c Config) string {
		said := ""
		if _, err := Build(ctx, c, func(e Event) {
			if e.Stage != nil && e.Stage.Name == "columns" {
				said = e.Stage.Summary
			}
		}); err != nil {
			t.Fatal(err)
		}
		return said
	}
	c.Labels = nil
	if got := summary(c); !strings.HasPrefix(got, "0 of 3 months") {
		t.Errorf("the same files once more: %s", got)
	}
	if err := geotest.Write(c.Further.MMDB[0], "GeoLite2-Country", time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC), []geotest.Entry{{Prefix: "0.0.0.0/1", Record: map[string]any{"country_code": "FR"}}}); err != nil {
		t.Fatal(err)
	}
	c.Further = FurtherFiles{MMDB: c.Further.MMDB}
	if got := summary(c); !strings.HasPrefix(got, "3 of 3 months") {
		t.Errorf("another database: %s", got)
	}
	for _, m := range months() {
		r := m.Rows[0]
		if !slices.Equal(m.Columns, want) || geo.Country(r.Values[at("country_code")]) != "FR" || r.Label == row.Unknown {
			t.Errorf("%s: %v %v", m.Month, m.Columns, r)
		}
	}
}

func alikeNaN(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
}

func feedConfidence(t testing.TB, home string, ip netip.Addr) float64 {
	t.Helper()
	feeds := feed.Open(home)
	dates, err := feeds.Dates()
	if err != nil || len(dates) == 0 {
		t.Fatal(dates, err)
	}
	r, err := feeds.OpenReader(dates[len(dates)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		var l feed.Line
		if err := r.Next(&l); err != nil {
			t.Fatalf("%s is not in the feed: %v", ip, err)
		}
		if l.IP == ip {
			return l.Confidence
		}
	}
}

func TestFurtherColumnsThatAreNotThere(t *testing.T) {
	c := smallSite(t, t.TempDir())
	c.Columns = append(columns.Names(), "asn")
	_, err := Run(context.Background(), c, quiet)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "--mmdb") {
		t.Errorf("%v", err)
	}
}
