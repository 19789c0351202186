package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

const key = "0123456789abcdef"

// api answers as the documentation says; script gives the n-th request (from 0)
// another answer.
type api struct {
	t      *testing.T
	n      int
	asked  []string
	script func(n int, w http.ResponseWriter, r *http.Request) bool
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := a.n
	a.n++
	if r.Header.Get("Key") != key || r.Header.Get("Accept") != "application/json" {
		w.WriteHeader(401)
		fmt.Fprint(w, `{"errors":[{"detail":"Authentication failed.","status":401}]}`)
		return
	}
	ip := r.URL.Query().Get("ipAddress")
	a.asked = append(a.asked, ip)
	if a.script != nil && a.script(n, w, r) {
		return
	}
	switch r.URL.Path {
	case "/check":
		fmt.Fprintf(w, "{\"data\": {\"ipAddress\":%q,\"isPublic\":true,\"isWhitelisted\":null,\n\"abuseConfidenceScore\":0,\"totalReports\":%d,\"numDistinctUsers\":0,\"lastReportedAt\":null}}", ip, len(ip)%2)
	case "/blacklist":
		fmt.Fprint(w, `{"meta":{"generatedAt":"2024-08-31T10:00:00+00:00"},"data":[{"ipAddress":"5.6.7.8","abuseConfidenceScore":100}]}`)
	default:
		w.WriteHeader(404)
	}
}

type clock struct {
	at    time.Time
	slept []time.Duration
}

func client(t *testing.T, script func(n int, w http.ResponseWriter, r *http.Request) bool) (*Client, *api, *clock) {
	a := &api{t: t, script: script}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	k := &clock{at: time.Date(2024, 8, 31, 12, 0, 0, 0, time.UTC)}
	return &Client{Key: key, Base: s.URL + "/", HTTP: &http.Client{Timeout: 200 * time.Millisecond}, Now: func() time.Time { return k.at },
		Sleep: func(ctx context.Context, d time.Duration) error {
			k.slept = append(k.slept, d)
			k.at = k.at.Add(d)
			return ctx.Err()
		}}, a, k
}

func addresses(n int) []netip.Addr {
	var out []netip.Addr
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{5, 6, 7, byte(i + 1)}))
	}
	return out
}

func say(w http.ResponseWriter, status int, text string, headers ...string) bool {
	for i := 0; i < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	fmt.Fprint(w, text)
	return true
}

