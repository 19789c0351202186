package spark

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/attack"
	"sluice/featurestore/build"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// odd is a row of webrequest in which anything may be null, "-", empty or
// wrong.
type odd struct {
	DT           *string `parquet:"dt,optional"`
	IP           *string `parquet:"ip,optional"`
	CacheStatus  *string `parquet:"cache_status,optional"`
	HTTPStatus   *string `parquet:"http_status,optional"`
	ResponseSize *int64  `parquet:"response_size,optional"`
	HTTPMethod   *string `parquet:"http_method,optional"`
	URIHost      *string `parquet:"uri_host,optional"`
	URIPath      *string `parquet:"uri_path,optional"`
	URIQuery     *string `parquet:"uri_query,optional"`
	ContentType  *string `parquet:"content_type,optional"`
	Referer      *string `parquet:"referer,optional"`
	UserAgent    *string `parquet:"user_agent,optional"`
	AcceptLang   *string `parquet:"accept_language,optional"`
	XAnalytics   *string `parquet:"x_analytics,optional"`
	IsPageview   *bool   `parquet:"is_pageview,optional"`
	IsAPI        *bool   `parquet:"is_api_request,optional"`
	AccessMethod *string `parquet:"access_method,optional"`
	AgentType    *string `parquet:"agent_type,optional"`
	RefererClass *string `parquet:"referer_class,optional"`
}

