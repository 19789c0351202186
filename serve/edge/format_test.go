package edge

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func entry(p string, n int, confidence float64, reason string) Entry {
	return Entry{Prefix: netip.MustParsePrefix(p), Addresses: n, Confidence: confidence, Since: time.Date(2024, 8, 3, 4, 5, 6, 0, time.UTC), Reason: reason}
}

// sample has one of each: an address, a prefix, a forced one, both families,
// and space that netmapper can't hold.
var sample = []Entry{
	entry("192.0.2.7/32", 1, 0.97654321, "request_count"),
	entry("198.51.100.0/24", 90, 0.99, `user_agent_count, "quoted"`),
	{Prefix: netip.MustParsePrefix("203.0.113.128/25"), Confidence: 1, Reason: "by hand"},
	entry("2001::/64", 2, 0.9, "request_count"),
	entry("2001:db8::1/128", 1, 0.9, ""),
	entry("2001:db8:1::/48", 40, 0.93, "is_pageview_ratio"),
	entry("2002:c000:207::1/128", 1, 0.91, ""),
}

func sampleHeader() Header {
	return Header{
		Name: "sluice", Source: "model 2024-07-0123456789ab", Date: "2024-08-31", Threshold: "the model's operating point",
		Since: time.Date(2024, 8, 3, 4, 5, 6, 0, time.UTC), Until: time.Date(2024, 9, 7, 0, 0, 0, 0, time.UTC), Lifetime: 7 * 24 * time.Hour,
		Why: "requests like those of reported addresses", Appeal: "https://example.org/appeal or abuse@example.org",
		Stats: Stats{Entries: 7, Addresses: 135, IPv4: 3, IPv6: 4, Forced: 1, ExactEntries: 150, LeastEntries: 6, ExtraIPv4: 166, ExtraIPv6: 65000, Known: 1},
	}
}

func written(t testing.TB, f Format, h Header, entries []Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, h, slices.Values(entries)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		t.Run(string(f), func(t *testing.T) { golden(t, string(f)+".golden", written(t, f, sampleHeader(), sample)) })
	}
	t.Run("action", func(t *testing.T) {
		var b bytes.Buffer
		if err := WriteAction(&b, sampleHeader()); err != nil {
			t.Fatal(err)
		}
		golden(t, "requestctl-action.golden", b.Bytes())
	})
	t.Run("about", func(t *testing.T) {
		var b bytes.Buffer
		h := sampleHeader()
		h.Bare = true // what stands beside a bare list is not bare
		if err := WriteAbout(&b, Netmapper, h); err != nil {
			t.Fatal(err)
		}
		golden(t, "about.golden", b.Bytes())
	})
}

