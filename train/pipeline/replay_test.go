package pipeline

import (
	"context"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/serve/policy"
)

// replayHome is a home with two months whose every figure is known.
func replayHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	st, err := featurestore.Open(home, featurestore.OpenOptions{World: featurestore.Simulated})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	names := columns.Names()
	at := func(name string) int {
		for i, n := range names {
			if n == name {
				return i
			}
		}
		t.Fatal(name)
		return 0
	}
	make1 := func(month, attack, ip string, requests, pageview, spider float64, label row.Label) row.Row {
		m, err := row.ParseMonth(month)
		if err != nil {
			t.Fatal(err)
		}
		r := row.Row{Key: row.Key{Month: m, Attack: attack, IP: netip.MustParseAddr(ip)}, Values: make([]float64, len(names)), Label: label, First: m.Start(time.UTC).Unix(), Last: m.Start(time.UTC).Unix() + 60}
		r.Values[at("request_count")], r.Values[at("is_pageview_ratio")], r.Values[at("spider_ratio")] = requests, pageview, spider
		return r
	}
	for _, rows := range [][]row.Row{{
		make1("2024-07", "a", "192.0.2.1", 100, 0.25, 0, row.False),
		make1("2024-07", "a", "192.0.2.2", 40, 0.5, 0, row.False),
		make1("2024-07", "b", "192.0.2.1", 20, 0.5, 0, row.True), // reported once is reported
		make1("2024-07", "b", "192.0.2.3", 10, 0, 1, row.False),  // a declared crawler
	}, {
		make1("2024-08", "2024-08", "192.0.2.2", 60, math.NaN(), math.NaN(), row.Unknown),
		make1("2024-08", "2024-08", "198.51.100.1", 7, 1, 0, row.Unknown),
	}} {
		if err := st.WriteMonth(context.Background(), &featurestore.Month{Month: rows[0].Month, Columns: names, Rows: rows}); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

func TestReplay(t *testing.T) {
	home := replayHome(t)
	list := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	july, _ := row.ParseMonth("2024-07")
	c := ReplayConfig{Home: home, Months: []row.Month{july, july + 1}, Lists: []string{list("all.txt", "192.0.2.0/24\n"), list("one.map", "192.0.2.1 sluice\n"), list("none.txt", "203.0.113.0/24\n")}}
	got, err := Replay(context.Background(), c, func(Event) {})
	if err != nil {
		t.Fatal(err)
	}
	third, one := 1.0/3, 1.0
	want := []Stopped{
		{Name: "all", Requests: 237, PageViews: 25 + 20 + 10 + 7, Addresses: 4, Reported: 1, NotReported: 2, Unknown: 1, Readers: 1, ReaderRequests: 100, ReaderPageViews: 20, Crawlers: 1, CrawlerRequests: 10, Precision: &third},
		{Name: "all.txt", Format: "haproxy-acl", Entries: 1, Requests: 230, PageViews: 55, Addresses: 3, Reported: 1, NotReported: 2, Readers: 1, ReaderRequests: 100, ReaderPageViews: 20, Crawlers: 1, CrawlerRequests: 10, Precision: &third},
		{Name: "one.map", Format: "haproxy-map", Entries: 1, Requests: 120, PageViews: 35, Addresses: 1, Reported: 1, Precision: &one},
		{Name: "none.txt", Format: "haproxy-acl", Entries: 1},
	}
	for i, s := range append([]Stopped{got.All}, got.Lists...) {
		w := want[i]
		if (s.Precision == nil) != (w.Precision == nil) || s.Precision != nil && *s.Precision != *w.Precision {
			t.Errorf("%s: precision %v, want %v", w.Name, s.Precision, w.Precision)
		}
		s.Precision, w.Precision = nil, nil
		if s != w {
			t.Errorf("got  %+v\nwant %+v", s, w)
		}
	}

	// Without months the last one is held against; the policy's prefixes count.
	files := policy.Files{
		Crawlers: []policy.NamedFile{{Name: "Examplebot", Path: list("bot.txt", "198.51.100.0/24\n")}},
		Shared:   []policy.NamedFile{{Name: "carrier", Path: list("shared.txt", "192.0.2.2\n")}},
	}
	last, err := Replay(context.Background(), ReplayConfig{Home: home, Lists: c.Lists[:1], Export: ExportConfig{Policy: files}}, func(Event) {})
	if err != nil || !slices.Equal(last.Months, []row.Month{july + 1}) {
		t.Fatal(last.Months, err)
	}
	if a, l := last.All, last.Lists[0]; a.VerifiedCrawlers != 1 || a.Shared != 1 || l.VerifiedCrawlers != 0 || l.Shared != 1 {
		t.Errorf("%+v, %+v", a, l)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Replay(ctx, c, func(Event) {}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("%v", err)
	}
	c.Months = []row.Month{july - 12}
	if _, err := Replay(context.Background(), c, func(Event) {}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a month that is not there: %v", err)
	}
	c.Lists = make([]string, maxReplayed+1)
	if _, err := Replay(context.Background(), c, func(Event) {}); !fault.Is(err, fault.Usage) {
		t.Errorf("too many lists: %v", err)
	}
}
