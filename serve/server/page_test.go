package server

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/serve/feed"
	"sluice/serve/page"
)

// pageHome is a service with feeds of three months.
func pageHome(t testing.TB, change ...func(*Config)) *testServer {
	t.Helper()
	return start(t, someLines(120), append([]func(*Config){func(c *Config) {
		c.Expired = ExpiredMark
		for _, d := range []feed.Date{"2024-06-29", "2024-06-30", "2024-07-31"} {
			lines := someLines(60)
			for i := range lines {
				lines[i].Confidence /= 2
			}
			writeFeed(t, c.Dir, d, lines)
		}
	}}, change...)...)
}

// view asks for a page.
func (s *testServer) view(t testing.TB, path string, headers ...string) (int, string) {
	t.Helper()
	code, h, body := s.rest(t, "GET", path, "", headers...)
	if h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%s: %d, Content-Type %q", path, code, h.Get("Content-Type"))
	}
	return code, body
}

// An address, a prefix and a month can be looked up, and what is not there says
// so, with a status to match.
func TestPage(t *testing.T) {
	s := pageHome(t)
	for _, c := range []struct {
		path string
		code int
		want []string
	}{
		{"/", 200, []string{"<h1>Look up an address</h1>", "The most abusive of 2024-08", `<a class="mono" href="/?q=192.0.2.119">192.0.2.119</a>`, `<span class="value">2024-08-31`, `<span class="value">240</span>`}},
		{"/?q=192.0.2.100", 200, []string{
			`<h1><span class="mono">192.0.2.100</span></h1>`, "39.1\u00a0%", "not abusive", "request_count", "&#43;0.50", "−0.25", "not known", // the score and its reasons
			"The feature store no longer holds these rows", "2024-08", "not in the feed of 2024-07-31", "not in the feed of 2024-06-30", // windows and history
			`href="/?q=192.0.2.0/24"`, "120 addresses",
		}},
		{"/?q=192.0.2.50", 200, []string{"2024-06", "9.8\u00a0%"}}, // half of what it is now
		{"/?q=%20192.0.2.50%20", 200, []string{`<h1><span class="mono">192.0.2.50</span></h1>`}},
		{"/?q=%3A%3Affff%3A192.0.2.50", 200, []string{`<h1><span class="mono">192.0.2.50</span></h1>`}},
		{"/?q=198.51.100.7", 404, []string{"The feed does not hold the address", `href="/?q=198.51.100.0/24"`}},
		{"/?q=2001:db8:0:1::1", 200, []string{"2001:db8:0:1::1", `href="/?q=2001:db8:0:1::/64"`}},
		{"/?q=192.0.2.0/24", 200, []string{"192.0.2.0/24", `<span class="value">120</span>`, `href="/?q=192.0.2.7"`, "page_token="}},
		{"/?q=192.0.2.77/24", 200, []string{`<h1><span class="mono">192.0.2.0/24</span></h1>`}},
		{"/?q=2001:db8::/48", 200, []string{"Networks in it", `href="/?q=2001%3Adb8%3A0%3A1%3A%3A%2F64"`}},
		{"/?q=198.51.100.0/24", 200, []string{"The feed holds no address of this prefix."}},
		{"/?q=192.0.0.0/8", 400, []string{"too wide", "Try an address"}},
		{"/?q=example.org", 400, []string{"Not an IP address", "Try an address"}},
		{"/?q=" + strings.Repeat("9", 3000), 400, []string{"Not an IP address"}},
		{"/page/top", 200, []string{"The most abusive of 2024-08", `<a href="/page/top?month=2024-06">`, `from=51" rel="next"`, "192.0.2.119"}},
		{"/page/top?from=51", 200, []string{`from=1" rel="prev"`, `from=101" rel="next"`}},
		{"/page/top?from=240", 200, []string{">240</td>"}},
		{"/page/top?month=2024-07", 200, []string{"The most abusive of 2024-07", "in the feed of 2024-07-31", `href="/?q=192.0.2.59"`}},
		{"/page/top?month=2023-01", 404, []string{"There is no such page"}},
		{"/page/top?month=soon", 400, []string{"Month: want a month"}},
		{"/page/top?from=-1", 400, []string{"From: want a rank"}},
		{"/page/other", 404, []string{"There is no such page"}},
	} {
		code, body := s.view(t, c.path)
		if code != c.code {
			t.Errorf("%.80s: %d, want %d", c.path, code, c.code)
		}
		for _, w := range c.want {
			if !strings.Contains(body, w) {
				t.Errorf("%.80s: no %q in\n%s", c.path, w, regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(body, ""))
			}
		}
	}
	empty := start(t, nil)
	if code, body := empty.view(t, "/"); code != 200 || !strings.Contains(body, "No feed is loaded yet") {
		t.Errorf("without a feed: %d", code)
	}
	if code, body := empty.view(t, "/?q=192.0.2.1"); code != 503 || !strings.Contains(body, "Not yet") {
		t.Errorf("without a feed: %d %s", code, body)
	}
	if code, _, _ := s.rest(t, "POST", "/", "q=192.0.2.1"); code != 405 {
		t.Errorf("POST: %d", code)
	}
	if code, h, body := s.rest(t, "HEAD", "/", ""); code != 200 || body != "" || h.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %q", code, body)
	}
}