// TestEachListAnswersForItself: in a list, or beside it where its format has no
// comments, stand why, since and until when, and how to ask.
func TestEachListAnswersForItself(t *testing.T) {
	h := sampleHeader()
	for _, f := range Formats() {
		text := string(written(t, f, h, sample))
		if !f.HasComments() {
			var b bytes.Buffer
			if err := WriteAbout(&b, f, h); err != nil {
				t.Fatal(err)
			}
			text = b.String()
		}
		for _, part := range []string{h.Why, "2024-08-03T04:05:06Z", "2024-09-07T00:00:00Z", h.Appeal, h.Source, h.Date, h.Threshold} {
			if !strings.Contains(text, part) {
				t.Errorf("%s does not say %q", f, part)
			}
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestReadsWhatItWrites, in every format, with and without entries and
// comments.
func TestReadsWhatItWrites(t *testing.T) {
	for _, f := range Formats() {
		for _, bare := range []bool{false, true} {
			for _, entries := range [][]Entry{sample, sample[:1], sample[4:5], nil} {
				h := sampleHeader()
				h.Bare = bare
				b := written(t, f, h, entries)
				got, kind, err := Read(bytes.NewReader(b), "list")
				if err != nil {
					t.Fatalf("%s of %d entries: %v\n%s", f, len(entries), err, b)
				}
				var want []netip.Prefix
				for _, e := range entries {
					if f.Expressible(e.Prefix) {
						want = append(want, e.Prefix)
					}
				}
				if !slices.Equal(got, want) || len(entries) > 0 && kind != f {
					t.Errorf("%s: read %v as %q, want %v", f, got, kind, want)
				}
			}
		}
	}
}

// TestRules are the rules of the consumers that can't be run here.
func TestRules(t *testing.T) {
	t.Run("haproxy map: two words", func(t *testing.T) {
		two := regexp.MustCompile(`^[^ ]+ +[^ ]+$`)
		h := sampleHeader()
		h.Bare = true
		for line := range strings.Lines(string(written(t, HAProxyMap, h, sample))) {
			if !two.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("%q has not two words", line)
			}
		}
	})
	t.Run("netmapper", func(t *testing.T) {
		var m map[string][]string
		if err := json.Unmarshal(written(t, Netmapper, sampleHeader(), sample), &m); err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"sluice": 5}; len(m) != 1 || len(m["sluice"]) != want["sluice"] {
			t.Errorf("%v: want five networks, without 6to4 and Teredo", m)
		}
		for _, s := range m["sluice"] {
			if p := netip.MustParsePrefix(s); p != p.Masked() {
				t.Errorf("%s has host bits", s)
			}
		}
		if b := string(written(t, Netmapper, sampleHeader(), nil)); b != "{}\n" {
			t.Errorf("without entries %q: an empty list is an error to the loader", b)
		}
		for _, s := range []string{"::ffff:0:0/96", "::192.0.2.0/120", "2002::/16", "2000::/3", "2001:0:4136::/48", "::ffff:0:c000:200/120"} {
			if Netmapper.Expressible(netip.MustParsePrefix(s)) {
				t.Errorf("%s is expressible", s)
			}
		}
		for _, s := range []string{"192.0.2.0/24", "2001:db8::/32", "2600::/12"} {
			if !Netmapper.Expressible(netip.MustParsePrefix(s)) {
				t.Errorf("%s is not expressible", s)
			}
		}
	})
	t.Run("requestctl", func(t *testing.T) {
		var block struct {
			CIDRs   []string `yaml:"cidrs"`
			Comment string   `yaml:"comment"`
		}
		strict(t, written(t, Requestctl, sampleHeader(), sample), &block)
		if len(block.CIDRs) != len(sample) || !strings.Contains(block.Comment, "until 2024-09-07T00:00:00Z") {
			t.Errorf("%+v", block)
		}
		strict(t, written(t, Requestctl, sampleHeader(), nil), &block)
		if block.CIDRs == nil || len(block.CIDRs) != 0 {
			t.Errorf("without entries %v, want an empty list", block.CIDRs)
		}
		var action struct {
			Enabled          bool     `yaml:"enabled"`
			LogMatching      bool     `yaml:"log_matching"`
			CacheMissOnly    bool     `yaml:"cache_miss_only"`
			Comment          string   `yaml:"comment"`
			Expression       string   `yaml:"expression"`
			RespStatus       int      `yaml:"resp_status"`
			RespReason       string   `yaml:"resp_reason"`
			Sites            []string `yaml:"sites"`
			DoThrottle       bool     `yaml:"do_throttle"`
			ThrottlePerIP    bool     `yaml:"throttle_per_ip"`
			ThrottleRequests int      `yaml:"throttle_requests"`
			ThrottleInterval int      `yaml:"throttle_interval"`
			ThrottleDuration int      `yaml:"throttle_duration"`
		}
		var b bytes.Buffer
		if err := WriteAction(&b, sampleHeader()); err != nil {
			t.Fatal(err)
		}
		strict(t, b.Bytes(), &action)
		if action.Enabled || !action.LogMatching || action.RespStatus != 429 || !action.DoThrottle || !action.ThrottlePerIP || action.Expression != "ipblock@abuse/sluice" {
			t.Errorf("%+v", action)
		}
	})
	t.Run("crowdsec", func(t *testing.T) {
		var ds []map[string]string
		if err := json.Unmarshal(written(t, CrowdSec, sampleHeader(), sample), &ds); err != nil {
			t.Fatal(err)
		}
		for i, d := range ds {
			dur, err := time.ParseDuration(d["duration"])
			single := sample[i].Prefix.IsSingleIP()
			if err != nil || dur != 7*24*time.Hour || d["type"] != "ban" || (d["scope"] == "Ip") != single || (d["scope"] == "Range") == single || strings.Contains(d["value"], "/") == single {
				t.Errorf("%v", d)
			}
		}
	})
}

func strict(t *testing.T, b []byte, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
}

// TestRefusals: what would break a consumer is not written.
func TestRefusals(t *testing.T) {
	header := func(change func(*Header)) Header { h := sampleHeader(); change(&h); return h }
	for name, c := range map[string]struct {
		h       Header
		entries []Entry
		want    string
	}{
		"name":      {header(func(h *Header) { h.Name = "two words" }), nil, "want a letter"},
		"comment":   {header(func(h *Header) { h.Appeal = "x\n0.0.0.0/0 sluice" }), nil, "control character"},
		"separator": {header(func(h *Header) { h.Why = "x\u2028y" }), nil, "control character"},
		"lifetime":  {header(func(h *Header) { h.Lifetime = time.Millisecond }), nil, "whole seconds"},
		"twice":     {sampleHeader(), []Entry{sample[0], sample[0]}, "not beyond the one before"},
		"overlap":   {sampleHeader(), []Entry{sample[1], entry("198.51.100.3/32", 1, 1, "")}, "not beyond the one before"},
		"order":     {sampleHeader(), []Entry{sample[1], sample[0]}, "not beyond the one before"},
		"host bits": {sampleHeader(), []Entry{entry("192.0.2.1/24", 1, 1, "")}, "bits beyond its length"},
		"mapped":    {sampleHeader(), []Entry{entry("::ffff:192.0.2.1/128", 1, 1, "")}, "IPv4-mapped"},
	} {
		for _, f := range Formats() {
			err := Write(&bytes.Buffer{}, f, c.h, slices.Values(c.entries))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v, want %q", name, f, err, c.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\u2028") {
				t.Errorf("%s: an error of several lines", name)
			}
		}
	}
	if _, err := ParseFormat("ipset"); err == nil || !strings.Contains(err.Error(), "haproxy-map") {
		t.Errorf("%v", err)
	}
}

