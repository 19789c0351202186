package reputation

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func month(t testing.TB, s string) row.Month {
	t.Helper()
	m, err := row.ParseMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// write puts files into a folder and gives their paths in the order given.
func write(t testing.TB, nameBody ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i := 0; i < len(nameBody); i += 2 {
		p := filepath.Join(dir, nameBody[i])
		if err := os.WriteFile(p, []byte(nameBody[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

func open(t testing.TB, o Options, nameBody ...string) *Set {
	t.Helper()
	s, err := Open(context.Background(), write(t, nameBody...), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func zst(s string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(s), nil))
}

const (
	plain     = "# AbuseIPDB\n\n5.6.7.8\n5.6.7.9 # scanner\r\n::ffff:5.6.7.10\n5.6.7.11/32\n2a01:4f8::1\n"
	blacklist = `{"meta":{"generatedAt":"2024-08-20T10:00:00+00:00"},"data":[{"ipAddress":"5.6.7.8","countryCode":"DE","abuseConfidenceScore":100,"lastReportedAt":"2024-08-20T09:00:00+00:00"},{"ipAddress":"5.6.7.9","abuseConfidenceScore":80}]}`
)

func check(ip string, total int, last, more string) string {
	l := "null"
	if last != "" {
		l = `"` + last + `"`
	}
	return fmt.Sprintf(`{"data":{"ipAddress":%q,"isPublic":true,"isWhitelisted":false,"abuseConfidenceScore":%d,"totalReports":%d,"numDistinctUsers":1,"lastReportedAt":%s%s}}`, ip, min(total, 100), total, l, more)
}

func enveloped(fetched, ip string, maxAge int, body string) string {
	return fmt.Sprintf(`{"fetched_at":%q,"ip":%q,"max_age_in_days":%d,"body":%s}`, fetched, ip, maxAge, body)
}

// Every shape and compression, read for what it is.
func TestShapes(t *testing.T) {
	pretty := strings.NewReplacer("{", "{\n ", ",", ",\n ").Replace(blacklist)
	bare := check("5.6.7.8", 3, "2024-08-10T00:00:00+00:00", "")
	for _, c := range []struct {
		name, file, body string
		shape            Shape
		def              string
		v4, v6           int
	}{
		{"plain", "list-2024-08.txt", plain, PlainText, "L5", 4, 1},
		{"plain with BOM", "list-2024-08.txt", "\xef\xbb\xbf5.6.7.8\n", PlainText, "L5", 1, 0},
		{"plain, no last newline", "list-2024-08-03.txt", "5.6.7.8", PlainText, "L5", 1, 0},
		{"plain gzip", "list-2024-08.txt", gz(plain), PlainText, "L5", 4, 1},
		{"plain two gzip members", "list-2024-08.txt", gz(plain) + gz("9.9.9.9\n"), PlainText, "L5", 5, 1},
		{"plain zstd", "list-2024-08", zst(plain), PlainText, "L5", 4, 1},
		{"blacklist on one line", "b.json", blacklist, BlacklistJSON, "L5", 2, 0},
		{"blacklist on many lines", "b.json", pretty, BlacklistJSON, "L5", 2, 0},
		{"blacklist, meta last", "b.json", `{
			"data":[{"ipAddress":"5.6.7.8"}],
			"meta":{"generatedAt":"2024-08-20T10:00:00+00:00"}}`, BlacklistJSON, "L5", 1, 0},
		{"check, bare", "checks-2024-08.jsonl", bare + "\n", CheckAnswers, "L2", 1, 0},
		{"check, without frame", "checks-2024-08.jsonl", bare[len(`{"data":`) : len(bare)-1], CheckAnswers, "L2", 1, 0},
		{"check, many lines", "checks-2024-08.json", strings.ReplaceAll(bare, ",", ",\n"), CheckAnswers, "L2", 1, 0},
		{"check, array", "checks-2024-08.json", "[" + bare + ",\n" + bare + "]", CheckAnswers, "L2", 2, 0},
		{"check, enveloped", "c.jsonl", enveloped("2024-08-30T00:00:00Z", "5.6.7.8", 90, bare), CheckAnswers, "L2", 1, 0},
		{"check, fetched_at beside data", "c.jsonl", `{"fetched_at":"2024-08-30T00:00:00Z",` + bare[1:], CheckAnswers, "L2", 1, 0},
		{"check, CSV", "c-2024-08.csv", "ipAddress,totalReports,isWhitelisted\n5.6.7.8,2,false\n\"2a01:4f8::1\",0,\n", CheckCSV, "L2", 1, 1},
		{"list CSV", "l-2024-08.csv", "ipAddress,daysListed,daysListedApi\n5.6.7.8,30,12\n", CSVList, "L5", 1, 0},
		{"list CSV, semicolons and case", "l-2024-08.csv", "\"IPADDRESS\";abuseConfidenceScore\n5.6.7.8;100\n", CSVList, "L5", 1, 0},
		{"list CSV with dates", "l.csv", "ipAddress\tfetched_at\n5.6.7.8\t2024-08-02 03:04:05\n", CSVList, "L5", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, Options{}, c.file, c.body)
			st := s.Stats()[0]
			if st.Shape != c.shape || s.Definition() != c.def || st.IPv4 != c.v4 || st.IPv6 != c.v6 || len(st.Rejects) > 0 {
				t.Errorf("got %+v, definition %s", st, s.Definition())
			}
			if st.Lines != st.Good || st.Good != c.v4+c.v6 || len(st.SHA256) != 64 || st.Bytes != int64(len(c.body)) {
				t.Errorf("counts: %+v", st)
			}
			if got := s.Label(ip("5.6.7.8"), month(t, "2024-08")); got != row.True {
				t.Errorf("label = %v, want true", got)
			}
			if d := cmp.Diff([]row.Month{month(t, "2024-08")}, s.Months()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestColumnMapping(t *testing.T) {
	o := Options{Columns: map[string]string{"ipAddress": "client", "abuseConfidenceScore": "conf"}, Definition: L4, MinScore: 75}
	s := open(t, o, "x-2024-08.csv", "n,conf,client\n1,80,5.6.7.8\n2,50,5.6.7.9\n")
	m := month(t, "2024-08")
	if s.Label(ip("5.6.7.8"), m) != row.True || s.Label(ip("5.6.7.9"), m) != row.False {
		t.Error("mapped CSV is not read by score")
	}
}

func TestRejects(t *testing.T) {
	s := open(t, Options{}, "list-2024-08.txt",
		"5.6.7.8\nhello\n5.6.7.0/24\n10.0.0.1\n192.0.2.1\n5.6.7.8 5.6.7.9\n300.1.1.1\n1.2.3\nfe80::1%eth0\n")
	want := []Reject{
		{"not an IP address", 4, 2}, {"not a public address", 2, 4},
		{"a network, not an address", 1, 3}, {"more than an address on the line", 1, 6},
	}
	if d := cmp.Diff(want, s.Stats()[0].Rejects); d != "" {
		t.Error(d)
	}
	s = open(t, Options{}, "c-2024-08.jsonl", strings.Join([]string{
		check("5.6.7.8", 1, "", ""), `{"data":{"ipAddress":"5.6.7.9"}}`, `{"data":{"totalReports":1}}`, `{`, `[1]`,
		`{"data":{"ipAddress":"5.6.7.9","totalReports":-1}}`, `{"data":{"ipAddress":"5.6.7.9","totalReports":"x"}}`,
		`{"data":{"ipAddress":"5.6.7.9","totalReports":1,"abuseConfidenceScore":101}}`,
		`{"data":{"ipAddress":"5.6.7.9","totalReports":1,"lastReportedAt":"soon"}}`,
		`{"errors":[{"detail":"Too many","status":429}]}`,
	}, "\n"))
	if st := s.Stats()[0]; st.Good != 1 || st.Lines != 10 || len(st.Rejects) != 8 {
		t.Errorf("got %+v", st)
	}
	good := check("5.6.7.8", 1, "", "") + "\n"
	s = open(t, Options{}, "c-2024-08.jsonl", good[:50]+"\n"+good+good)
	if st := s.Stats()[0]; st.Good != 2 || len(st.Rejects) != 1 || st.Rejects[0].FirstLine != 1 {
		t.Errorf("a broken first line: %+v", st)
	}
	s = open(t, Options{}, "c-2024-08.csv", "ipAddress,abuseConfidenceScore\n5.6.7.8,1\n5.6.7.9\n5.6.7.9,x\n\"5.6.7.9,1\n5.6.7.9,1\n")
	if st := s.Stats()[0]; st.Good != 2 || st.Lines != 5 || len(st.Rejects) != 3 {
		t.Errorf("got %+v", st)
	}
}

// A list's bad entries are counted alike on one line and over many, and its
// date may stand behind it or be ours.
func TestBlacklistRejects(t *testing.T) {
	entries := `{"ipAddress":"5.6.7.8","abuseConfidenceScore":90},{"ipAddress":"x"},{"countryCode":"DE"},{"ipAddress":"10.0.0.1"},` +
		`{"ipAddress":"5.6.7.9","abuseConfidenceScore":101},{"ipAddress":7},{"ipAddress":"5.6.7.0/24"},{"ipAddress":"2a01:4f8::1","abuseConfidenceScore":100}`
	var want []Reject
	for i, body := range []string{
		`{"meta":{"generatedAt":"2024-08-20T10:00:00+00:00"},"data":[` + entries + `]}`,
		"{\n\"data\":[\n" + strings.ReplaceAll(entries, "},", "},\n") + "],\n\"fetched_at\":\"2024-08-20T10:00:00+00:00\"\n}",
		"{\n\"other\":{\"a\":[1,2]},\"meta\":{\"generatedAt\":\"2024-08-20T10:00:00+00:00\"},\n\"data\":[" + entries + "]}",
	} {
		o := Options{Definition: L4, MinScore: 95}
		s := open(t, o, "x.json", body)
		st := s.Stats()[0]
		if st.Good != 2 || st.Shape != BlacklistJSON || s.Months()[0].String() != "2024-08" {
			t.Errorf("%d: %+v", i, st)
		}
		for k := range st.Rejects {
			st.Rejects[k].FirstLine = 0 // a line or an entry
		}
		if i == 0 {
			want = st.Rejects
		}
		if d := cmp.Diff(want, st.Rejects); d != "" || len(want) != 6 {
			t.Error(d, want)
		}
		aug := month(t, "2024-08")
		if s.Label(ip("5.6.7.8"), aug) != row.False || s.Label(ip("2a01:4f8::1"), aug) != row.True {
			t.Error("scores are not kept")
		}
		if s.Sentence() != "reported: AbuseIPDB's abuseConfidenceScore is at least 95" {
			t.Error(s.Sentence())
		}
		if e := s.ListedBefore(ip("5.6.7.8"), aug.End(time.UTC)); !e.Listed() || e.First.Hour() != 10 {
			t.Errorf("%+v", e)
		}
	}
}

// What can't be read is refused in one line that says what it was tried as.
func TestOpenErrors(t *testing.T) {
	whole := gz(plain)
	ctx := context.Background()
	for _, c := range []struct {
		name, file, body string
		o                Options
		kind             fault.Kind
		says             []string
	}{
		{"empty", "a-2024-08.txt", "", Options{}, fault.Invalid, []string{"plain text list", "empty"}},
		{"no good line", "a-2024-08.txt", "x\ny\n", Options{}, fault.Invalid, []string{"plain text list", "2 × not an IP address (first on line 1)"}},
		{"no good answer", "a-2024-08.txt", `{"x":1}` + "\n", Options{}, fault.Invalid, []string{"check answers", "no ipAddress"}},
		{"only errors", "a-2024-08.txt", `{"errors":[{"detail":"d","status":429}]}`, Options{}, fault.Invalid, []string{"error answer 429 without the address asked for"}},
		{"no month", "a.txt", plain, Options{}, fault.Invalid, []string{"no month", "YYYY-MM"}},
		{"no month in JSON", "a.json", `{"data":[{"ipAddress":"5.6.7.8"}]}`, Options{}, fault.Invalid, []string{"no month", "meta.generatedAt"}},
		{"no month in answers", "a.json", check("5.6.7.8", 1, "", ""), Options{}, fault.Invalid, []string{"no month", "fetched_at"}},
		{"no month in CSV", "a.csv", "ipAddress\n5.6.7.8\n", Options{}, fault.Invalid, []string{"no month"}},
		{"bad date", "a.json", `{"meta":{"generatedAt":"x"},"data":[{"ipAddress":"5.6.7.8"}]}`, Options{}, fault.Invalid, []string{"meta.generatedAt", `"x"`}},
		{"truncated gzip", "a-2024-08.gz", whole[:len(whole)-6], Options{}, fault.Corrupt, []string{"ends early"}},
		{"truncated gzip of JSON", "a.gz", gz(strings.ReplaceAll(blacklist, ",", ",\n"))[:60], Options{}, fault.Corrupt, []string{"ends early"}},
		{"damaged gzip", "a-2024-08.gz", whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:], Options{}, fault.Corrupt, []string{"damaged"}},
		{"truncated zstd", "a-2024-08.zst", zst(plain)[:20], Options{}, fault.Corrupt, []string{"fetch it again"}},
		{"cut JSON", "a.json", "{\n" + blacklist[1:150], Options{}, fault.Invalid, []string{"ends early"}},
		{"not JSON", "a.json", "{\n\"meta\": nope}", Options{}, fault.Invalid, []string{"broken at byte"}},
		{"L2 of a list", "a-2024-08.txt", plain, Options{Definition: L2}, fault.Invalid, []string{"L2 needs check answers"}},
		{"L5 of answers", "a-2024-08.txt", check("5.6.7.8", 1, "", ""), Options{Definition: L5}, fault.Invalid, []string{"L5 needs a blacklist"}},
		{"L4 of plain text", "a-2024-08.txt", plain, Options{Definition: L4}, fault.Invalid, []string{"L4 needs abuseConfidenceScore"}},
		{"score", "a-2024-08.txt", plain, Options{MinScore: 101}, fault.Invalid, []string{"101"}},
		{"delay", "a-2024-08.txt", plain, Options{Delay: -1}, fault.Invalid, []string{"delay"}},
		{"column", "a-2024-08.txt", plain, Options{Columns: map[string]string{"nope": "x"}}, fault.Invalid, []string{"nope", "ipAddress"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(ctx, write(t, c.file, c.body), c.o)
			if !fault.Is(err, c.kind) {
				t.Fatalf("got %v (%v), want kind %v", err, fault.KindOf(err), c.kind)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "5.6.7.8") {
				t.Errorf("not one masked line: %q", err)
			}
		})
	}
	if _, err := Open(ctx, nil, Options{}); !fault.Is(err, fault.Invalid) {
		t.Error("no files:", err)
	}
	if _, err := Open(ctx, []string{t.TempDir()}, Options{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "directory") {
		t.Error("directory:", err)
	}
	if _, err := Open(ctx, []string{filepath.Join(t.TempDir(), "x")}, Options{}); !fault.Is(err, fault.NotFound) {
		t.Error("absent:", err)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := Open(stopped, write(t, "a-2024-08.txt", plain), Options{}); !fault.Is(err, fault.Interrupted) {
		t.Error("cancelled:", err)
	}
}

func TestMixing(t *testing.T) {
	files := write(t, "l-2024-08.txt", "5.6.7.8\n5.6.7.10\n", "c-2024-08.jsonl", check("5.6.7.8", 0, "", "")+"\n"+check("5.6.7.9", 2, "2024-08-01T00:00:00Z", ""))
	if _, err := Open(context.Background(), files, Options{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "two things") {
		t.Fatal("a mixture was accepted unasked:", err)
	}
	s, err := Open(context.Background(), files, Options{AllowMixed: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Definition() != "L2+L5" {
		t.Error(s.Definition())
	}
	m := month(t, "2024-08")
	for a, want := range map[string]row.Label{"5.6.7.8": row.False, "5.6.7.9": row.True, "5.6.7.10": row.True, "5.6.7.11": row.False} {
		if got := s.Label(ip(a), m); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

func TestMonthOfAnExport(t *testing.T) {
	week := 7 * 24 * time.Hour
	early := strings.Replace(blacklist, "2024-08-20", "2024-09-03", 1)
	for _, c := range []struct {
		name, file, body string
		o                Options
		want             string
	}{
		{"content", "b.json", blacklist, Options{}, "2024-08"},
		{"content before name", "b-2024-07.json", blacklist, Options{}, "2024-08"},
		{"name before option", "l-2024-07.txt", plain, Options{Month: month(t, "2024-01")}, "2024-07"},
		{"day in name", "l-2024-07-31.txt", plain, Options{}, "2024-07"},
		{"option", "l.txt", plain, Options{Month: month(t, "2024-01")}, "2024-01"},
		{"made after the month", "b.json", early, Options{}, "2024-09"},
		{"made after the month, within the delay", "b.json", early, Options{Delay: week}, "2024-08"},
		{"zone", "b.json", strings.Replace(blacklist, "2024-08-20T10", "2024-08-31T23", 1), Options{Location: time.FixedZone("", 3600)}, "2024-09"},
		{"envelope's month", "c.jsonl", `{"fetched_at":"2024-10-01T00:00:00Z","month":"2024-08",` + check("5.6.7.8", 1, "2024-08-03T00:00:00Z", "")[1:], Options{}, "2024-08"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.o, c.file, c.body)
			if got := s.Months(); len(got) != 1 || got[0].String() != c.want {
				t.Errorf("months %v, want %s", got, c.want)
			}
			if !s.Has(month(t, c.want)) || s.Has(month(t, "2001-01")) {
				t.Error("Has disagrees with Months")
			}
		})
	}
}

func TestSameContentCountsOnce(t *testing.T) {
	s := open(t, Options{}, "a-2024-08.txt", plain, "b-2024-08.txt", plain, "c-2024-09.txt", plain)
	st := s.Stats()
	if st[0].SameAs != "" || st[1].SameAs != st[0].Name || st[2].SameAs != "" {
		t.Errorf("got %+v", st)
	}
	if f := s.Facts(ip("5.6.7.8")); len(f.Listings) != 2 || f.Listings[0].Of != 1 {
		t.Errorf("got %+v", f)
	}
}