// The ranked list is what sorting the whole feed gives.
func TestTopList(t *testing.T) {
	lines := someLines(256)
	for i := range lines {
		lines[i].Confidence = float64(i*7919%101) / 100
	}
	for i := range 300 {
		lines = append(lines, testLine(fmt.Sprintf("2001:db8:1:%x::1", i), float64(i%10)/10))
	}
	slices.SortFunc(lines, func(a, b feed.Line) int { return a.IP.Compare(b.IP) })
	s := start(t, lines)
	l, err := s.feeds.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	got, err := countTop(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(lines, func(a, b feed.Line) int { return byConfidence(&a, &b) })
	if len(got.lines) != topKept {
		t.Fatalf("%d lines", len(got.lines))
	}
	for i := range got.lines {
		if !got.lines[i].Equal(&lines[i]) {
			t.Fatalf("rank %d: %v, want %v", i+1, got.lines[i].IP, lines[i].IP)
		}
	}
	total := 0
	for _, n := range got.bins {
		total += n
	}
	abusive := 0
	for i := range lines {
		if lines[i].Verdict == feed.Abusive {
			abusive++
		}
	}
	if total != len(lines) || got.abusive != abusive {
		t.Errorf("%d in bins, %d abusive; want %d, %d", total, got.abusive, len(lines), abusive)
	}
}

// Headers let a browser run nothing, load nothing, and put the page into no
// other; each is on every page, refusals included.
func TestPageHeaders(t *testing.T) {
	open := pageHome(t)
	closed := pageHome(t, func(c *Config) { c.Tokens = tokenFile(t, allTokens) })
	for _, s := range []*testServer{open, closed} {
		for _, path := range []string{"/", "/?q=192.0.2.1", "/page/top", "/?q=x", "/page/none"} {
			_, h, body := s.rest(t, "GET", path, "", "Origin", "https://evil.example", "Host", "localhost")
			for name, want := range map[string]string{
				"Content-Security-Policy": page.Policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "private, no-store",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "", "Set-Cookie": "",
			} {
				if h.Get(name) != want {
					t.Errorf("%s: %s %q, want %q", path, name, h.Get(name), want)
				}
			}
			if s == closed && (h.Get("WWW-Authenticate") == "" || !strings.HasPrefix(h.Get("WWW-Authenticate"), "Basic ") || strings.Contains(body, "2024-08")) {
				t.Errorf("%s without a token: %q, or it tells of the feed", path, h.Get("WWW-Authenticate"))
			}
		}
	}
	for _, part := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(page.Policy, part) || strings.Contains(page.Policy, "unsafe") || strings.Contains(page.Policy, "script-src") {
			t.Errorf("the policy is %s", page.Policy)
		}
	}
}

