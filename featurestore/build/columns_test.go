package build

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/geo"
	"sluice/featurestore/geo/geotest"
	"sluice/featurestore/ranges"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// What TestCompareChild builds beside what TestPeers compares.
const (
	labelledTwelve = "hours, twelve columns, labelled"
	labelled       = "hours, labelled"
	allColumns     = "hours, all columns"
)

// further writes what columns from elsewhere than the logs are made of, for the
// traffic of n requests: databases of countries and networks, weekly Spur feeds
// that know every tenth address, a silent drop to two hundred requests, ten
// lists of every twentieth address, ranges of crawlers.
func furtherFiles(t testing.TB, dir string, n int) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(6, 20))
	ips := trafficAddresses(n)
	var countries, networks []geotest.Entry
	for i := 0; i < ips; i += 256 {
		prefix := netip.PrefixFrom(trafficAddress(uint64(i)), 24).String()
		countries = append(countries, geotest.Entry{Prefix: prefix, Record: map[string]any{"country": map[string]any{"iso_code": geo.Country(float64(rng.IntN(200)))}}})
		networks = append(networks, geotest.Entry{Prefix: prefix, Record: map[string]any{"autonomous_system_number": uint32(64512 + rng.IntN(900))}})
	}
	built := time.Date(2024, 5, 20, 0, 0, 0, 0, time.UTC)
	must(geotest.Write(filepath.Join(dir, "country.mmdb"), "GeoLite2-Country", built, countries))
	must(geotest.Write(filepath.Join(dir, "asn.mmdb"), "GeoLite2-ASN", built, networks))
	text := func(name string, lines func(w io.Writer)) {
		f, err := os.Create(filepath.Join(dir, name))
		must(err)
		z := gzip.NewWriter(f)
		b := bufio.NewWriter(z)
		lines(b)
		must(b.Flush())
		must(z.Close())
		must(f.Close())
	}
	some := func() netip.Addr { return trafficAddress(rng.Uint64N(uint64(ips))) }
	june := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	for week := -1; week < 4; week++ {
		text(june.AddDate(0, 0, 7*week).Format("spur-20060102.json.gz"), func(w io.Writer) {
			for range ips / 10 {
				fmt.Fprintf(w, `{"ip":%q,"infrastructure":%q,"client":{"count":%d,"countries":%d,"proxies":["A_PROXY"],"concentration":{"density":0.%d,"skew":%d}},"tunnels":[{"operator":"X","type":"VPN","anonymous":true}],"risks":["TUNNEL"]}`+"\n",
					some(), []string{"DATACENTER", "MOBILE", "RESIDENTIAL"}[rng.IntN(3)], rng.IntN(30), rng.IntN(5), rng.IntN(100), rng.IntN(200))
			}
		})
	}
	text("drops.jsonl.gz", func(w io.Writer) {
		for range n / 200 {
			fmt.Fprintf(w, `{"time":%q,"hostname":"cp%d","prefix":"silent-drop","data":%q}`+"\n", june.Add(time.Duration(rng.IntN(30*86400))*time.Second).Format(time.RFC3339), 1000+rng.IntN(96), some())
		}
	})
	for day := -5; day < 25; day += 3 {
		text(june.AddDate(0, 0, day).Format("blacklist-2006-01-02.txt.gz"), func(w io.Writer) {
			for range ips / 20 {
				fmt.Fprintln(w, some())
			}
		})
	}
	must(os.WriteFile(filepath.Join(dir, "crawler.txt"), []byte("11.0.3.0/24\n11.0.9.0/26\n2001:db8::/32\n"), 0o600))
}

// withFurther has a build open them, or the lists alone.
func withFurther(t testing.TB, c *Config, dir string, listsOnly bool) {
	files := func(pattern string) []string {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		return names
	}
	lists, err := reputation.Open(t.Context(), files("blacklist-*"), reputation.Options{Threads: c.Threads})
	if err != nil {
		t.Fatal(err)
	}
	if c.Labeler = lists; listsOnly {
		return
	}
	c.Labeler = reputation.WithEarlier{Set: lists}
	c.Columns = func(ctx context.Context, known Known) ([]featurestore.ColumnSource, error) {
		places, err := geo.Open(ctx, files("*.mmdb"))
		if err != nil {
			return nil, err
		}
		drops, err := reputation.OpenDrops(ctx, files("drops*"))
		if err != nil {
			return nil, err
		}
		crawlers, err := ranges.Open(ctx, files("crawler*"))
		if err != nil {
			return nil, err
		}
		set, err := known()
		if err != nil {
			return nil, err
		}
		feeds, err := reputation.OpenSpur(ctx, files("spur-*"), reputation.SpurOptions{Keep: set.Contains, Threads: c.Threads})
		return []featurestore.ColumnSource{drops, crawlers, places, feeds}, err
	}
}

