package accesslog

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/webrequest"
)

func TestTables(t *testing.T) {
	const at = 1722470400 // 2024-08-01T00:00:00Z
	one := webrequest.Request{Time: at, IP: addr("192.0.2.1"), HTTPStatus: "200", ResponseSize: 512, HasSize: true, HTTPMethod: "GET",
		URIPath: "/a", URIQuery: "?b=1", UserAgent: "UA, 1", Referer: "-"}
	for _, c := range []struct {
		name, format, data string
		o                  Options
		want               webrequest.Request
		rejects            []string
		ignored            []string
		note               string
	}{
		{name: "common names", format: CSV, want: one, note: `delimiter ','; dt from timestamp, ip from IP Address, http_status from status_code, http_method from method, request_uri from endpoint, referer from referrer`,
			data: "timestamp,IP Address,method,endpoint,status_code,response_size,country,user_agent,referrer\n" +
				"2024-08-01 00:00:00,192.0.2.1,GET,/a?b=1,200,512,XX,\"UA, 1\",-\n", ignored: []string{"country"}},
		{name: "semicolons and carriage returns", format: CSV, want: one, note: "delimiter ';'",
			data: "dt;ip;http_method;uri_path;uri_query;http_status;response_size;user_agent;referer\r\n" +
				"2024-08-01T02:00:00+02:00;192.0.2.1;GET;/a;b=1;200.0;512.0;UA, 1;-\r\n"},
		{name: "tabs", format: TSV, want: one,
			data: "# a comment\n\ndt\tip\trequest\thttp_status\tresponse_size\tuser_agent\treferer\n" +
				"2024-08-01T00:00:00Z\t192.0.2.1\tGET /a?b=1 HTTP/1.1\t200\t512\tUA, 1\t-\n"},
		{name: "tabs, quotes as they are and as quotes", format: TSV,
			want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), UserAgent: `"x" y`, Referer: `q "r"`, AcceptLang: `"`},
			data: "dt\tip\tuser_agent\treferer\taccept_language\n2024-08-01T00:00:00Z\t192.0.2.1\t\"x\" y\t\"q \"\"r\"\"\"\t\"\n"},
		{name: "nulls of an export", format: TSV,
			want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), Nulls: webrequest.FieldUserAgent | webrequest.FieldResponseSize},
			data: "dt\tip\tuser_agent\tresponse_size\treferer\n2024-08-01T00:00:00Z\t192.0.2.1\t\\N\t\\N\t\n"},
		{name: "no header, mapped by number", format: CSV, want: one,
			o:    Options{Mapping: map[string]string{"dt": "1", "ip": "3", "http_method": "4", "request_uri": "5", "http_status": "6", "response_size": "7", "user_agent": "8", "referer": "9"}},
			data: "2024-08-01T00:00:00Z,junk,192.0.2.1,GET,/a?b=1,200,512,\"UA, 1\",-\n", ignored: []string{"2"}},
		{name: "mapped by name", format: CSV, want: webrequest.Request{Time: at, IP: addr("192.0.2.1")},
			o: Options{Mapping: map[string]string{"ip": "src", "dt": "when"}}, data: "when,src,ip\n1722470400,192.0.2.1,192.0.2.99\n", ignored: []string{"ip"}},
		{name: "a quoted line break", format: CSV, want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), UserAgent: "two\r\nlines \"x\""},
			data: "dt,ip,user_agent\n1722470400,192.0.2.1,\"two\r\nlines \"\"x\"\"\"\n"},
		{name: "a stray quote costs one line", format: CSV, want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), UserAgent: "b"},
			data:    "dt,ip,user_agent\n1722470400,192.0.2.9,\"a\n1722470400,192.0.2.1,b\n1722470400,192.0.2.9\n1722470400,192.0.2.9,\"x\"y\n\"\",192.0.2.1,\n",
			rejects: []string{`2 bad_csv "1722470400,192.0.2.9,\"a"`, `4 field_count "1722470400,192.0.2.9"`, `5 bad_csv "1722470400,192.0.2.9,\"x\"y"`, `6 missing_time "\"\",192.0.2.1,"`}},
		{name: "byte order mark", format: CSV, want: webrequest.Request{Time: at, IP: addr("192.0.2.1")}, data: "\xef\xbb\xbfdt,ip\n1722470400,192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, got := scanAll(t, []byte(c.data), c.o, 1, 0)
			if got.err != nil {
				t.Fatal(got.err)
			}
			c.want.Available = l.Available()
			if l.Format() != c.format || len(got.requests) != 1 || got.requests[0] != show(&c.want) {
				t.Errorf("%s:\n%s, want\n%s", l.Chosen(), got.requests, show(&c.want))
			}
			if !slices.Equal(got.rejects, c.rejects) {
				t.Errorf("rejects\n%q, want\n%q", got.rejects, c.rejects)
			}
			if !slices.Equal(l.Ignored(), c.ignored) || !strings.Contains(l.Chosen(), c.note) {
				t.Errorf("ignored %q; %s", l.Ignored(), l.Chosen())
			}
		})
	}
}