// Who has the role page alone sees no whole address, nowhere in the source; the
// others do.
func TestPageIsMasked(t *testing.T) {
	s := pageHome(t, func(c *Config) { c.Tokens = tokenFile(t, allTokens) })
	whole := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)
	for _, path := range []string{"/", "/page/top", "/page/top?from=51", "/?q=192.0.2.100", "/?q=192.0.2.0/24", "/?q=192.0.2.100/32", "/?q=2001:db8:0:1::1", "/?q=2001:db8::/48", "/?q=198.51.100.7", "/?q=192.0.2.300"} {
		_, body := s.view(t, path, "Authorization", "Bearer "+screenToken)
		for _, m := range whole.FindAllString(body, -1) {
			if a, err := netip.ParseAddr(m); err == nil && a.As4()[3] != 0 && m != "192.0.2.1" { // the example in the search field
				t.Errorf("%s shows %s", path, m)
			}
		}
		if strings.Contains(body, "2001:db8:0:1::1") || strings.Contains(body, "::1\"") || strings.Contains(body, "page_token") || strings.Contains(body, "/32") {
			t.Errorf("%s shows a whole address", path)
		}
		if strings.HasPrefix(path, "/page/top") && !strings.Contains(body, ".xxx") {
			t.Errorf("%s shows nothing", path)
		}
		for _, token := range []string{scoreToken, feedToken, adminToken} {
			if _, body := s.view(t, path, "Authorization", "Bearer "+token); strings.Contains(body, ".xxx") {
				t.Errorf("%s is masked for %s", path, token)
			}
		}
	}
}

// In a browser: nothing of a page is wider than a phone's or a desk's window,
// and its policy lets it have its style. SLUICE_SCREENSHOTS names a folder to
// keep pictures in.
func TestPageInBrowser(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("SLUICE_LONG is not set: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	s := pageHome(t)
	dir := t.TempDir()
	run := func(args ...string) string {
		out, err := exec.Command(browser, append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files", "--virtual-time-budget=4000"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for name, path := range map[string]string{"home": "/", "address": "/?q=192.0.2.100", "address6": "/?q=2001:db8:0:1::1", "unknown": "/?q=198.51.100.7", "prefix": "/?q=192.0.2.0/24", "networks": "/?q=2001:db8::/48", "top": "/page/top", "wrong": "/?q=x"} {
		_, body := s.view(t, path)
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{360, 1280} {
			// Pages may not be framed: what is measured is the saved source, in a
			// page of the test's own.
			frame := filepath.Join(dir, "frame.html")
			outer := fmt.Sprintf(`<!DOCTYPE html><body style="margin:0"><iframe id="f" src=%q style="width:%dpx;height:3000px;border:0"></iframe><script>
onload=()=>{const doc=document.getElementById("f").contentDocument,d=doc.documentElement,out=[];
for(const e of doc.querySelectorAll("details"))e.open=true;
for(const e of doc.querySelectorAll("main *")){const r=e.getBoundingClientRect();if(!e.closest(".scroll")&&!e.closest("svg")&&r.right>d.clientWidth+1)out.push(e.tagName+" "+e.textContent.slice(0,30))}
let small=0;for(const e of doc.querySelectorAll("a,button,input,summary")){const r=e.getBoundingClientRect();if(r.height<16)small++}
const p=document.createElement("p");p.textContent="scroll="+d.scrollWidth+" client="+d.clientWidth+" small="+small+" outside="+out.length+" ["+out.slice(0,5).join("; ")+"]";document.body.prepend(p)}</script>`, name+".html", width)
			if err := os.WriteFile(frame, []byte(outer), 0o600); err != nil {
				t.Fatal(err)
			}
			m := regexp.MustCompile(`scroll=(\d+) client=(\d+) small=(\d+) outside=(\d+) \[([^\]]*)`).FindStringSubmatch(run("--dump-dom", "file://"+frame))
			if m == nil {
				t.Fatalf("%s: the browser measured nothing", name)
			}
			if m[1] != m[2] || m[3] != "0" || m[4] != "0" {
				t.Errorf("%s at %d pixels: content %s wide in %s, %s targets too small, outside: %s %s", name, width, m[1], m[2], m[3], m[4], m[5])
			}
			if keep := os.Getenv("SLUICE_SCREENSHOTS"); keep != "" {
				run(fmt.Sprintf("--window-size=%d,2000", max(width, 500)), "--screenshot="+filepath.Join(keep, fmt.Sprintf("%s-%d.png", name, width)), "file://"+frame)
			}
		}
		// Under its own headers, from the service: the style is in force, so the
		// policy's hash is right.
		if dom := run("--dump-dom", "http://"+s.HTTPAddr()+path); !strings.Contains(dom, `id="main"`) {
			t.Errorf("%s from the service: %.300s", name, dom)
		}
	}
}