// TestBadLists: each error has file and line and shows no address.
func TestBadLists(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1\n192.0.2.0/33\n":                                    "f:2: want an address",
		"192.0.2.1/24\n":                                               "f:1: want an address",
		"# x\nnonsense\n":                                              `f:2: want an address or a prefix without bits beyond its length, found "nonsense"`,
		"192.0.2.1 a b\n":                                              "f:1: 3 words",
		"{\"a\": [\n\"192.0.2.1\",\n7]}":                               "f:3: no JSON",
		"[{\"scope\":\"ip\",\"value\":\"x\"}]":                         "f: want an address",
		"{\"list\":{}}\n{\"prefix\":\"x\"}\n":                          "f:2: want an address",
		"{\"prefix\":\"192.0.2.1\"}\n{":                                "f:2: no JSON object",
		"prefix,addresses\n192.0.2.1,1\n192.0.2.1\n":                   "f:3: no CSV",
		"prefix,addresses\n192.0.2.300,1\n":                            "f:2: want an address",
		"cidrs: 7\n":                                                   "f:1: cidrs: want a list",
		"comment: x\n":                                                 "an ipblock without cidrs",
		"cidrs: [192.0.2.1/40]\n":                                      "f:1: want an address",
		"add element inet a b {\n 192.0.2.1,\n":                        "f:2: the braces",
		"table inet a {\n set b {\n elements = { 192.0.2.900 } }\n}\n": "f:3: want an address",
	} {
		_, _, err := Read(strings.NewReader(in), "f")
		if err == nil || !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "192.0.2") {
			t.Errorf("%q: an address in %v", in, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, k := range Formats() {
		f.Add(written(f, k, sampleHeader(), sample))
		h := sampleHeader()
		h.Bare = true
		f.Add(written(f, k, h, sample[:2]))
	}
	f.Add([]byte("192.0.2.1\n2001:db8::/32\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ps, _, err := Read(bytes.NewReader(b), "f")
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of several lines: %q", err)
			}
			return
		}
		// What was read can be written and read again.
		entries := make([]Entry, len(ps))
		for i, p := range ps {
			entries[i] = Entry{Prefix: p}
		}
		again, _, err := Read(bytes.NewReader(written(t, NFT, sampleHeader(), entries)), "g")
		if err != nil || !slices.Equal(again, ps) {
			t.Fatalf("%v, %v, want %v", again, err, ps)
		}
	})
}

// The real consumers, where they are installed.

func tool(t *testing.T, name string) string {
	t.Helper()
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed: its own check of our lists is left out", name)
	return ""
}