// The values that odd rows are drawn from; "NULL" is none.
var oddValues = map[string][]string{
	"dt":       {"NULL", "-", "", "rubbish", "2024-02-30T00:00:00Z", "2024-08-05T24:00:00Z", "2024-08-05T00:00:60Z", "2024-08-05 05:06:07", "2024-08-05T05:06:07.999Z", "2024-08-05T05:06:07+02:00", "2024-08-05T05:06:07 -0530", "2024-08-05T05:06:07,5", "2024-08-05t05:06:07z", "1985-01-01T00:00:00Z", "2024-08-05", "2024-08-05T05:06"},
	"ip":       {"NULL", "-", "", "unknown", "192.0.2.1", "192.0.2.2", "192.0.2.2", "198.51.100.7", "192.000.2.1", "192.0.2.256", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:db8:0:0:1::", "::ffff:192.0.2.1", "::FFFF:c000:0201", "::192.0.2.1", "fe80::1%eth0", "1::2:3:4:5:6:7:8", "2001:db8::2\n"},
	"cache":    {"miss", "miss", "pass", "int-front", "hit-front", "-", "", "NULL", "MISS"},
	"status":   {"200", "200", "200", "304", "301", "404", "500", "-", "", "NULL", "200.0", "20", "2000", "abc", "099", "200\n"},
	"size":     {"0", "1", "1234", "1099511627776", "9223372036854775807", "-1", "NULL"},
	"method":   {"GET", "GET", "POST", "post", "-", "NULL"},
	"host":     {"en.wikipedia.org", "en.m.wikipedia.org", "EN.Wikipedia.org", "www.wikipedia.org", "commons.wikimedia.org", "commons.m.wikimedia.org", "doc.wikimedia.org", "de.wikimedia.org", "www.wikidata.org", "test.wikidata.org", "api.wikimedia.org", "query.wikidata.org", "stream.wikimedia.org", "commons-query.wikimedia.org", "en.wikipedia.org.", "en.wikipedia.org..", " en.wikipedia.org\t", "zero.wikipedia.org", "m.wikipedia.org", "wikipedia.org", "a..wikipedia.org", "en.wikipedia.org:443", "e\u212an.wikiboo\u212as.org", "NULL", "", "-"},
	"path":     {"/wiki/A", "/wiki/A", "/wiki/B", "/w/index.php", "/w/api.php", "/w/rest.php/v1", "/api/rest_v1/x", "/api/rest_vx", "/wiki/api.php", "/zh-cn/X", "/sr-ec/X", "/sr-ex/X", "/bigdata/namespace/wdq/sparql", "/sparql", "/v2/stream/x", "/.env", "/.well-known/x", "/.WELL-KNOWN/x", "/.well-knownx", "/a/./b", "/a/..", "/%2E%2e/x", "/%2f", "/wp-login.php", "/WP-LOGIN.PHP", "/xwp-login.php", "/x.bak", "/.bak", "/bak", "/x.sql.gz/y", "/x~", "~", "/a\n.bak", "NULL", "", "-"},
	"query":    {"NULL", "", "-", "?title=A", "title=A", "?a=1&title=B", "?a=?title=B", "?oldid=3", "?search=x", "?curid=2&action=edit", "?action=submit", "?", "%3Ftitle=A"},
	"type":     {"text/html", "text/html", "text/html; charset=UTF-8", "text/html; charset=utf-8 ", "TEXT/HTML", "image/png", "-", "NULL"},
	"referer":  {"NULL", "", "-", "https://en.wikipedia.org/wiki/A", "https://www.google.com/", "rubbish"},
	"agent":    {"NULL", "", "-", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/129.0", "curl/8.0", "xcurl/8.0", "a Curl", "WikipediaApp/2.7", "Wikipedia/5.0.1 x", "Wikipedia/5x0", "SomeBOT", "bot\nbot", "bot\n", "bot\u2028x", "x@example.org crawl", "@@example.org", "x@e.o", "a b@example.org", "tools.wmflabs.org", "toolsXwmflabsXorg", "BingPreview/1.0", "User:Foo", " user:foo", "Xenu Link", "Mozilla/5.0 Chrome/126.0 PTST/1.2", "see +www.example.org", "ftp://example.org", "LONG400", "LONG401", "LONGEMOJI"},
	"language": {"NULL", "", "-", "en", "de"},
	"xa":       {"NULL", "", "-", "ns=0;page_id=1", "special=Search", "ns=-1;special=Version;https=1", "special=Foo", "preview=1", "debug=1;special=search", "preview=0", "special=foo;special=search", "special", "special=", "pageview=1;https=1", "pageview= 1 ", "pageview=0", "xspecial=Foo", "special=AllEvents", "ismobile=1"},
	"bool":     {"NULL", "NULL", "NULL", "true", "false"},
	"access":   {"NULL", "NULL", "-", "", "desktop", "mobile web", "mobile app", "else"},
	"type2":    {"NULL", "NULL", "-", "user", "spider"},
	"class":    {"NULL", "NULL", "-", "none", "unknown", "external"},
}

func oddRows(n int) []odd {
	rng := rand.New(rand.NewPCG(8, 5))
	text := func(of string) *string {
		v := oddValues[of][rng.IntN(len(oddValues[of]))]
		switch v {
		case "NULL":
			return nil
		case "LONG400":
			v = "BingPreview " + strings.Repeat("x", 388)
		case "LONG401":
			v = "BingPreview " + strings.Repeat("x", 389)
		case "LONGEMOJI":
			v = "BingPreview " + strings.Repeat("\U0001f600", 195)
		}
		return &v
	}
	truth := func() *bool {
		v := text("bool")
		if v == nil {
			return nil
		}
		b := *v == "true"
		return &b
	}
	rows := make([]odd, n)
	for i := range rows {
		dt, ip := text("dt"), text("ip")
		if rng.IntN(20) > 0 {
			s := time.Unix(1722816000+rng.Int64N(86400), 0).UTC().Format(time.RFC3339)
			dt = &s
		}
		if rng.IntN(20) > 0 {
			s := fmt.Sprintf("203.0.113.%d", rng.IntN(40))
			if rng.IntN(4) == 0 {
				s = fmt.Sprintf("2001:db8:%x::%x", rng.IntN(3), rng.IntN(9))
			}
			ip = &s
		}
		status, cache := text("status"), text("cache")
		var size *int64
		if s := text("size"); s != nil {
			var v int64
			fmt.Sscan(*s, &v)
			size = &v
		}
		rows[i] = odd{dt, ip, cache, status, size, text("method"), text("host"), text("path"), text("query"), text("type"), text("referer"),
			text("agent"), text("language"), text("xa"), truth(), truth(), text("access"), text("type2"), text("class")}
	}
	return rows
}

func writeParquet[T any](t *testing.T, path string, rows []T) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestQuirks holds Spark's rows of a table in which anything may be null, "-"
// or wrong against package build's, in hourly windows. Partitions that are not
// asked for hold requests that would count, if they were read.
func TestQuirks(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		lake := t.TempDir()
		part := func(source string, month, day int) string {
			return filepath.Join(lake, fmt.Sprintf("webrequest_source=%s/year=2024/month=%d/day=%d/hour=0/part.parquet", source, month, day))
		}
		file := writeParquet(t, part("text", 8, 5), oddRows(6000))
		// These lie within the windows too, in partitions that are not asked for.
		for _, path := range []string{part("text", 7, 5), part("text", 8, 6), part("upload", 8, 5)} {
			writeParquet(t, path, oddRows(100))
		}
		const august = row.Month(2024*12 + 7)
		ws := Hours([]row.Month{august}, nil)[4*24 : 5*24]
		c := onSpark(s, "local-cluster[2,1,1024]", ws)
		c.Paths, c.Source = []string{lake}, "text"
		var plan string
		c.Explain = func(text string) { plan = text }
		got, res := mustBuild(t, c)
		want := byGo(t, []string{file}, ws, nil, webrequest.DefaultOptions(webrequest.Wikimedia))
		n := sameRows(t, got, want)
		t.Logf("Spark %s: %d rows, equal in every stored column; %v", res.Version, n, res.Outcomes)
		if n < 500 {
			t.Errorf("only %d rows: the draw is no test", n)
		}
		src := want.Sources()[0]
		if c := res.Outcomes["counted"]; c != src.Requests.Kept+src.Requests.Outside {
			t.Errorf("%d requests counted, package build says %d", c, src.Requests.Kept+src.Requests.Outside)
		}
		for _, tt := range []struct {
			outcome string
			want    int64
		}{{"time", src.Rejects[accesslog.MissingTime.String()] + src.Rejects[accesslog.BadTime.String()] + src.Rejects[accesslog.TimeOutOfRange.String()]},
			{"address", src.Rejects[accesslog.MissingIP.String()] + src.Rejects[accesslog.BadIP.String()]}, {"status", src.Rejects[accesslog.BadStatus.String()]},
			{"size", src.Rejects[accesslog.BadSize.String()]}, {"cache", src.Requests.Cache}, {"api", src.Requests.API}} {
			if res.Outcomes[tt.outcome] != tt.want {
				t.Errorf("%d requests left out for %s, package build says %d", res.Outcomes[tt.outcome], tt.outcome, tt.want)
			}
		}
		// The plan says so too: conditions on partitions, at every scan.
		if scans, pruned := strings.Count(plan, "Scan parquet"), strings.Count(plan, "PartitionFilters: [isnotnull("); scans == 0 || pruned == 0 || !strings.Contains(plan, "(year#") && !strings.Contains(plan, "year") {
			t.Errorf("no pruned scan in the plan:\n%.3000s", plan)
		}
		for line := range strings.Lines(plan) {
			if strings.HasPrefix(line, "PartitionFilters: ") && !strings.Contains(line, "2024") {
				t.Errorf("a scan is not pruned: %s", line)
			}
		}
	})
}

