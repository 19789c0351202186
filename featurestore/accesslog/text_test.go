package accesslog

import (
	"cmp"
	"testing"

	"sluice/featurestore/webrequest"
)

const good = `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=1 HTTP/1.1" 200 512 "https://ref.example/" "Mozilla/5.0"`

func TestTextLines(t *testing.T) {
	type want struct {
		reason                         Reason
		ip                             string
		time                           int64
		host, method, path, query      string
		status                         string
		size                           int64
		referer, agent, forwarded, typ string
		firstbyte                      float64
	}
	const at = 971211336
	for _, c := range []struct {
		name, format, line string
		opts               Options
		want               want
	}{
		{name: "plain", line: good, want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0"}},
		{name: "common", format: Common, line: `192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200"}},
		{name: "common passes over what follows", format: Common, line: good,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512}},
		{name: "vhost", format: VhostCombined, line: "www.shop.example:443 " + good,
			want: want{host: "www.shop.example:443", ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0"}},
		{name: "IPv6", line: `2001:DB8::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/2.0" 200 1 "-" "-"`,
			want: want{ip: "2001:db8::1", time: at, method: "GET", path: "/", status: "200", size: 1, referer: "-", agent: "-"}},
		{name: "IPv4-mapped", line: `::ffff:192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1}},
		{name: "IPv6 zone", line: `fe80::1%eth0 - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`, want: want{reason: BadIP}},
		{name: "unknown address", line: `unknown - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`, want: want{reason: MissingIP}},
		{name: "no address", line: `- - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`, want: want{reason: MissingIP}},
		{name: "a name", line: `crawler.example - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`, want: want{reason: BadIP}},
		{name: "octet of 256", line: `192.0.2.256 - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`, want: want{reason: BadIP}},
		{name: "leading zero", line: `192.0.02.6 - - [10/Oct/2000:20:55:36 +0000] "GET / HTTP/2.0" 200 1`, want: want{reason: BadIP}},
		{name: "zone with a colon", line: `192.0.2.7 - - [11/Oct/2000:02:25:36.250 +05:30] "GET / HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1}},
		{name: "ISO time", line: `192.0.2.7 - - [2000-10-10T20:55:36Z] "GET / HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1}},
		{name: "user with blanks and brackets", line: `192.0.2.7 - a [b] c [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1}},
		{name: "a quote in the user's name", line: `192.0.2.7 - a\"b [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1}},
		{name: "no time", line: `192.0.2.7 - - "GET / HTTP/1.1" 200 1 "-" "[10/Oct/2000:13:55:36 -0700]"`, want: want{reason: BadLine}},
		{name: "a time in the request is none", line: `192.0.2.7 - - [x] "GET /[10/Oct/2000:13:55:36 -0700] "y" 200 1`, want: want{reason: BadTime}},
		{name: "time of a dash", line: `192.0.2.7 - - [-] "GET / HTTP/1.1" 200 1`, want: want{reason: MissingTime}},
		{name: "31 June", line: `192.0.2.7 - - [31/Jun/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1`, want: want{reason: BadTime}},
		{name: "29 February 1900", line: `192.0.2.7 - - [29/Feb/1900:13:55:36 -0700] "GET / HTTP/1.1" 200 1`, want: want{reason: BadTime}},
		{name: "1970", line: `192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] "GET / HTTP/1.1" 200 1`, want: want{reason: TimeOutOfRange}},
		{name: "2106", line: `192.0.2.7 - - [07/Feb/2106:06:28:15 +0000] "GET / HTTP/1.1" 200 1`, want: want{reason: TimeOutOfRange}},
		{name: "hour 24", line: `192.0.2.7 - - [01/Jan/2020:24:00:00 +0000] "GET / HTTP/1.1" 200 1`, want: want{reason: BadTime}},
		{name: "escaped quotes", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /\"x\" HTTP/1.1" 200 1 "a\"b" "c\\" 7`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: `/\"x\"`, status: "200", size: 1, referer: `a\"b`, agent: `c\\`}},
		{name: "escaped quote and a status inside the request", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /\" 404 7 HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: `/\" 404 7`, status: "200", size: 1}},
		{name: "hexadecimal escapes", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03\x01" 400 166 "-" "-"`,
			want: want{ip: "192.0.2.7", time: at, status: "400", size: 166, referer: "-", agent: "-"}},
		{name: "quotes not escaped", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /a"b HTTP/1.1" 200 1 "r"s" "t"u"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: `/a"b`, status: "200", size: 1, referer: `r"s`, agent: `t"u`}},
		{name: "a backslash at the end, not escaped", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /\" 200 1 "r\" "t\"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: `/\`, status: "200", size: 1, referer: `r\`, agent: `t\`}},
		{name: "empty request", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "" 400 0 "-" "-"`,
			want: want{ip: "192.0.2.7", time: at, status: "400", referer: "-", agent: "-"}},
		{name: "request of a dash", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "-" 408 - "-" "-"`,
			want: want{ip: "192.0.2.7", time: at, status: "408", referer: "-", agent: "-"}},
		{name: "no status", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" - - "-" "-"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "-", referer: "-", agent: "-"}},
		{name: "status of four digits", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 2000 1 "-" "-"`, want: want{reason: BadLine}},
		{name: "negative size", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 -1 "-" "-"`, want: want{reason: BadSize}},
		{name: "size beyond 64 bits", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 9223372036854775808 "-" "-"`, want: want{reason: BadSize}},
		{name: "largest size", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 9223372036854775807`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1<<63 - 1}},
		{name: "HAProxy logged early", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 +512 "" "" 1234 567 "fe" "be" "srv"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 512}},
		{name: "no user agent", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1 "https://r.example/"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1, referer: "https://r.example/"}},
		{name: "unquoted dash for the referer", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1 - "UA"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1, referer: "-", agent: "UA"}},
		{name: "user agent cut off", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 1 "-" "Mozi`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/", status: "200", size: 1, referer: "-", agent: "Mozi"}},
		{name: "request time", line: good + ` 0.125`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0", firstbyte: 0.125}},
		{name: "a number without a point is no time", line: good + ` 125`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0"}},
		{name: "X-Forwarded-For unless mapped", line: good + ` "198.51.100.9"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0"}},
		{name: "X-Forwarded-For mapped", line: good + ` 17 "198.51.100.9, 203.0.113.4"`,
			opts: Options{Mapping: map[string]string{"x_forwarded_for": "extra2"}, TrustedProxies: prefixes("192.0.2.0/24")},
			want: want{ip: "203.0.113.4", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0", forwarded: "198.51.100.9, 203.0.113.4"}},
		{name: "absolute target", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET http://www.shop.example?x=1 HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, host: "www.shop.example", method: "GET", path: "/", query: "?x=1", status: "200", size: 1}},
		{name: "the log's host wins over the target's", format: VhostCombined, line: `v.example 192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET http://t.example/ HTTP/1.1" 200 1`,
			want: want{ip: "192.0.2.7", time: at, host: "v.example", method: "GET", path: "/", status: "200", size: 1}},
		{name: "leading blanks and NUL bytes", line: "\x00\x00 \t" + good,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0"}},
		{name: "carriage return", line: good + "\r\n",
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/a", query: "?b=1", status: "200", size: 512, referer: "https://ref.example/", agent: "Mozilla/5.0"}},
		{name: "NUL bytes and bad UTF-8 are kept", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /` + "\x00\xff" + ` HTTP/1.1" 200 1 "` + "\xc3" + `" "-"`,
			want: want{ip: "192.0.2.7", time: at, method: "GET", path: "/\x00\xff", status: "200", size: 1, referer: "\xc3", agent: "-"}},
		{name: "rubbish", line: "hello", want: want{reason: BadLine}},
		{name: "cut off in the size", line: `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 `, want: want{reason: BadLine}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.format == "" {
				c.format = Combined
			}
			var r webrequest.Request
			reason := ParseLine(c.format, []byte(c.line), c.opts, &r)
			if reason != c.want.reason {
				t.Fatalf("%v, want %v", reason, c.want.reason)
			}
			if reason != Accepted {
				return
			}
			got := want{Accepted, r.IP.String(), r.Time, cmp.Or(r.URIHost, r.Authority), r.HTTPMethod, r.URIPath, r.URIQuery, r.HTTPStatus, r.ResponseSize,
				r.Referer, r.UserAgent, r.XForwardedFor, r.ContentType, r.TimeFirstbyte}
			if got != c.want {
				t.Errorf("\n%+v, want\n%+v", got, c.want)
			}
			if !r.HasSize {
				t.Error("a text line always has a size")
			}
		})
	}
}

// The walk from the logged address through X-Forwarded-For, right to left.
func TestClientAddress(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "2620:0:860::/46")
	for _, c := range []struct{ logged, forwarded, want string }{
		{"198.51.100.1", "203.0.113.1", "198.51.100.1"},           // the peer is not trusted
		{"10.0.0.1", "203.0.113.1", "203.0.113.1"},                // it is
		{"10.0.0.1", "203.0.113.1, 198.51.100.7", "198.51.100.7"}, // the first untrusted one
		{"10.0.0.1", "203.0.113.1,10.2.3.4", "203.0.113.1"},
		{"10.0.0.1", "10.9.9.9, 10.2.3.4", "10.9.9.9"}, // all trusted: the last one seen
		{"10.0.0.1", "203.0.113.1, junk, 10.2.3.4", "10.2.3.4"},
		{"10.0.0.1", "junk", "10.0.0.1"},
		{"10.0.0.1", "-", "10.0.0.1"},
		{"10.0.0.1", "", "10.0.0.1"},
		{"10.0.0.1", ",203.0.113.1", "203.0.113.1"},
		{"10.0.0.1", "203.0.113.1,", "10.0.0.1"}, // an empty entry is no address
		{"2620:0:861::1", "2001:db8::5", "2001:db8::5"},
		{"::ffff:10.0.0.1", "203.0.113.1", "203.0.113.1"},
	} {
		got, reason := clientAddress(c.logged, c.forwarded, trusted)
		if reason != Accepted || got.String() != c.want {
			t.Errorf("%s via %q: %v (%v), want %s", c.logged, c.forwarded, got, reason, c.want)
		}
	}
}