func put(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHAProxyTakesIt(t *testing.T) {
	haproxy := tool(t, "haproxy")
	for name, entries := range map[string][]Entry{"sample": sample, "empty": nil} {
		dir := t.TempDir()
		acl := put(t, dir, "sluice.acl", written(t, HAProxyACL, sampleHeader(), entries))
		mapped := put(t, dir, "sluice.map", written(t, HAProxyMap, sampleHeader(), entries))
		config := put(t, dir, "haproxy.cfg", []byte(`defaults
	mode http
	timeout client 1s
	timeout server 1s
	timeout connect 1s
frontend web
	bind 127.0.0.1:8098
	acl listed src -f `+acl+`
	http-request set-header X-Abuse-Network %[src,map_ip(`+mapped+`)]
	http-request deny deny_status 429 if listed
	default_backend app
backend app
	server one 127.0.0.1:1
`))
		if out, err := exec.Command(haproxy, "-c", "-f", config).CombinedOutput(); err != nil {
			t.Errorf("%s: haproxy -c: %v\n%s", name, err, out)
		}
	}
	// The check tells a bad list from a good one.
	dir := t.TempDir()
	bad := put(t, dir, "bad.map", []byte("nonsense sluice\n"))
	config := put(t, dir, "haproxy.cfg", []byte("frontend web\n\tmode http\n\ttimeout client 1s\n\tbind 127.0.0.1:8098\n\thttp-request set-header X %[src,map_ip("+bad+")]\n"))
	if out, err := exec.Command(haproxy, "-c", "-f", config).CombinedOutput(); err == nil {
		t.Errorf("haproxy -c takes nonsense: %s", out)
	}
}

func TestNginxTakesIt(t *testing.T) {
	nginx := tool(t, "nginx")
	check := func(list []byte) ([]byte, error) {
		dir := t.TempDir()
		geo := put(t, dir, "sluice.conf", list)
		config := put(t, dir, "nginx.conf", []byte(`pid `+dir+`/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path `+dir+`/a; proxy_temp_path `+dir+`/b; fastcgi_temp_path `+dir+`/c; uwsgi_temp_path `+dir+`/d; scgi_temp_path `+dir+`/e;
	geo $sluice_listed { default 0; include `+geo+`; }
	server { listen 127.0.0.1:8099; if ($sluice_listed) { return 429; } }
}
`))
		return exec.Command(nginx, "-t", "-q", "-c", config, "-p", dir).CombinedOutput()
	}
	for name, entries := range map[string][]Entry{"sample": sample, "empty": nil} {
		if out, err := check(written(t, Nginx, sampleHeader(), entries)); err != nil || bytes.Contains(out, []byte("[warn]")) {
			t.Errorf("%s: nginx -t: %v\n%s", name, err, out)
		}
	}
	if out, err := check([]byte("nonsense 1;\n")); err == nil {
		t.Errorf("nginx -t takes nonsense: %s", out)
	}
}

func TestNftTakesIt(t *testing.T) {
	nft := tool(t, "nft")
	dir := t.TempDir()
	probe := put(t, dir, "probe.nft", []byte("table inet probe {\n}\n"))
	if out, err := exec.Command(nft, "-c", "-f", probe).CombinedOutput(); err != nil {
		t.Skipf("nft -c is not permitted here: %s", bytes.TrimSpace(out))
	}
	many := slices.Clone(sample)
	for i := range 2500 {
		many = append(many, Entry{Prefix: netip.PrefixFrom(addr6{0x2a00_0000_0000_0000, uint64(2 * i)}.addr(), 128)})
	}
	forever := sampleHeader()
	forever.Lifetime = 0
	hours := sampleHeader()
	hours.Lifetime = 90 * time.Minute
	lists := map[string][]byte{
		"sample": written(t, NFT, sampleHeader(), sample), "empty": written(t, NFT, sampleHeader(), nil), "many": written(t, NFT, sampleHeader(), many),
		"no timeout": written(t, NFT, forever, sample), "minutes": written(t, NFT, hours, sample),
	}
	for _, word := range []string{"ip", "ip6", "set", "table", "drop", "inet", "counter", "tcp", "element"} {
		h := sampleHeader()
		h.Name = word // a word of nft's language
		lists[word] = written(t, NFT, h, sample)
	}
	for name, list := range lists {
		if out, err := exec.Command(nft, "-c", "-f", put(t, dir, "list.nft", list)).CombinedOutput(); err != nil {
			t.Errorf("%s: nft -c: %v\n%s", name, err, out)
		}
	}
	if out, err := exec.Command(nft, "-c", "-f", put(t, dir, "bad.nft", []byte("add element inet nothing here { 192.0.2.1 }\n"))).CombinedOutput(); err == nil {
		t.Errorf("nft -c takes nonsense: %s", out)
	}
}