// What encoding/csv reads, this package reads alike. encoding/csv with
// LazyQuotes off refuses a quote in an unquoted field, and drops a carriage
// return in a quoted line break; both are documented differences.
func TestCSVAgainstEncodingCSV(t *testing.T) {
	field := rapid.StringOfN(rapid.SampledFrom([]rune("ab,\";\n \té")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 5).Draw(t, "width")
		records := rapid.SliceOfN(rapid.SliceOfN(field, width, width), 1, 8).Draw(t, "records")
		delimiter := rapid.SampledFrom([]rune{',', ';'}).Draw(t, "delimiter")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = delimiter
		w.UseCRLF = false
		if err := w.WriteAll(records); err != nil {
			t.Fatal(err)
		}
		checkCSV(t, b.Bytes(), byte(delimiter))
	})
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func checkCSV(t fataler, data []byte, delimiter byte) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord = rune(delimiter), -1
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(bytes.Clone(data), '\n')
	}
	f := csvRecords{delimiter: delimiter, maxLine: DefaultMaxLine}
	var sp csvSplitter
	if n := f.frame(data, true); n != len(data) {
		t.Fatalf("%q: %d bytes framed", data, n)
	}
	rest := data
	for {
		want, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return // from here on the two differ
		}
		for len(rest) > 0 && len(trim(rest[:f.record(rest)], true)) == 0 {
			rest = rest[f.record(rest):] // encoding/csv passes over blank lines
		}
		n := f.record(rest)
		record := rest[:n]
		rest = rest[n:]
		if !sp.split(trim(record, true), delimiter) {
			t.Fatalf("%q: record %q is refused", data, record)
		}
		var got []string
		for _, v := range sp.fields {
			got = append(got, string(v))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", data, got, want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n", "\"a\"\"b\",c\n", "\"a\nb\",c\nd,e", "\"open\nnext\n", "\"a\"x,b\nc,d\n", ",,\n\n,\n", "a\"b,c\n", "\"\",\"\"\r\n", "\"a\r\nb\"\n"} {
		f.Add([]byte(s), byte(','), 40)
	}
	f.Fuzz(func(t *testing.T, data []byte, delimiter byte, maxLine int) {
		if delimiter != ',' && delimiter != ';' || bytes.ContainsAny(data, "\r\x00") || !bytes.Equal(data, bytes.ToValidUTF8(data, nil)) {
			return
		}
		checkCSV(t, data, delimiter)
		checkFraming(t, data, delimiter, maxLine)
	})
}

// checkFraming demands that records be the same whether they are framed at
// once or from a growing buffer, as blocks are.
func checkFraming(t *testing.T, data []byte, delimiter byte, maxLine int) {
	f := csvRecords{delimiter: delimiter, maxLine: max(maxLine%100, 1)}
	data = append(bytes.Clone(data), '\n')
	var atOnce []string
	for rest := data; len(rest) > 0; {
		n := f.record(rest)
		atOnce = append(atOnce, string(rest[:n]))
		rest = rest[n:]
	}
	var grown []string
	start := 0
	for end := 1; end <= len(data); end++ {
		n := f.frame(data[start:end], end == len(data))
		for b := data[start : start+n]; len(b) > 0; {
			k := f.record(b)
			grown = append(grown, string(b[:k]))
			b = b[k:]
		}
		start += n
	}
	if !slices.Equal(atOnce, grown) {
		t.Fatalf("%q with lines up to %d: %q at once, %q bit by bit", data, f.maxLine, atOnce, grown)
	}
}
