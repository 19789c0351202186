package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"pgregory.net/rapid"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// tableRow is a row of wmf.webrequest, every column of which may be null.
type tableRow struct {
	Hostname     *string           `parquet:"hostname,optional,dict" json:"hostname"`
	Sequence     *int64            `parquet:"sequence,optional" json:"sequence"`
	DT           *string           `parquet:"dt,optional,dict" json:"dt"`
	FirstByte    *float64          `parquet:"time_firstbyte,optional" json:"time_firstbyte"`
	IP           *string           `parquet:"ip,optional" json:"ip"`
	CacheStatus  *string           `parquet:"cache_status,optional,dict" json:"cache_status"`
	HTTPStatus   *string           `parquet:"http_status,optional,dict" json:"http_status"`
	ResponseSize *int64            `parquet:"response_size,optional,dict" json:"response_size"`
	HTTPMethod   *string           `parquet:"http_method,optional,dict" json:"http_method"`
	URIHost      *string           `parquet:"uri_host,optional,dict" json:"uri_host"`
	URIPath      *string           `parquet:"uri_path,optional" json:"uri_path"`
	URIQuery     *string           `parquet:"uri_query,optional" json:"uri_query"`
	ContentType  *string           `parquet:"content_type,optional,dict" json:"content_type"`
	Referer      *string           `parquet:"referer,optional,dict" json:"referer"`
	XFF          *string           `parquet:"x_forwarded_for,optional" json:"x_forwarded_for"`
	UserAgent    *string           `parquet:"user_agent,optional,dict" json:"user_agent"`
	AcceptLang   *string           `parquet:"accept_language,optional,dict" json:"accept_language"`
	XAnalytics   *string           `parquet:"x_analytics,optional" json:"x_analytics"`
	Map          map[string]string `parquet:"x_analytics_map" json:"-"`
	Tags         []string          `parquet:"tags,list" json:"-"`
	IsPageview   *bool             `parquet:"is_pageview,optional" json:"is_pageview"`
	AccessMethod *string           `parquet:"access_method,optional,dict" json:"access_method"`
	AgentType    *string           `parquet:"agent_type,optional,dict" json:"agent_type"`
	RefererClass *string           `parquet:"referer_class,optional,dict" json:"referer_class"`
}

