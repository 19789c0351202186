package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
	"sluice/serve/server"
	"sluice/serve/server/client"
)

const model = "2024-08-0123456789ab"

var asOf = time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)

// lines are n addresses from the from-th, whose scores depend on salt.
func lines(from, n, salt int) []feed.Line {
	var out []feed.Line
	for i := from; i < from+n; i++ {
		out = append(out, feed.Line{
			IP: netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), Confidence: float64((i*7919+salt*(i%3))%1000) / 1000,
			Verdict: feed.NotAbusive, ModelVersion: model, AsOf: asOf, ExpiresAt: asOf.Add(feed.DefaultTTL),
			Reasons: []feed.Reason{{Feature: fmt.Sprint("feature", i*31%17), Value: float64(i * 7919 % 1009), Contribution: float64(i%13) / 8}},
			Windows: []feed.Window{},
		})
	}
	return out
}

func writeFeed(t *testing.T, home string, d feed.Date, lines []feed.Line) {
	t.Helper()
	if err := publish(home, d, lines); err != nil {
		t.Fatal(err)
	}
}

// serve runs a service until stop.
func serve(t *testing.T, home, addr string) (at string, stop func()) {
	t.Helper()
	at, end, err := run(home, addr)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return at, stop
}

func same(t *testing.T, c *client.Copy, d feed.Date, want []feed.Line) {
	t.Helper()
	if c.Date != d || len(c.Lines) != len(want) {
		t.Fatalf("the copy is of %s with %d lines, want %s with %d", c.Date, len(c.Lines), d, len(want))
	}
	for i := range want {
		if got := c.Lines[want[i].IP]; !got.Equal(&want[i]) {
			t.Fatalf("%s differs", want[i].IP)
		}
	}
}

// An ingestion job ends with exactly the feed's lines: after broken connections,
// differences, a restart of the service, and a feed that is gone.
func TestSync(t *testing.T) {
	home := t.TempDir()
	first := lines(0, 20_000, 1)
	writeFeed(t, home, "2024-08-30", first)
	at, stop := serve(t, home, "127.0.0.1:0")
	way, end, err := breaking(at, 200_000)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	c, err := client.New(way.addr, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	var copied client.Copy
	if changed, err := c.Sync(ctx, &copied); err != nil || !changed {
		t.Fatal(changed, err)
	}
	same(t, &copied, "2024-08-30", first)
	if way.broken.Load() == 0 {
		t.Error("no connection broke: the test shows nothing")
	}
	if changed, err := c.Sync(ctx, &copied); err != nil || changed {
		t.Errorf("the same feed again: %v, %v", changed, err)
	}

	until := func(d feed.Date, want []feed.Line) {
		t.Helper()
		for copied.Date != d {
			// The service needs a moment to load it, and the way may break.
			if _, err := c.Sync(ctx, &copied); err != nil && status.Code(err) != codes.Unavailable {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		same(t, &copied, d, want)
	}
	second := lines(100, 20_100, 1)
	for i := 0; i < len(second); i += 50 {
		second[i].Confidence = 0.5
	}
	writeFeed(t, home, "2024-08-31", second)
	until("2024-08-31", second)

	stop()
	third := lines(0, 300, 2)
	writeFeed(t, home, "2024-09-01", third)
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		time.Sleep(100 * time.Millisecond)
		serve(t, home, at)
	}()
	until("2024-09-01", third)
	<-restarted

	// The feed that the copy is of is gone: it is fetched whole.
	fourth := lines(7, 500, 3)
	copied.Date = "2024-01-01"
	writeFeed(t, home, "2024-09-02", fourth)
	until("2024-09-02", fourth)
}

// A copy tells what is not there from what has run out, and both from having
// nothing.
func TestLookup(t *testing.T) {
	home := t.TempDir()
	all := lines(0, 3, 1)
	all[1].ExpiresAt = asOf.Add(time.Hour)
	writeFeed(t, home, "2024-08-30", all)
	at, _ := serve(t, home, "127.0.0.1:0")
	c, err := client.New(at, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var copied client.Copy
	check := func(what string, ip netip.Addr, now time.Time, want client.Known) {
		t.Helper()
		l, got := copied.Lookup(ip, now)
		if got != want || (l.IP.IsValid()) != (want == client.Scored) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	ip, stranger := all[1].IP, netip.MustParseAddr("203.0.113.9")
	check("before the first feed", ip, asOf, client.Unavailable)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := c.Sync(ctx, &copied); err != nil {
		t.Fatal(err)
	}
	check("a score", ip, asOf, client.Scored)
	check("an IPv4-mapped address", netip.AddrFrom16(ip.As16()), asOf, client.Scored)
	check("a stranger", stranger, asOf, client.Unknown)
	check("one score has run out", ip, asOf.Add(time.Hour), client.Expired)
	check("a stranger beside it", stranger, asOf.Add(time.Hour), client.Unknown)
	check("another score", all[0].IP, asOf.Add(time.Hour), client.Scored)
	check("all have run out", all[0].IP, asOf.Add(feed.DefaultTTL), client.Expired)
	check("a stranger to a feed that has run out", stranger, asOf.Add(feed.DefaultTTL), client.Expired)

	// A feed of nobody says that strangers are unknown, for as long as one of
	// scores would.
	writeFeed(t, home, "2024-08-31", nil)
	for copied.Date != "2024-08-31" {
		if _, err := c.Sync(ctx, &copied); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	check("a feed of nobody", stranger, asOf, client.Unknown)
	check("a feed of nobody that has run out", stranger, asOf.Add(feed.DefaultTTL), client.Expired)
}

// A call waits for a service that is not there yet, and not for ever.
func TestRetries(t *testing.T) {
	home := t.TempDir()
	writeFeed(t, home, "2024-08-30", lines(0, 10, 1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(addr, client.Options{Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.GetIpScore(context.Background(), &pb.GetIpScoreRequest{Name: "ips/198.18.0.1"}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("nobody there: %v", err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		serve(t, home, addr)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if a, err := c.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/198.18.0.1"}); err != nil || a.GetIp() != "198.18.0.1" {
		t.Errorf("%v, %v", a, err)
	}
}

func TestToken(t *testing.T) {
	home := t.TempDir()
	writeFeed(t, home, "2024-08-30", lines(0, 10, 1))
	tokens := home + "/tokens"
	if err := os.WriteFile(tokens, []byte("job score,feed token-0123456789ab\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(context.Background(), server.Config{Dir: home, GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Tokens: tokens, Expired: server.ExpiredMark})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	for token, want := range map[string]codes.Code{"": codes.Unauthenticated, "wrong": codes.Unauthenticated, "token-0123456789ab": codes.OK} {
		c, err := client.New(s.GRPCAddr(), client.Options{Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/198.18.0.1"}); status.Code(err) != want {
			t.Errorf("token %q: %v", token, err)
		}
		var copied client.Copy
		if _, err := c.Sync(ctx, &copied); status.Code(err) != want {
			t.Errorf("token %q: %v", token, err)
		}
		_ = c.Close()
	}
}
