package accesslog

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/webrequest"
)

// The combined format as a regular expression, for lines whose writer escapes
// quotes and backslashes.
var slowCombined = regexp.MustCompile(`^([^\s"\\]+) ((?:[^\s"\\]|\\.)+) ((?:[^\s"\\]|\\.)+) \[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?$`)

func slowParse(line string) (req webrequest.Request, ok bool) {
	m := slowCombined.FindStringSubmatch(line)
	if m == nil {
		return req, false
	}
	ip, err := netip.ParseAddr(m[1])
	at, err2 := time.Parse("02/Jan/2006:15:04:05 -0700", m[4])
	if err != nil || err2 != nil || ip.Zone() != "" || at.Unix() < minTime || at.Unix() >= maxTime {
		return req, false
	}
	req.IP, req.Time, req.HTTPStatus, req.HasSize = ip.Unmap(), at.Unix(), m[6], true
	if m[7] != "-" {
		if req.ResponseSize, err = strconv.ParseInt(m[7], 10, 64); err != nil {
			return req, false
		}
	}
	t := webrequest.SplitRequestLine(m[5])
	req.HTTPMethod, req.Authority, req.URIPath, req.URIQuery = t.Method, t.Authority, t.Path, t.Query
	req.Referer, req.UserAgent = m[8], m[9]
	if slowCombined.FindStringSubmatchIndex(line)[16] < 0 {
		req.Nulls = webrequest.FieldReferer | webrequest.FieldUserAgent
	}
	return req, true
}

// Lines that a writer which escapes has written read as by the expression.
func TestCombinedAgainstRegexp(t *testing.T) {
	f, err := newTextFormat(Combined, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &textParser{textFormat: f}
	piece := rapid.SampledFrom([]string{"a", " ", `\"`, `\\`, `\x22`, "/", "?", "[", "]", "-", "200", " 200 5", "é", "\xff", "HTTP/1.1", "GET ", `\" 404 1`})
	field := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(minTime, maxTime-1).Draw(t, "time"), 0).UTC()
		line := fmt.Sprintf(`%s - %s [%s] "%s" %s %s`, rapid.SampledFrom([]string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"}).Draw(t, "ip"),
			rapid.SampledFrom([]string{"-", "frank", "[x]", `a\"b`, `\\`}).Draw(t, "user"), at.Format("02/Jan/2006:15:04:05 -0700"),
			rapid.OneOf(field, rapid.Just("GET /a?b HTTP/1.1")).Draw(t, "request"),
			rapid.SampledFrom([]string{"200", "404", "-"}).Draw(t, "status"), rapid.SampledFrom([]string{"0", "-", "512", "9223372036854775807"}).Draw(t, "size"))
		if rapid.Bool().Draw(t, "agents") {
			line += fmt.Sprintf(` "%s" "%s"`, field.Draw(t, "referer"), field.Draw(t, "agent"))
		}
		want, ok := slowParse(line)
		if !ok {
			t.Fatalf("the twin does not read %q", line)
		}
		var got webrequest.Request
		if reason := p.parse([]byte(line), &got); reason != Accepted || show(&got) != show(&want) {
			t.Fatalf("%q: %v\n%s, want\n%s", line, reason, show(&got), show(&want))
		}
	})
}

func FuzzCombined(f *testing.F) {
	for _, s := range []string{good, `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /\"x\" HTTP/1.1" 200 1 "a\"b" "c\\"`, "", "-", `"`, `1.2.3.4 - - [`, `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "`,
		`1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1 "`, `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "\" 200 1 "\"`, `::1 x y [10/Oct/2000:13:55:36 -0700] "" - - - - 0.5`,
		`v.example:80 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1 "-" "-" "5" 0.25`} {
		f.Add([]byte(s))
	}
	mapped := Options{Mapping: map[string]string{"x_forwarded_for": "extra1", "time_firstbyte": "extra2"}, TrustedProxies: prefixes("0.0.0.0/0", "::/0")}
	var parsers []*textParser
	for _, name := range []string{Combined, Common, VhostCombined} {
		for _, o := range []Options{{}, mapped} {
			tf, err := newTextFormat(name, o)
			if err != nil {
				f.Fatal(err)
			}
			tf.firstbyte = len(o.Mapping) == 0
			parsers = append(parsers, &textParser{textFormat: tf})
		}
	}
	strict := &textParser{textFormat: &textFormat{agents: true}}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := string(line)
		for _, p := range parsers {
			var req webrequest.Request
			reason := p.parse(line, &req)
			if string(line) != before {
				t.Fatalf("%q was written over", before)
			}
			if reason == Accepted && (!req.IP.IsValid() || req.Time < minTime || req.Time >= maxTime || req.ResponseSize < 0 || req.TimeFirstbyte < 0) {
				t.Fatalf("%q: %s", line, show(&req))
			}
		}
		want, ok := slowParse(before)
		if !ok || strings.Contains(before, "\n") {
			return
		}
		var got webrequest.Request
		if reason := strict.parse(line, &got); reason != Accepted || show(&got) != show(&want) {
			t.Fatalf("%q: %v\n%s, want\n%s", line, reason, show(&got), show(&want))
		}
	})
}