// Columns that months get as they are merged are those that they get
// afterwards, bit for bit.
func TestColumnsWhileMerging(t *testing.T) {
	dir := t.TempDir()
	n := 20000
	if testing.Short() {
		n = 4000
	}
	t.Setenv(envDir, dir)
	compareLogs(t, n, true)
	furtherFiles(t, dir, n)
	c := config(filepath.Join(dir, "traffic.parquet"))
	c.Windows = hourly(t)
	withFurther(t, &c, dir, false)
	var addresses *featurestore.AddressSet
	open1 := c.Columns
	c.Columns = func(ctx context.Context, known Known) (_ []featurestore.ColumnSource, err error) {
		if addresses, err = known(); err != nil {
			return nil, err
		}
		return open1(ctx, known)
	}
	at := open(t, filepath.Join(dir, "at"))
	build(t, at, c)

	c.Columns = nil
	labeler := c.Labeler
	c.Labeler = nil
	after := open(t, filepath.Join(dir, "after"))
	build(t, after, c)
	june := month(t, "2024-06")
	if err := after.Label(t.Context(), june, labeler); err != nil {
		t.Fatal(err)
	}
	sources, err := open1(t.Context(), func() (*featurestore.AddressSet, error) {
		set, err := after.Addresses(t.Context(), &featurestore.Change{})
		if err == nil && set.Len() != addresses.Len() {
			err = fault.New(fault.Corrupt, "%d addresses in rows, %d in partials", set.Len(), addresses.Len())
		}
		return set, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if did, err := after.Enrich(t.Context(), june, sources); err != nil || !did {
		t.Fatal(did, err)
	}
	sameMonths(t, "columns while merging", filepath.Join(dir, "at"), filepath.Join(dir, "after"))
	a, _ := at.MonthInfo(june)
	b, _ := after.MonthInfo(june)
	if len(a.Columns) != len(columns.Stored())+columns.NumEarlier+columns.NumGeo+columns.NumSpur+columns.NumDrops+columns.NumCrawler {
		t.Errorf("%d columns", len(a.Columns))
	}
	if len(a.Further) != 4 || fmt.Sprint(a.Further) != fmt.Sprint(b.Further) || fmt.Sprint(a.Missing) != fmt.Sprint(b.Missing) || a.Labels != b.Labels {
		t.Errorf("%+v\n%+v", a, b)
	}
	if did, err := at.Enrich(t.Context(), june, sources); err != nil || did {
		t.Errorf("a month that has them is made anew: %v, %v", did, err)
	}
	// Each of them says something.
	var told [64]int
	if err := at.ScanMonth(june, false, func(r *row.Row) error {
		if !addresses.Contains(r.IP) {
			t.Fatal("an address was not in the partials")
		}
		for i, v := range r.Values {
			if !math.IsNaN(v) && v != 0 {
				told[i]++
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"abuseipdb_listed_before", "abuseipdb_prefix_listed_before", "country_code", "asn", "spur_known", "spur_client_count", "silent_drop_count", "silent_drop_before_count"} {
		if told[slices.Index(a.Columns, name)] == 0 {
			t.Errorf("%s says nothing", name)
		}
	}
}

// TestColumnsCost measures what all columns cost over the twelve, in alternated
// pairs on the same logs, all of them labelled, in time, processor time and
// memory. It prints figures and asserts none of them but that memory stays within
// a limit.
//
//	SLUICE_LONG=1 go test -run TestColumnsCost -v -timeout 2h ./featurestore/build
func TestColumnsCost(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("what columns cost: set SLUICE_LONG=1")
	}
	n, pairs := envInt(envRows, 20_000_000), envInt(envPairs, 3)
	dir := compareLogs(t, n, false)
	furtherFiles(t, dir, n)
	homes := t.TempDir()
	fresh := func(name string) string {
		home := filepath.Join(homes, name)
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
		return home
	}
	limit := max(LeastMemory, int64(512<<20)*int64(n)/20_000_000)
	for _, form := range []string{"traffic.parquet", "traffic.json.gz"} {
		t.Run(form, func(t *testing.T) {
			log := filepath.Join(dir, form)
			var behaviour, all, cpu, memory []float64
			for p := range pairs {
				twelve := sluice(t, log, fresh("home"), labelledTwelve, 0)
				with := sluice(t, log, fresh("home"), labelled, 0)
				whole := sluice(t, log, fresh("home"), allColumns, 0)
				behaviour, all = append(behaviour, with.seconds/twelve.seconds), append(all, whole.seconds/twelve.seconds)
				cpu, memory = append(cpu, whole.cpu/twelve.cpu), append(memory, float64(whole.peak)/float64(twelve.peak))
				t.Logf("pair %d: the twelve %v, with behaviour %v, all %v", p+1, twelve, with, whole)
			}
			t.Logf("%d requests: all columns take %.2f x the twelve's time (%.2f x the processors', %.2f x the memory), with behaviour alone %.2f x", n, median(all), median(cpu), median(memory), median(behaviour))
		})
	}
	t.Run("memory", func(t *testing.T) {
		log := filepath.Join(dir, "traffic.parquet")
		free := sluice(t, log, fresh("home"), allColumns, 0)
		bound := sluice(t, log, fresh("bound"), allColumns, limit)
		sameMonths(t, "with a limit", filepath.Join(homes, "home"), filepath.Join(homes, "bound"))
		t.Logf("all columns: %v without a limit, %v with %d MiB, same bytes", free, bound, limit>>20)
		if bound.peak > limit {
			t.Errorf("%d MiB at most, of %d", bound.peak>>20, limit>>20)
		}
	})
}
