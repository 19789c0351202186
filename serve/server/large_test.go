package server

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// largeRows is how many addresses TestLarge serves; SLUICE_LARGE_ROWS is
// another number.
const largeRows = 10_000_000

// largeAddress is the i-th of n: nine of ten are IPv4, spread over all of it.
func largeAddress(i, n int) netip.Addr {
	if v4 := n * 9 / 10; i < v4 {
		v := uint32(uint64(i) << 32 / uint64(v4))
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	return netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i), 15: 1})
}

// writeLarge writes a feed of n addresses, five reasons each.
func writeLarge(t *testing.T, home string, n int) {
	t.Helper()
	w, err := feed.Open(home).Create("2024-08-31", champion, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	rng := rand.New(rand.NewPCG(1, 2))
	l := testLine("0.0.0.0", 0.5)
	l.Reasons = make([]feed.Reason, 5)
	names := []string{"request_count", "response_size_mean", "uri_query_count", "desktop_ratio", "user_agent_count"}
	for i := range n {
		l.IP = largeAddress(i, n)
		l.Confidence = rng.Float64()
		l.Windows[0].Confidence = l.Confidence
		for r := range l.Reasons {
			l.Reasons[r] = feed.Reason{Feature: names[r], Value: float64(rng.IntN(5000)), Contribution: rng.NormFloat64()}
			if r == 1 || r == 3 {
				l.Reasons[r].Value = rng.Float64()
			}
		}
		if err := w.Write(&l); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(asOf); err != nil {
		t.Fatal(err)
	}
}

// The real service over 10 million addresses: how long from its start until it
// is ready, and how much memory it holds after lookups all over the feed.
func TestLarge(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1 to serve 10 million addresses: minutes, and about 2 GB of disk")
	}
	n := largeRows
	if s := os.Getenv("SLUICE_LARGE_ROWS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1000 {
			t.Fatalf("SLUICE_LARGE_ROWS %q: want a number from 1000", s)
		}
	}
	home := t.TempDir()
	binary := filepath.Join(t.TempDir(), "sluice-serve")
	if out, err := exec.Command("go", "build", "-o", binary, "sluice/serve").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	begun := time.Now()
	writeLarge(t, home, n)
	t.Logf("written in %v", time.Since(begun).Round(time.Millisecond))
	for _, name := range []string{"2024-08-31.jsonl.gz", "2024-08-31.idx"} {
		st, err := os.Stat(filepath.Join(home, "feeds", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.0f MB, %.1f B a row", name, float64(st.Size())/1e6, float64(st.Size())/float64(n))
	}

	begun = time.Now()
	addr := freeAddress(t)
	cmd := exec.Command(binary, "--dir", home, "--grpc", addr, "--http", freeAddress(t), "--expired", ExpiredMark)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the service ended with %v\n%s", err, &stderr)
		}
	}()
	often := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1, MaxDelay: 20 * time.Millisecond}, MinConnectTimeout: time.Second}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(often))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := pb.NewScoreServiceClient(conn)
	patience, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		_, err := client.GetIpScore(patience, &pb.GetIpScoreRequest{Name: ipsPrefix + largeAddress(0, n).String()}, grpc.WaitForReady(true))
		if err == nil {
			break
		}
		if status.Code(err) != codes.Unavailable || isExpired(err) {
			t.Fatalf("%v\n%s", err, &stderr)
		}
	}
	ready := time.Since(begun)
	t.Logf("%d addresses: ready after %v", n, ready.Round(time.Millisecond))
	if ready > 10*time.Second {
		t.Errorf("ready after %v, which is more than 10 s", ready)
	}
	logMemory(t, "after the start", cmd.Process.Pid)

	rng := rand.New(rand.NewPCG(3, 4))
	begun = time.Now()
	const calls, each = 200, 1000
	for range calls {
		q := &pb.LookupIpsRequest{Ips: make([]string, each)}
		for i := range q.Ips {
			q.Ips[i] = largeAddress(rng.IntN(n), n).String()
		}
		a, err := client.LookupIps(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range a.Results {
			if r.IpScore.GetIp() != q.Ips[i] || len(r.IpScore.GetReasons()) != 5 {
				t.Fatalf("%d of %d: %v", i, each, r.GetStatus())
			}
		}
	}
	t.Logf("%d lookups in %v", calls*each, time.Since(begun).Round(time.Millisecond))
	if held := logMemory(t, "after the lookups", cmd.Process.Pid); held > 1<<30 {
		t.Errorf("the service holds %d bytes, which is more than 1 GiB", held)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := listen("grpc", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// logMemory logs and gives the resident memory of a process in bytes, the
// index's mapped pages among it; 0 where the system does not tell.
func logMemory(t *testing.T, when string, pid int) (held int) {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Logf("memory is not known here: %v", err)
		return 0
	}
	var told []string
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "VmHWM", "VmRSS", "RssAnon", "RssFile":
			value = strings.TrimSpace(value)
			told = append(told, name+" "+value)
			if kB, err := strconv.Atoi(strings.TrimSuffix(value, " kB")); err == nil && name == "VmRSS" {
				held = kB << 10
			}
		}
	}
	t.Logf("memory %s: %s", when, strings.Join(told, ", "))
	return held
}