// plain is a table with other names and types, without some columns and
// without partitions.
type plain struct {
	Timestamp time.Time `parquet:"timestamp,timestamp(millisecond)"`
	Client    string    `parquet:"client"`
	Status    int32     `parquet:"status"`
	Size      int32     `parquet:"size"`
	Host      string    `parquet:"uri_host"`
	Path      string    `parquet:"uri_path"`
	Agent     string    `parquet:"user_agent"`
}

// TestPlainFolder: a folder of Parquet files that is no webrequest.
func TestPlainFolder(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		rng := rand.New(rand.NewPCG(1, 1))
		rows := make([]plain, 3000)
		for i := range rows {
			rows[i] = plain{time.UnixMilli(1722816000000 + rng.Int64N(5*86400_000)).UTC(), fmt.Sprintf("198.51.100.%d", rng.IntN(60)), int32(200 + 100*rng.IntN(4)), rng.Int32N(1 << 20),
				[]string{"en.wikipedia.org", "en.m.wikipedia.org"}[rng.IntN(2)], fmt.Sprintf("/wiki/%d", rng.IntN(300)), fmt.Sprintf("Mozilla/5.0 %d", rng.IntN(9))}
		}
		dir := t.TempDir()
		files := []string{writeParquet(t, filepath.Join(dir, "a.parquet"), rows[:1000]), writeParquet(t, filepath.Join(dir, "b.parquet"), rows[1000:])}
		ws := []attack.Window{{ID: "first", Start: 1722816000, End: 1722816000 + 100_000, Month: 2024*12 + 7}, {ID: "overlapping", Start: 1722816000 + 50_001, End: 1722816000 + 200_000, Month: 2024*12 + 7}}
		c := onSpark(s, "local[2]", ws)
		c.Paths, c.Source = []string{dir}, "text"
		c.Mapping = map[string]string{"dt": "timestamp", "ip": "client", "http_status": "status", "response_size": "size"}
		c.Staging = filepath.Join(t.TempDir(), "staging")
		got, res := mustBuild(t, c)
		_, st := openStore(t)
		set, err := attack.New(ws, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := build.Build(t.Context(), st, build.Config{Files: files, Windows: set, Web: webrequest.DefaultOptions(webrequest.Wikimedia), Access: accesslog.Options{Mapping: c.Mapping}, Threads: 2}); err != nil {
			t.Fatal(err)
		}
		n := sameRows(t, got, st)
		if n == 0 || res.Pruned {
			t.Errorf("%d rows; partitions pruned: %v", n, res.Pruned)
		}
		info, _ := got.MonthInfo(2024*12 + 7)
		reasons := map[string]string{}
		for _, m := range info.Missing {
			reasons[m.Column] = m.Reason
		}
		if reasons["not_null_accept_language_ratio"] != "the table has no accept_language" || !strings.Contains(strings.Join(info.Notes, "\n"), "no cache_status") {
			t.Errorf("reasons %v, notes %v", reasons, info.Notes)
		}
		if _, err := os.Stat(c.Staging); !os.IsNotExist(err) {
			t.Errorf("the staging folder is left: %v", err)
		}
	})
}