func writeTable[T any](t testing.TB, dir string, rows []T, perGroup int, o ...parquet.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, o...)
	for part := range slices.Chunk(rows, max(1, perGroup)) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("part-%08x.parquet", rand.Uint32()))
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scanned reads a log whole; requests are rendered and sorted.
func scanned(t testing.TB, path string, o Options, workers int, only webrequest.Field) ([]string, Stats, []string) {
	t.Helper()
	var rejects []string
	o.Rejects = func(line int64, reason Reason, text []byte) {
		rejects = append(rejects, fmt.Sprintf("%d %s", line, reason))
	}
	l, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if only != 0 {
		l.Only(only)
	}
	var mu sync.Mutex
	var out []string
	type numbered struct {
		worker int
		id     uint32
	}
	agents := map[numbered]string{} // a worker's number means one agent
	if err := l.Scan(t.Context(), workers, func(worker int, r *webrequest.Request) error {
		s := rendered(*r)
		mu.Lock()
		if k := (numbered{worker, r.UserAgentID}); k.id != 0 {
			if a, ok := agents[k]; ok && a != r.UserAgent {
				t.Errorf("user agent %d of worker %d is %q and %q", k.id, worker, a, r.UserAgent)
			}
			agents[k] = strings.Clone(r.UserAgent)
		}
		out = append(out, s)
		mu.Unlock()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	if len(l.SHA256()) != 64 || l.BytesRead() != l.Size() {
		t.Errorf("after Scan SHA256 is %q and %d of %d bytes are read", l.SHA256(), l.BytesRead(), l.Size())
	}
	return out, l.Stats(), rejects
}

func rendered(r webrequest.Request) string {
	r.Available = 0   // the JSON log may have other fields
	r.UserAgentID = 0 // lines are not numbered
	return fmt.Sprintf("%+v", r)
}

func drawRow(t *rapid.T, i int) tableRow {
	text := func(name string, of ...string) *string {
		if rapid.IntRange(0, 5).Draw(t, name+" null") == 0 {
			return nil
		}
		s := rapid.SampledFrom(of).Draw(t, name)
		return &s
	}
	number := func(name string, of ...int64) *int64 {
		if rapid.IntRange(0, 5).Draw(t, name+" null") == 0 {
			return nil
		}
		n := rapid.SampledFrom(of).Draw(t, name)
		return &n
	}
	r := tableRow{
		Hostname: text("hostname", "cp1", ""), Sequence: number("sequence", 0, 1, 1<<40), CacheStatus: text("cache", "hit", "miss", ""),
		DT:         text("dt", "2024-08-01T00:00:07Z", "2024-08-01T03:00:00.25Z", "-", "", "never", "1970-01-01T00:00:00Z"),
		IP:         text("ip", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.9", "unknown", "-", "", "fe80::1%eth0", "host"),
		HTTPStatus: text("status", "200", "404", "-", "", "2000"), ResponseSize: number("size", 0, 5, 1<<50, -1),
		HTTPMethod: text("method", "GET", "POST"), URIHost: text("host", "en.wikipedia.org"), URIPath: text("path", "/", "/wiki/A", ""),
		URIQuery: text("query", "", "?", "?a=b", "a=b", "-"), ContentType: text("type", "text/html"),
		Referer: text("referer", "-", "", "https://a.example/"), XFF: text("xff", "203.0.113.5, 192.0.2.1", "-"),
		UserAgent: text("agent", "", "-", "curl/8", "Mozilla/5.0 \u00e9"), AcceptLang: text("language", "en", "-"),
		XAnalytics: text("analytics", "", "ns=0;page_id=7"), AccessMethod: text("access", "desktop", "-"),
		AgentType: text("agent type", "user", "spider"), RefererClass: text("class", "none", "internal"),
		Map: map[string]string{"ns": "0"}, Tags: []string{"a", "b"}[:i%3%3],
	}
	if rapid.Bool().Draw(t, "pageview known") {
		v := rapid.Bool().Draw(t, "pageview")
		r.IsPageview = &v
	}
	if rapid.Bool().Draw(t, "first byte known") {
		v := rapid.SampledFrom([]float64{0, 0.25, 17}).Draw(t, "first byte")
		r.FirstByte = &v
	}
	return r
}

// A table and the same rows as JSON lines are the same requests, however the
// table is cut, encoded and read.
func TestParquetIsAsJSON(t *testing.T) {
	dir := t.TempDir()
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd}
	rapid.Check(t, func(rt *rapid.T) {
		rows := make([]tableRow, rapid.IntRange(1, 60).Draw(rt, "rows"))
		var lines bytes.Buffer
		for i := range rows {
			if rows[i] = drawRow(rt, i); i == 0 { // no format is chosen by lines of which none is good
				dt, ip, status, size := "2024-08-01T01:00:00Z", "192.0.2.1", "200", int64(7)
				rows[i].DT, rows[i].IP, rows[i].HTTPStatus, rows[i].ResponseSize = &dt, &ip, &status, &size
			}
			b, err := json.Marshal(rows[i])
			if err != nil {
				rt.Fatal(err)
			}
			lines.Write(append(b, '\n'))
		}
		o := Options{}
		if rapid.Bool().Draw(rt, "proxies") {
			o.TrustedProxies = prefixes("192.0.2.0/24")
		}
		path := writeTable(t, dir, rows, rapid.IntRange(1, 60).Draw(rt, "per group"), parquet.Compression(rapid.SampledFrom(codecs).Draw(rt, "codec")),
			parquet.DataPageVersion(rapid.IntRange(1, 2).Draw(rt, "version")), parquet.PageBufferSize(rapid.SampledFrom([]int{64, 512, 1 << 20}).Draw(rt, "page")))
		defer os.Remove(path)
		text := filepath.Join(dir, "log.json")
		if err := os.WriteFile(text, lines.Bytes(), 0o600); err != nil {
			rt.Fatal(err)
		}
		o.Format = JSON
		want, wantStats, wantRejects := scanned(t, text, o, 1, 0)
		o.Format = Auto
		got, stats, rejects := scanned(t, path, o, rapid.IntRange(1, 3).Draw(rt, "workers"), 0)
		if !slices.Equal(got, want) {
			rt.Fatalf("the table is read as\n%s\nthe lines as\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !slices.Equal(rejects, wantRejects) {
			rt.Fatalf("rejected rows %v, lines %v", rejects, wantRejects)
		}
		if stats.Lines != wantStats.Lines || stats.Good != wantStats.Good || stats.First != wantStats.First || stats.Last != wantStats.Last || stats.ClockJumps != wantStats.ClockJumps {
			rt.Fatalf("stats are %+v, want %+v", stats, wantStats)
		}
	})
}

// Partitions of a folder, and a table without nulls: what need not be decoded
// is not, and what is asked for stays as it was.
func TestParquetOnly(t *testing.T) {
	type plain struct {
		DT     string `parquet:"dt"`
		IP     string `parquet:"ip,dict"`
		Path   string `parquet:"uri_path,delta"`
		Agent  string `parquet:"user_agent,optional"`
		Access string `parquet:"access_method"`
	}
	path := writeTable(t, t.TempDir(), []plain{{"2024-08-01T00:00:07Z", "192.0.2.1", "/a", "x", "desktop"}}, 1)
	l, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if want := webrequest.FieldDT | webrequest.FieldIP | webrequest.FieldURIPath | webrequest.FieldAccessMethod; l.Complete()&want != want {
		t.Errorf("complete columns are %b, want %b of them", l.Complete(), want)
	}
	l.Only(webrequest.FieldAccessMethod)
	if err := l.Scan(t.Context(), 1, func(_ int, r *webrequest.Request) error {
		if r.URIPath != "" || r.UserAgent != "" || r.AccessMethod != "desktop" || r.IP != addr("192.0.2.1") || r.Time != 1722470407 {
			t.Errorf("read %+v", r)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestParquetTypes(t *testing.T) {
	moment := time.Date(2024, 8, 1, 12, 0, 0, 250e6, time.UTC)
	day := moment.Unix()/86400 + julianUnix
	ofDay := moment.UnixNano() - moment.Unix()/86400*86400e9
	i96 := deprecated.Int96{uint32(ofDay), uint32(ofDay >> 32), uint32(day)}
	dir := t.TempDir()
	check := func(name, path string, nanos int32) {
		t.Helper()
		l, err := Open(path, Options{Format: Parquet})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var n atomic.Int64 // the two workers call at once
		err = l.Scan(t.Context(), 2, func(_ int, r *webrequest.Request) error {
			n.Add(1)
			if r.Time != moment.Unix() || r.Nanos != nanos || r.HTTPStatus != "404" || r.ResponseSize != 7 || !r.HasSize {
				t.Errorf("%s: read %+v", name, r)
			}
			return nil
		})
		if err != nil || n.Load() != 2 {
			t.Errorf("%s: %d rows, %v", name, n.Load(), err)
		}
	}
	type millis struct {
		DT     time.Time `parquet:"dt,timestamp(millisecond)"`
		IP     string    `parquet:"ip"`
		Status int32     `parquet:"http_status,dict"`
		Size   float64   `parquet:"response_size"`
	}
	a := millis{moment, "192.0.2.1", 404, 7}
	check("millisecond", writeTable(t, dir, []millis{a, a}, 2), 250e6)
	type ancient struct {
		DT     deprecated.Int96 `parquet:"ts"`
		IP     string           `parquet:"ip"`
		Status int64            `parquet:"http_status"`
		Size   int32            `parquet:"response_size"`
	}
	b := ancient{i96, "192.0.2.1", 404, 7}
	check("INT96", writeTable(t, dir, []ancient{b, b}, 1), 250e6)
	type number struct {
		DT     int64  `parquet:"dt"`
		IP     string `parquet:"ip"`
		Status string `parquet:"http_status"`
		Size   string `parquet:"response_size"`
	}
	c := number{moment.Unix(), "192.0.2.1", "404", "7"}
	check("seconds", writeTable(t, dir, []number{c, c}, 1), 0)
}

func TestParquetRefused(t *testing.T) {
	dir := t.TempDir()
	type noIP struct {
		DT string `parquet:"dt"`
	}
	type oddIP struct {
		DT string `parquet:"dt"`
		IP int64  `parquet:"ip"`
	}
	good := writeTable(t, dir, []tableRow{{}}, 1)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := slices.Clone(whole)
	copy(huge[len(huge)-8:], []byte{0xff, 0xff, 0xff, 0x7f})
	for _, c := range []struct {
		name, path, format string
		kind               fault.Kind
		says               string
	}{
		{"no address", writeTable(t, dir, []noIP{{"x"}}, 1), Auto, fault.Invalid, "no column for ip"},
		{"address of another type", writeTable(t, dir, []oddIP{{"x", 7}}, 1), Auto, fault.Invalid, "BYTE_ARRAY"},
		{"cut short", file("short", whole[:len(whole)-3]), Auto, fault.Corrupt, "cut short"},
		{"footer too long", file("huge", huge), Auto, fault.Corrupt, "metadata"},
		{"as JSON", good, JSON, fault.Unsupported, "Parquet"},
		{"lines as Parquet", file("lines", []byte("{}\n")), Parquet, fault.Invalid, "no Parquet file"},
		{"encrypted", file("pare", []byte("PARE and more")), Auto, fault.Unsupported, "encrypted"},
	} {
		l, err := Open(c.path, Options{Format: c.format})
		if err == nil {
			err = l.Scan(t.Context(), 1, func(int, *webrequest.Request) error { return nil })
		}
		if fault.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v (%v), want %v and %q", c.name, err, fault.KindOf(err), c.kind, c.says)
		}
	}
	if _, err := New("pipe", bytes.NewReader(whole), Options{}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("from a pipe: %v", err)
	}
	if _, err := New("pipe", bytes.NewReader(whole), Options{Format: Parquet}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("from a pipe, asked for: %v", err)
	}
}

// A cancelled scan and an error from the callback end it.
func TestParquetEnds(t *testing.T) {
	rows := make([]tableRow, 5000)
	for i := range rows {
		dt, ip := "2024-08-01T00:00:07Z", "192.0.2.1"
		rows[i] = tableRow{DT: &dt, IP: &ip}
	}
	path := writeTable(t, t.TempDir(), rows, 1000)
	for _, want := range []fault.Kind{fault.Interrupted, fault.Exhausted} {
		l, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = l.Scan(ctx, 2, func(int, *webrequest.Request) error {
			if want == fault.Interrupted {
				cancel()
				return nil
			}
			return fault.New(fault.Exhausted, "full")
		})
		cancel()
		if fault.KindOf(err) != want {
			t.Errorf("the scan ended with %v, want %v", err, want)
		}
	}
}

// FuzzParquet: whatever a file holds, it is read or refused, and reading it
// twice gives the same.
func FuzzParquet(f *testing.F) {
	dir := f.TempDir()
	dt, ip, n, yes := "2024-08-01T00:00:07Z", "192.0.2.1", int64(5), true
	rows := []tableRow{{DT: &dt, IP: &ip, ResponseSize: &n, IsPageview: &yes}, {IP: &ip}, {DT: &dt, UserAgent: &dt}}
	for _, c := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for version := 1; version <= 2; version++ {
			b, err := os.ReadFile(writeTable(f, dir, rows, 2, parquet.Compression(c), parquet.DataPageVersion(version)))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
			f.Add(b[:len(b)/2])
		}
	}
	// One file a process: a folder for each input takes most of the time.
	path := filepath.Join(dir, fmt.Sprintf("fuzz-%d.parquet", os.Getpid()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		read := func(workers int) (string, error) {
			l, err := Open(path, Options{Format: Parquet})
			if err != nil {
				return "", err
			}
			var mu sync.Mutex
			var sum int64
			err = l.Scan(t.Context(), workers, func(_ int, r *webrequest.Request) error {
				mu.Lock()
				sum += r.Time + r.ResponseSize + int64(len(r.UserAgent))
				mu.Unlock()
				return nil
			})
			return fmt.Sprint(sum, l.Stats().Good, l.Stats().Rejected), err
		}
		one, err := read(1)
		two, err2 := read(2)
		if (err == nil) != (err2 == nil) || err == nil && one != two {
			t.Fatalf("read as %s (%v), then as %s (%v)", one, err, two, err2)
		}
		if err != nil && fault.KindOf(err) == fault.Unknown {
			t.Fatalf("no kind: %v", err)
		}
	})
}
