package accesslog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/webrequest"
)

// The dialects: webrequest's, nginx's, Apache's, Caddy's names.
func TestJSONDialects(t *testing.T) {
	const at = 1722470400 // 2024-08-01T00:00:00Z
	for _, c := range []struct {
		name, line string
		o          Options
		reason     Reason
		want       webrequest.Request
		lacks      webrequest.Field
		ignored    []string
	}{
		{name: "webrequest", line: `{"hostname":"cp1.example","sequence":7,"dt":"2024-08-01T00:00:00Z","time_firstbyte":0.25,"ip":"2001:DB8::1","cache_status":"int-front","http_status":"429","response_size":1846,"http_method":"GET","uri_host":"en.wiki.example","uri_path":"/wiki/A?","uri_query":"?a=1","content_type":"text/html","referer":"-","user_agent":"UA/1","accept_language":"en","x_analytics":"ns=0","x_cache":"-","tls":null}`,
			want: webrequest.Request{Time: at, IP: addr("2001:db8::1"), CacheStatus: "int-front", HTTPStatus: "429", ResponseSize: 1846, HasSize: true, HTTPMethod: "GET", URIHost: "en.wiki.example", URIPath: "/wiki/A?", URIQuery: "?a=1",
				ContentType: "text/html", Referer: "-", UserAgent: "UA/1", AcceptLang: "en", XAnalytics: "ns=0", TimeFirstbyte: 0.25, Hostname: "cp1.example", Sequence: 7},
			lacks: webrequest.FieldXForwardedFor | webrequest.FieldIsPageview, ignored: []string{"tls", "x_cache"}},
		{name: "webrequest, refined", line: `{"dt":"2024-08-01T00:00:00.5","ip":"192.0.2.1","http_status":200,"uri_path":"/","uri_query":"","is_pageview":true,"is_api_request":false,"access_method":"mobile web","agent_type":"user","referer_class":"external (search engine)"}`,
			want:  webrequest.Request{Time: at, Nanos: 5e8, IP: addr("192.0.2.1"), HTTPStatus: "200", URIPath: "/", IsPageview: webrequest.Yes, IsAPIRequest: webrequest.No, AccessMethod: "mobile web", AgentType: "user", RefererClass: "external (search engine)"},
			lacks: webrequest.FieldResponseSize | webrequest.FieldUserAgent | webrequest.FieldReferer},
		{name: "a request that timed out", line: `{"dt":"-","ip":"192.0.2.1"}`, reason: MissingTime},
		{name: "dt of null", line: `{"dt":null,"ip":"192.0.2.1"}`, reason: MissingTime},
		{name: "no address", line: `{"dt":"2024-08-01T00:00:00Z","ip":"-"}`, reason: MissingIP},
		{name: "nginx", line: `{"time_local":"01/Aug/2024:05:00:00 +0500","time_iso8601":"2024-08-01T05:00:00+05:00","msec":"1722470400.123","remote_addr":"10.0.0.1","request":"GET /a?b HTTP/2.0","status":"200","body_bytes_sent":"512","bytes_sent":"700","http_referer":"https://r.example/","http_user_agent":"UA/1","http_x_forwarded_for":"198.51.100.1, 203.0.113.7","host":"www.shop.example","request_time":"0.004","request_method":"GET","request_uri":"/a?b","uri":"/index.html","args":"b","upstream_cache_status":"HIT"}`,
			o: Options{TrustedProxies: prefixes("10.0.0.0/8")},
			want: webrequest.Request{Time: at, IP: addr("203.0.113.7"), CacheStatus: "HIT", HTTPStatus: "200", ResponseSize: 512, HasSize: true, HTTPMethod: "GET", URIHost: "www.shop.example", URIPath: "/a", URIQuery: "?b",
				Referer: "https://r.example/", UserAgent: "UA/1", XForwardedFor: "198.51.100.1, 203.0.113.7", TimeFirstbyte: 0.004},
			lacks: webrequest.FieldAcceptLanguage | webrequest.FieldContentType, ignored: []string{"args", "bytes_sent", "msec", "request_method", "request_uri", "time_local", "uri"}},
		{name: "nginx, uri and args", line: `{"msec":1722470400.123,"remote_addr":"192.0.2.1","request_method":"GET","uri":"/a","args":"b=1","status":200,"bytes_sent":7}`,
			want: webrequest.Request{Time: at, Nanos: 123e6, IP: addr("192.0.2.1"), HTTPStatus: "200", ResponseSize: 7, HasSize: true, HTTPMethod: "GET", URIPath: "/a", URIQuery: "?b=1"}},
		{name: "nginx, target", line: `{"msec":1722470400,"remote_addr":"192.0.2.1","request_method":"GET","request_uri":"/a?b=1","args":"c"}`,
			want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), HTTPMethod: "GET", URIPath: "/a", URIQuery: "?b=1"}},
		{name: "Apache", line: `{"time":"[01/Aug/2024:00:00:00 +0000]","remoteIP":"192.0.2.1","request":"GET /a?b HTTP/1.1","status":"404","bytes":"-","referer":"-","userAgent":"UA/1","host":"www.shop.example"}`,
			want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), HTTPStatus: "404", HasSize: true, HTTPMethod: "GET", URIHost: "www.shop.example", URIPath: "/a", URIQuery: "?b", Referer: "-", UserAgent: "UA/1"}},
		{name: "Caddy", line: `{"level":"info","ts":1722470400.25,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"192.0.2.1","remote_port":"4711","client_ip":"203.0.113.5","proto":"HTTP/2.0","method":"GET","host":"www.shop.example:443","uri":"/a?b=1","headers":{"User-Agent":["UA/1"],"Accept-Language":["en","de"],"Cookie":[]},"tls":{"resumed":false,"version":772}},"bytes_read":0,"user_id":"","duration":0.0012,"size":123,"status":200,"resp_headers":{"Content-Type":["text/html; charset=utf-8"]}}`,
			want: webrequest.Request{Time: at, Nanos: 25e7, IP: addr("203.0.113.5"), HTTPStatus: "200", ResponseSize: 123, HasSize: true, HTTPMethod: "GET", URIHost: "www.shop.example:443", URIPath: "/a", URIQuery: "?b=1", ContentType: "text/html; charset=utf-8",
				UserAgent: "UA/1", AcceptLang: "en, de", TimeFirstbyte: 0.0012, Nulls: webrequest.FieldReferer | webrequest.FieldXForwardedFor},
			lacks: webrequest.FieldCacheStatus},
		{name: "Caddy behind a proxy", o: Options{TrustedProxies: prefixes("192.0.2.0/24")},
			line: `{"ts":1722470400,"request":{"remote_ip":"192.0.2.1","client_ip":"192.0.2.1","method":"GET","host":"h","uri":"/","headers":{"X-Forwarded-For":["198.51.100.1","203.0.113.9"]}},"status":0,"size":0}`,
			want: webrequest.Request{Time: at, IP: addr("203.0.113.9"), HTTPStatus: "0", HasSize: true, HTTPMethod: "GET", URIHost: "h", URIPath: "/", XForwardedFor: "198.51.100.1, 203.0.113.9",
				Nulls: webrequest.FieldReferer | webrequest.FieldUserAgent | webrequest.FieldAcceptLanguage}},
		{name: "Caddy before 2.5", line: `{"ts":1722470400,"request":{"remote_addr":"[2001:db8::1]:4711","method":"GET","host":"h","uri":"/"},"status":200,"size":0}`,
			want: webrequest.Request{Time: at, IP: addr("2001:db8::1"), HTTPStatus: "200", HasSize: true, HTTPMethod: "GET", URIHost: "h", URIPath: "/"}},
		{name: "mapped, with dots for objects", line: `{"@timestamp":"2024-08-01T00:00:00.000Z","source":{"ip":"192.0.2.1"},"http.request.method":"GET","url":{"original":"/a?b"},"http":{"response":{"status_code":200}}}`,
			o:    Options{Mapping: map[string]string{"ip": "source.ip", "http_method": "http.request.method", "request_uri": "url.original", "http_status": "http.response.status_code"}},
			want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), HTTPStatus: "200", HTTPMethod: "GET", URIPath: "/a", URIQuery: "?b"}},
		{name: "milliseconds", line: `{"timestamp":1722470400500,"ip":"192.0.2.1"}`, want: webrequest.Request{Time: at, Nanos: 5e8, IP: addr("192.0.2.1")}},
		{name: "escapes", line: `{"dt":"2024-08-01T00:00:00\u005a","ip":"192.0.2.1","user_agent":"a\"b\\c\/\u00e9\ud83d\ude00\ud83d","referer":"` + "\xff" + `"}`,
			want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), UserAgent: "a\"b\\c/é😀\ufffd", Referer: "\ufffd"}},
		{name: "the last of two", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","ip":"192.0.2.2","user_agent":"x","user_agent":null}`,
			want: webrequest.Request{Time: at, IP: addr("192.0.2.2"), Nulls: webrequest.FieldUserAgent}},
		{name: "negative size", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","response_size":-1}`, reason: BadSize},
		{name: "half a byte", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","response_size":1.5}`, reason: BadSize},
		{name: "size of null", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","response_size":null}`, want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), Nulls: webrequest.FieldResponseSize}},
		{name: "size with an exponent", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","response_size":1.5e3}`, want: webrequest.Request{Time: at, IP: addr("192.0.2.1"), ResponseSize: 1500, HasSize: true}},
		{name: "bad status", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","http_status":"ok"}`, reason: BadStatus},
		{name: "not closed", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1"`, reason: BadJSON},
		{name: "something behind", line: `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1"} x`, reason: BadJSON},
		{name: "an array", line: `["2024-08-01T00:00:00Z"]`, reason: BadJSON},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := c.o.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			choice := setUp(JSON, []byte(c.line+"\n"), o)
			if choice.err != nil {
				t.Fatal(choice.err)
			}
			var got webrequest.Request
			if reason := choice.parser().parse([]byte(c.line), &got); reason != c.reason {
				t.Fatalf("%v, want %v", reason, c.reason)
			}
			if c.reason != Accepted {
				return
			}
			if show(&got) != show(&c.want) {
				t.Errorf("\n%s, want\n%s", show(&got), show(&c.want))
			}
			if choice.available&c.lacks != 0 {
				t.Errorf("available: %b", choice.available&c.lacks)
			}
			if c.ignored != nil && !slices.Equal(choice.ignored, c.ignored) {
				t.Errorf("ignored: %q", choice.ignored)
			}
		})
	}
}

// A field that first comes after the sample is not read, on any line.
func TestJSONColumnsAreSettledByTheSample(t *testing.T) {
	line := `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1"}` + "\n"
	late := `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","user_agent":"UA"}` + "\n"
	for _, c := range []struct {
		data string
		want bool
	}{{strings.Repeat(line, 300) + late, false}, {line + late + strings.Repeat(line, 300), true}} {
		l, got := scanAll(t, []byte(c.data), Options{}, 1, 0)
		if got.err != nil {
			t.Fatal(got.err)
		}
		has := l.Available().Has(webrequest.FieldUserAgent)
		read := strings.Contains(strings.Join(got.requests, " "), "UserAgent:UA")
		if has != c.want || read != c.want {
			t.Errorf("available %v, read %v, want %v", has, read, c.want)
		}
	}
}

// Names of fields cannot lead the parser to look for something that is not a
// name, nor make it grow without end.
func TestJSONHostileNames(t *testing.T) {
	lines := []string{
		`{"dt":"2024-08-01T00:00:00Z","a\":1,\"ip":"192.0.2.9","ip":"192.0.2.1"}`,
		`{"dt":"2024-08-01T00:00:00Z","a":1,"ip":"192.0.2.2"}`,
	}
	o, _ := Options{}.withDefaults()
	c := setUp(JSON, []byte(strings.Join(lines, "\n")), o)
	p := c.parser().(*jsonParser)
	for range 2 {
		for i, line := range lines {
			var r webrequest.Request
			if reason := p.parse([]byte(line), &r); reason != Accepted || r.IP != addr(fmt.Sprintf("192.0.2.%d", i+1)) {
				t.Fatalf("%s: %v %v", line, reason, r.IP)
			}
		}
	}
	for i := range 10000 {
		var r webrequest.Request
		p.parse(fmt.Appendf(nil, `{"name%d":1,"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1"}`, i), &r)
	}
	if n := len(p.root.fields); n > maxNames+int(numColumns)+1 {
		t.Errorf("%d names are remembered", n)
	}
}

// jsonReference reads the text of each column with encoding/json.
func jsonReference(line []byte, l *layout) (texts [numColumns]string, ok bool) {
	if b := bytes.TrimLeft(line, " \t\r\n"); len(b) == 0 || b[0] != '{' {
		return texts, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var v map[string]any
	if !json.Valid(line) || d.Decode(&v) != nil {
		return texts, false
	}
	for c, source := range l.source {
		if source == "" {
			continue
		}
		var value any = v
		for _, name := range strings.Split(source, ".") {
			m, _ := value.(map[string]any)
			value = m[name]
		}
		switch value := value.(type) {
		case string:
			texts[c] = value
		case json.Number:
			texts[c] = value.String()
		case bool:
			texts[c] = fmt.Sprint(value)
		case []any:
			var all []string
			for _, e := range value {
				if s, ok := e.(string); ok {
					all = append(all, s)
				}
			}
			texts[c] = strings.Join(all, ", ")
		}
	}
	return texts, true
}

// fuzzLayout reads fields of objects and plain ones. No source of it can be
// written in two ways, so that the reference need not know their order.
var fuzzLayout = func() *layout {
	l := &layout{}
	l.source[colDT] = "dt"
	l.source[colIP] = "ip"
	l.source[colUserAgent] = "h.ua"
	l.source[colXFF] = "h.x.f"
	l.source[colStatus] = "s"
	return l
}()

func checkJSON(t *testing.T, p *jsonParser, line []byte) {
	t.Helper()
	before := bytes.Clone(line)
	var req webrequest.Request
	reason := p.parse(line, &req)
	want, ok := jsonReference(line, fuzzLayout)
	if ok != (reason != BadJSON) {
		t.Fatalf("%q: %v, but encoding/json says %v", line, reason, ok)
	}
	if !bytes.Equal(before, line) {
		t.Fatalf("%q was written over", before)
	}
	if !ok || bytes.Contains(line, []byte(`h.`)) || bytes.Contains(line, []byte(`x.f`)) || bytes.Contains(line, []byte(`\u`)) && bytes.Contains(line, []byte("2e")) {
		return
	}
	for c, text := range want {
		if got := p.str(column(c)); column(c) != colNone && got != text {
			t.Fatalf("%q: column %s is %q, want %q", line, columnFacts[c].name, got, text)
		}
	}
}

var jsonSeeds = []string{
	`{}`, ` { } `, `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","h":{"ua":"x","x":{"f":"y"}},"s":200}`,
	`{"dt":1.5e3,"ip":-0,"s":01}`, `{"dt":1.}`, `{"dt":-}`, `{"dt":.5}`, `{"dt":1e}`, `{"dt":1e+5}`, `{"s":true,"ip":false,"dt":nul}`,
	`{"h":{"ua":["a","b",3,{"c":[]},"d"]},"h":{"x":null}}`, `{"h":"text","h":{"ua":"a"},"h":[1]}`, `{"h":{"ua":"a"},"h":7}`,
	`{"ip":"\u0041\ud83d\ude00\ud83dx\udc00\b\f\n\r\t\/\\\""}`, `{"ip":"\ud83d\u0041"}`, `{"ip":"\u00"}`, `{"ip":"\x"}`, "{\"ip\":\"\x01\"}",
	"{\"ip\":\"\xff\xc3\xa9\xed\xa0\x80\"}", "{\"i\xff\":1,\"ip\":\"é日本語 - long enough for eight bytes\"}", `{"ip":"a"`, `{"ip":"a",}`, `{"ip" "a"}`, `{,}`, `{"a":[1,]}`,
	`{"a":[[[[{}]]]],"ip":"x"}`, `{"a":{"b":{"c":1}}} x`, `{"\u0069p":"escaped name"}`, `[1]`, `null`, `"x"`, `{"dt":"a","dt":null}`, "\x00{}", `{"ip":"unterminated`,
	`{"ip":"12345678"}`, `{"ip":"1234567"}`, `{"ip":"123456789"}`, strings.Repeat(`{"a":`, 50) + "1" + strings.Repeat("}", 50),
}

func TestJSONAgainstEncodingJSON(t *testing.T) {
	p := newJSONParser(fuzzLayout, Options{})
	for range 2 { // the second time with the first's hints
		for _, s := range jsonSeeds {
			checkJSON(t, p, []byte(s))
		}
	}
	for _, depth := range []int{9998, 9999, 10000, 10001, 20000} {
		checkJSON(t, p, []byte(`{"a":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+"}"))
		checkJSON(t, p, []byte(`{"ip":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+"}"))
	}
	for _, line := range bytes.Split(genJSON(300), []byte("\n")) {
		checkJSON(t, p, line)
		for _, cut := range []int{len(line) / 3, len(line) / 2, len(line) - 1} {
			if cut > 0 {
				checkJSON(t, p, line[:cut])
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	p := newJSONParser(fuzzLayout, Options{})
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		checkJSON(t, p, line)
		checkJSON(t, newJSONParser(fuzzLayout, Options{}), line)
	})
}