// A quota that runs out ends a run without an error; the next day's run asks for
// the rest, and what was written is read as labels.
func TestQuotaOverDays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checks.jsonl")
	left := 3
	c, a, k := client(t, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if left == 0 {
			return say(w, 429, `{"errors":[{"detail":"Daily rate limit of 3 requests exceeded.","status":429}]}`, "Retry-After", "29241")
		}
		left--
		return false
	})
	o := Checks{Addresses: addresses(5), File: file}
	res, err := c.Check(t.Context(), o)
	if err != nil || res.Asked != 3 || res.Left != 2 || !res.Until.Equal(k.at.Add(29241*time.Second)) || res.Stopped == "" || len(k.slept) > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	// Killed in the middle of a line: what is broken is asked again.
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b[:len(b)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	left, k.at = 10, k.at.Add(10*time.Hour)
	a.asked = nil
	res, err = c.Check(t.Context(), o)
	if err != nil || res.Asked != 3 || res.Known != 2 || res.Left != 0 || strings.Join(a.asked, " ") != "5.6.7.3 5.6.7.4 5.6.7.5" {
		t.Fatalf("%+v, %v, asked %v", res, err, a.asked)
	}
	if res, err = c.Check(t.Context(), o); err != nil || res.Asked != 0 || res.Known != 5 {
		t.Errorf("once more: %+v, %v", res, err)
	}
	set, err := reputation.Open(t.Context(), []string{file}, reputation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := row.ParseMonth("2024-08")
	for _, ip := range o.Addresses {
		if l := set.Label(ip, m); l != row.True { // seven characters, an odd number
			t.Errorf("%s: %v", ip, l)
		}
	}
	// Another month is another question.
	k.at = k.at.AddDate(0, 0, 5)
	o.Limit = 1
	if res, err = c.Check(t.Context(), o); err != nil || res.Asked != 1 || res.Left != 4 || res.Known != 0 {
		t.Errorf("in September: %+v, %v", res, err)
	}
}

func TestAnswersOfAllKinds(t *testing.T) {
	slow := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(2 * time.Second):
		}
	}
	for name, c := range map[string]struct {
		script func(n int, w http.ResponseWriter, r *http.Request) bool
		kind   fault.Kind // Unknown: no error
		want   Result
		slept  int
	}{
		"422 is kept": {func(n int, w http.ResponseWriter, _ *http.Request) bool {
			return n == 0 && say(w, 422, `{"errors":[{"detail":"The ip address must be a valid IPv4 or IPv6 address.","status":422}]}`)
		}, fault.Unknown, Result{Asked: 2, Refuse: 1}, 0},
		"broken JSON once": {func(n int, w http.ResponseWriter, _ *http.Request) bool { return n == 0 && say(w, 200, `{"data":{"ip`) }, fault.Unknown, Result{Asked: 2}, 1},
		"broken JSON":      {func(_ int, w http.ResponseWriter, _ *http.Request) bool { return say(w, 200, `<html>`) }, fault.Unavailable, Result{Left: 2}, 3},
		"402": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			return say(w, 402, `{"errors":[{"detail":"Plan."}]}`)
		}, fault.Denied, Result{Left: 2}, 0},
		"503 twice": {func(n int, w http.ResponseWriter, _ *http.Request) bool { return n < 2 && say(w, 503, "") }, fault.Unknown, Result{Asked: 2}, 2},
		"slow once": {func(n int, _ http.ResponseWriter, r *http.Request) bool {
			if n == 0 {
				slow(r)
			}
			return n == 0
		}, fault.Unknown, Result{Asked: 2}, 1},
		"429 for seconds": {func(n int, w http.ResponseWriter, _ *http.Request) bool {
			return n == 1 && say(w, 429, "", "Retry-After", "7")
		}, fault.Unknown, Result{Asked: 2}, 1},
		"none remaining": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-RateLimit-Remaining", "0")
			return false
		}, fault.Unknown, Result{Asked: 1, Left: 1, Stopped: "the daily quota is used up"}, 0},
		"429 with a reset": {func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			return say(w, 429, "", "X-RateLimit-Reset", "1725148800")
		}, fault.Unknown, Result{Left: 2, Until: time.Unix(1725148800, 0), Stopped: "the daily quota is used up"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cl, _, k := client(t, c.script)
			got, err := cl.Check(t.Context(), Checks{Addresses: addresses(2), File: filepath.Join(t.TempDir(), "checks.jsonl")})
			if fault.KindOf(err) != c.kind || (err == nil) != (c.kind == fault.Unknown) || got != c.want || len(k.slept) != c.slept {
				t.Errorf("%+v, %v after %v; want %+v", got, err, k.slept, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "5.6.7") || strings.ContainsAny(err.Error(), "\n")) {
				t.Errorf("the error gives away a key or an address: %q", err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	c, _, _ := client(t, nil)
	c.Key = "wrong"
	if _, err := c.Check(t.Context(), Checks{Addresses: addresses(1), File: filepath.Join(t.TempDir(), "c")}); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "ABUSEIPDB_API_KEY") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	if _, err := c.Check(t.Context(), Checks{File: filepath.Join(t.TempDir(), "c"), MaxAge: 366}); !fault.Is(err, fault.Usage) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Check(ctx, Checks{Addresses: addresses(1), File: filepath.Join(t.TempDir(), "c")}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("%v", err)
	}
}

func TestBlacklist(t *testing.T) {
	dir := t.TempDir()
	c, _, _ := client(t, nil)
	path, err := c.Blacklist(t.Context(), dir, 90, 10)
	if err != nil || filepath.Base(path) != "blacklist-2024-08-31T120000Z.json" {
		t.Fatalf("%s, %v", path, err)
	}
	set, err := reputation.Open(t.Context(), []string{path}, reputation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := row.ParseMonth("2024-08")
	if l := set.Label(netip.MustParseAddr("5.6.7.8"), m); l != row.True {
		t.Errorf("listed, and yet %v", l)
	}
	if _, err := c.Blacklist(t.Context(), dir, 0, 0); !fault.Is(err, fault.Conflict) {
		t.Errorf("overwritten: %v", err)
	}
	c, _, _ = client(t, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		return say(w, 429, "", "Retry-After", "86400")
	})
	if _, err := c.Blacklist(t.Context(), dir, 0, 0); !fault.Is(err, fault.Exhausted) || !strings.Contains(err.Error(), "2024-09-01T12:00:00Z") {
		t.Errorf("%v", err)
	}
}
