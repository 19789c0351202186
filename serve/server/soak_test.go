package server

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// soak is what its callers share.
type soak struct {
	s     *testServer
	names []string  // of the features
	rows  []byte    // a JSON body of rows
	basic string    // what a browser sends of the token
	feeds [2]string // SHA-256 of the feeds that take turns
}

// soakFeed writes the feed of the nth day, whose scores are by one version or
// the other, and gives its SHA-256. Days that nobody asks for any more go.
func soakFeed(t testing.TB, home string, n int, version string, now time.Time) string {
	t.Helper()
	date := func(n int) feed.Date { return feed.Date(asOf.AddDate(0, 0, n).Format(time.DateOnly)) }
	f := feed.Open(home)
	w, err := f.Create(date(n), version, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for i := range soakIPs {
		l := testLine(soakIP(2*i).String(), soakConfidence(i, version))
		l.ModelVersion, l.AsOf, l.ExpiresAt = version, now, now.Add(feed.DefaultTTL)
		if soakExpired(i) {
			l.AsOf, l.ExpiresAt = now.Add(-2*feed.DefaultTTL), now.Add(-feed.DefaultTTL)
		}
		if err := w.Write(&l); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.Commit(now)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{f.Path(date(n - 20)), f.IndexPath(date(n - 20))} {
		_ = os.Remove(path)
	}
	return d.SHA256
}

// holding is what the process holds while nobody asks anything.
type holding struct {
	goroutines, descriptors int
	heap                    uint64
}

// holds measures once what is on its way out has gone.
func holds() holding {
	var u holding
	for range 40 {
		runtime.GC()
		now := holding{goroutines: runtime.NumGoroutine()}
		if files, err := os.ReadDir("/proc/self/fd"); err == nil {
			now.descriptors = len(files)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now.heap = m.HeapAlloc
		if now.goroutines == u.goroutines && now.descriptors == u.descriptors {
			return now
		}
		u = now
		time.Sleep(50 * time.Millisecond)
	}
	return u
}

// Millions of requests of every kind, with versions and feeds exchanged, bad
// input and dropped connections: each answer is held against what it has to be,
// no 5xx comes but for scores that have run out, and what the process holds
// stays the same. A stream or a batch is one request. SLUICE_SOAK is the number
// of requests, 10 million where SLUICE_LONG alone is set.
func TestSoak(t *testing.T) {
	requests := 40_000
	switch {
	case os.Getenv("SLUICE_SOAK") != "":
		var err error
		if requests, err = strconv.Atoi(os.Getenv("SLUICE_SOAK")); err != nil {
			t.Fatal(err)
		}
	case os.Getenv("SLUICE_LONG") != "":
		requests = 10_000_000
	case testing.Short():
		requests = 4000
	}
	const rounds, connections, callersEach = 20, 4, 16
	const warm = 30 * connections * callersEach // requests after which each caller has opened what it keeps
	now := time.Now().Truncate(time.Second)
	tokens := tokenFile(t, "ops admin "+adminToken+"\n")
	k := &soak{names: columns.Names(), basic: "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+adminToken))}
	k.s = start(t, nil, func(c *Config) {
		// A machine that is halted for a while must not make calls run out.
		c.Limits = Limits{Calls: DefaultCalls, CallTime: time.Hour, StreamTime: time.Hour}
		c.headerTime, c.bodyTime = time.Hour, time.Hour
		c.Models, c.Poll, c.Shadow, c.Tokens, c.Expired = nil, 5*time.Millisecond, shadowNewest, tokens, ExpiredRefuse
		writeVersion(t, c.Dir, versionA, 1, asOf)
		writeVersion(t, c.Dir, versionB, 2, asOf.Add(time.Hour))
		setChampion(t, c.Dir, versionA)
		k.feeds[1] = soakFeed(t, c.Dir, 0, versionB, now)
		k.feeds[0] = soakFeed(t, c.Dir, 1, versionA, now)
	})
	var err error
	if k.rows, err = json.Marshal(map[string]any{"feature_names": k.names, "values": stumpRow(3)}); err != nil {
		t.Fatal(err)
	}
	ctx := metadata.NewOutgoingContext(ctx, metadata.Pairs("authorization", "Bearer "+adminToken))
	var callers []*soakCaller
	for n := range connections {
		conn, err := grpc.NewClient(k.s.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for m := range callersEach {
			c := &soakCaller{
				soak: k, ctx: ctx, conn: conn, client: pb.NewScoreServiceClient(conn), r: rand.New(rand.NewPCG(uint64(n), uint64(m))),
				in: bufio.NewReader(nil), outcomes: map[[2]string]int64{},
			}
			defer c.hangUp()
			callers = append(callers, c)
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // the heap is small, the collector would run all the time
	begun := time.Now()
	total, swaps, feeds := 0, 0, 1
	var before, after holding
	for round := range rounds {
		stop := make(chan struct{})
		var swapping, working sync.WaitGroup
		swapping.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(25 * time.Millisecond):
				}
				swaps++
				next := []string{versionA, versionB}[swaps%2]
				setChampion(t, k.s.home, next)
				awaitChampion(t, k.s, next)
				if swaps%80 == 0 {
					feeds++
					soakFeed(t, k.s.home, feeds, []string{versionB, versionA}[feeds%2], now)
				}
			}
		})
		var left atomic.Int64
		left.Store(int64(requests / rounds))
		for _, c := range callers {
			working.Go(func() {
				for left.Add(-1) >= 0 && !t.Failed() {
					if err := c.one(); err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				}
			})
		}
		working.Wait()
		close(stop)
		swapping.Wait()
		if t.Failed() {
			return
		}
		total += requests / rounds
		after = holds()
		if round <= 1 || total <= warm {
			before = after
		}
		t.Logf("%d requests in %v: %d goroutines, %d descriptors, %.1f MB of heap", total, time.Since(begun).Round(time.Second), after.goroutines, after.descriptors, float64(after.heap)/1e6)
	}
	outcomes, messages := map[[2]string]int64{}, int64(0)
	for _, c := range callers {
		messages += c.messages
		for k, n := range c.outcomes {
			outcomes[k] += n
		}
	}
	t.Logf("%d requests, each answer checked; %d versions and %d feeds exchanged, in %v", total, swaps, feeds, time.Since(begun).Round(time.Second))
	var unavailable int64
	for _, what := range slices.SortedFunc(maps.Keys(outcomes), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		t.Logf("  %-20s %-30s %9d", what[0], what[1], outcomes[what])
		if what[0] != "page" && (what[1] == codes.Unavailable.String() || what[1] == "503") {
			unavailable += outcomes[what]
		}
	}
	t.Logf("  messages within streams: %d", messages)
	k.failures(t, unavailable)
	// The page's list of a feed and the idle connections of both sides come and
	// go; what grows with the requests would be far beyond.
	if after.goroutines > before.goroutines+20 || after.descriptors > before.descriptors+20 || after.heap > before.heap+4<<20 {
		t.Errorf("it holds %+v, after a tenth of it %+v", after, before)
	}
}

// one makes one request of a kind that the dice say.
func (c *soakCaller) one() error {
	n := c.r.IntN(10_000)
	for _, k := range soakKinds {
		if n -= k.share; n < 0 {
			outcome, err := k.ask(c)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			c.outcomes[[2]string{k.name, outcome}]++
			return nil
		}
	}
	panic("the shares are not 10,000")
}

// failures holds the service's own count of failed requests against the
// callers': no failure that was not asked for, answered or not.
func (k *soak) failures(t *testing.T, unavailable int64) {
	t.Helper()
	_, _, body := k.s.rest(t, "GET", "/metrics", "", "Authorization", "Bearer "+adminToken)
	counted := map[string]int64{}
	for _, m := range regexp.MustCompile(`(?m)^sluice_requests_total\{code="(\w+)",method="(\w+)",transport="\w+"\} (\S+)$`).FindAllStringSubmatch(body, -1) {
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		if m[2] != routePage {
			counted[m[1]] += int64(n)
		}
	}
	t.Logf("  by the service's own count: %v", counted)
	for _, code := range []codes.Code{codes.Internal, codes.Unknown, codes.DataLoss} {
		if n := counted[code.String()]; n > 0 {
			t.Errorf("%d requests ended in %v", n, code)
		}
	}
	if n := counted[codes.Unavailable.String()]; n != unavailable || n == 0 {
		t.Errorf("%d requests were UNAVAILABLE, want the %d for scores that have run out", n, unavailable)
	}
}
