package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// soakIPs is how many addresses the soak's feed holds; as many again are asked
// for that it does not hold.
const soakIPs = 20_000

// soakConfidence is what the feed says of address i: two feeds take turns, told
// apart by the version that scored them.
func soakConfidence(i int, version string) float64 {
	v := float64(i%1000) / 1000
	if version == versionB {
		v = 1 - v
	}
	return v
}

func soakIP(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func soakFeed(t testing.TB, home, version string) {
	t.Helper()
	w, err := feed.Open(home).Create("2024-08-31", version, feed.Options{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for i := range soakIPs {
		l := testLine(soakIP(2*i).String(), soakConfidence(i, version))
		l.ModelVersion = version
		if err := w.Write(&l); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(asOf); err != nil {
		t.Fatal(err)
	}
}

// soak is the state that its workers share.
type soak struct {
	s        *testServer
	t        *testing.T
	rows     []byte // a JSON body of rows
	answered [8]atomic.Int64
	http     *http.Client
}

// wrongScore says what is wrong with a stored score of address i; odd numbers
// are not in the feed.
func wrongScore(i int, version string, confidence float64) error {
	if version != versionA && version != versionB {
		return fmt.Errorf("address %d: version %q", i, version)
	}
	if want := soakConfidence(i/2, version); i%2 == 1 || math.Abs(confidence-want) > 1e-9 {
		return fmt.Errorf("address %d: confidence %v by %s, want %v", i, confidence, version, want)
	}
	return nil
}

// wrongCode says what is wrong with an error: anything but what was asked for.
func wrongCode(err error, want codes.Code) error {
	if got := status.Code(err); got != want {
		return fmt.Errorf("%v, want %v", err, want)
	}
	return nil
}

// Kinds of requests.
const (
	soakGet = iota
	soakREST
	soakRows
	soakStream
	soakLookup
	soakList
	soakBad
	soakDropped
)

// one makes one step of a worker and says how many requests it was.
func (k *soak) one(ctx context.Context, r *rand.Rand, kind int) (int, error) {
	i := r.IntN(2 * soakIPs)
	ip := soakIP(i).String()
	want := codes.OK
	if i%2 == 1 {
		want = codes.NotFound
	}
	switch kind {
	case soakGet:
		a, err := k.s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + ip})
		if err != nil || want != codes.OK {
			return 1, wrongCode(err, want)
		}
		return 1, wrongScore(i, a.ModelVersion, a.Confidence)
	case soakREST:
		code, body, err := k.rest("GET", "/v1/ips/"+ip, nil)
		if err != nil {
			return 1, err
		}
		if want != codes.OK {
			if code != 404 {
				return 1, fmt.Errorf("%s: %d %s", ip, code, body)
			}
			return 1, nil
		}
		var a struct {
			ModelVersion string  `json:"model_version"`
			Confidence   float64 `json:"confidence"`
		}
		if err := json.Unmarshal(body, &a); err != nil || code != 200 {
			return 1, fmt.Errorf("%s: %d %s %w", ip, code, body, err)
		}
		return 1, wrongScore(i, a.ModelVersion, a.Confidence)
	case soakRows:
		n := 1 + r.IntN(20)
		q := &pb.ScoreRowsRequest{FeatureNames: columns.Names()}
		for range n {
			q.Values = append(q.Values, stumpRow(float64(r.IntN(20)))...)
		}
		a, err := k.s.client.ScoreRows(ctx, q)
		if err != nil || len(a.Confidences) != n {
			return 1, fmt.Errorf("%d rows: %v, %w", n, a, err)
		}
		return 1, wrongRows(q.Values, a.ModelVersion, a.Confidences)
	case soakStream:
		stream, err := k.s.client.StreamScores(ctx)
		if err != nil {
			return 1, err
		}
		n := 1 + r.IntN(20)
		for id := range n {
			q := &pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: append(stumpRow(3), stumpRow(float64(r.IntN(20)))...), Id: int64(id)}
			if err := stream.Send(q); err != nil {
				return id, err
			}
			a, err := stream.Recv()
			if err != nil || a.Status != nil || a.Id != int64(id) {
				return id, fmt.Errorf("message %d: %v, %w", id, a, err)
			}
			if err := wrongRows(q.Values, a.ModelVersion, a.Confidences); err != nil {
				return id, err
			}
		}
		if err := stream.CloseSend(); err != nil {
			return n, err
		}
		if _, err := stream.Recv(); err != io.EOF {
			return n, fmt.Errorf("the end: %w", err)
		}
		return n, nil
	case soakLookup:
		q := &pb.LookupIpsRequest{Ips: []string{ip, "no address", soakIP(i ^ 1).String()}}
		a, err := k.s.client.LookupIps(ctx, q)
		if err != nil || len(a.Results) != 3 {
			return 1, fmt.Errorf("%v, %w", a, err)
		}
		at := i % 2 * 2 // the one that is there
		if got := []int32{a.Results[at].Status.GetCode(), a.Results[1].Status.GetCode(), a.Results[2-at].Status.GetCode()}; got[0] != 0 || got[1] != int32(codes.InvalidArgument) || got[2] != int32(codes.NotFound) {
			return 1, fmt.Errorf("codes %v", got)
		}
		return 1, wrongScore(i&^1, a.Results[at].IpScore.ModelVersion, a.Results[at].IpScore.Confidence)
	case soakList:
		base := soakIP(i &^ 255)
		a, err := k.s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: base.String() + "/24", PageSize: 10})
		if err != nil {
			return 1, err
		}
		for n, m := range a.Members {
			if err := wrongScore(i&^255+2*n, m.ModelVersion, m.Confidence); err != nil {
				return 1, err
			}
		}
		code, body, err := k.rest("GET", []string{"/", "/?q=" + ip, "/page/top", "/?q=" + base.String() + "%2F24"}[r.IntN(4)], nil)
		if err == nil && code != 200 && code != 404 {
			err = fmt.Errorf("page: %d %.200s", code, body)
		}
		return 2, err
	case soakBad:
		return 1, k.bad(ctx, r)
	}
	return 1, k.dropped(r)
}

func wrongRows(values []float64, version string, confidences []float64) error {
	if len(confidences)*columns.NumFeatures != len(values) {
		return fmt.Errorf("%d confidences for %d values", len(confidences), len(values))
	}
	for i, c := range confidences {
		if err := wrongStump(version, values[i*columns.NumFeatures+columns.RequestCount], c); err != nil {
			return err
		}
	}
	return nil
}

// bad sends what has to be refused, and holds the refusal against what it
// should be.
func (k *soak) bad(ctx context.Context, r *rand.Rand) error {
	switch r.IntN(7) {
	case 0:
		_, err := k.s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/10.0.0." + strconv.Itoa(256+r.IntN(1000))})
		return wrongCode(err, codes.InvalidArgument)
	case 1:
		_, err := k.s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: []string{"x"}, Values: []float64{1}})
		return wrongCode(err, codes.InvalidArgument)
	case 2:
		_, err := k.s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{ModelVersion: "../../" + versionA, FeatureNames: columns.Names(), Values: stumpRow(1)})
		return wrongCode(err, codes.InvalidArgument)
	case 3:
		wrong := metadata.NewOutgoingContext(ctx, metadata.Pairs("authorization", "Bearer wrong-token-0123456789"))
		_, err := k.s.client.GetIpScore(wrong, &pb.GetIpScoreRequest{Name: "ips/10.0.0.0"})
		return wrongCode(err, codes.Unauthenticated)
	case 4:
		code, body, err := k.rest("POST", "/v1/rows:score", bytes.NewReader(k.rows[:r.IntN(len(k.rows)-1)]))
		if err == nil && code != 400 {
			err = fmt.Errorf("half a body: %d %s", code, body)
		}
		return err
	case 5:
		code, body, err := k.rest("GET", "/v1/modelVersions/..%2f..%2f"+strings.Repeat("x", r.IntN(500)), nil)
		if err == nil && code != 400 && code != 404 {
			err = fmt.Errorf("a path: %d %s", code, body)
		}
		return err
	}
	short, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(300))*time.Microsecond)
	defer cancel()
	if _, err := k.s.client.GetIpScore(short, &pb.GetIpScoreRequest{Name: "ips/10.0.0.0"}); err != nil && status.Code(err) != codes.DeadlineExceeded {
		return err
	}
	return nil
}

// dropped opens a connection, sends the beginning of something, and is gone.
func (k *soak) dropped(r *rand.Rand) error {
	addr, text := k.s.HTTPAddr(), "POST /v1/rows:score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+adminToken+"\r\nContent-Length: "+strconv.Itoa(len(k.rows))+"\r\n\r\n"+string(k.rows)
	if r.IntN(2) == 0 {
		addr, text = k.s.GRPCAddr(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x01\x04\x00\x00\x00\x01junk"
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_, _ = io.WriteString(c, text[:r.IntN(len(text))])
	if r.IntN(2) == 0 {
		_ = c.(*net.TCPConn).SetLinger(0) // a reset instead of an end
	}
	return nil
}

func (k *soak) rest(method, path string, body io.Reader) (int, []byte, error) {
	q, err := http.NewRequest(method, "http://"+k.s.HTTPAddr()+path, body)
	if err != nil {
		return 0, nil, err
	}
	q.Header.Set("Authorization", "Bearer "+adminToken)
	if path == "/" || strings.HasPrefix(path, "/page/") || strings.HasPrefix(path, "/?") {
		q.SetBasicAuth("me", adminToken)
	}
	a, err := k.http.Do(q)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if a.StatusCode >= 500 {
		err = fmt.Errorf("%s %s: %d %.300s", method, path, a.StatusCode, b)
	}
	return a.StatusCode, b, err
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
// and what the process holds stays the same. SLUICE_SOAK is the number of
// requests, 10 million where SLUICE_LONG alone is set.
func TestSoak(t *testing.T) {
	requests := 20_000
	switch {
	case os.Getenv("SLUICE_SOAK") != "":
		var err error
		if requests, err = strconv.Atoi(os.Getenv("SLUICE_SOAK")); err != nil {
			t.Fatal(err)
		}
	case os.Getenv("SLUICE_LONG") != "":
		requests = 10_000_000
	case testing.Short():
		requests = 3000
	}
	const rounds, workers = 20, 8
	tokens := tokenFile(t, "ops admin "+adminToken+"\n")
	s := start(t, nil, func(c *Config) {
		// A machine that is halted for a while must not make calls run out.
		c.Limits = Limits{Calls: DefaultCalls, CallTime: time.Hour, StreamTime: time.Hour}
		c.Models, c.Poll, c.Shadow, c.Tokens = nil, 5*time.Millisecond, shadowNewest, tokens
		writeVersion(t, c.Dir, versionA, 1, asOf)
		writeVersion(t, c.Dir, versionB, 2, asOf.Add(time.Hour))
		setChampion(t, c.Dir, versionA)
		soakFeed(t, c.Dir, versionA)
	})
	body, err := json.Marshal(map[string]any{"feature_names": columns.Names(), "values": stumpRow(3)})
	if err != nil {
		t.Fatal(err)
	}
	k := &soak{s: s, t: t, rows: body, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}}
	defer k.http.CloseIdleConnections()
	// In a hundred steps; a step of some kinds is several requests.
	mix := []int{soakGet: 44, soakREST: 16, soakRows: 14, soakStream: 4, soakLookup: 7, soakList: 3, soakBad: 9, soakDropped: 3}
	var dice []int
	for kind, n := range mix {
		for range n {
			dice = append(dice, kind)
		}
	}
	call := metadata.NewOutgoingContext(ctx, metadata.Pairs("authorization", "Bearer "+adminToken))
	begun := time.Now()
	total, swaps, feeds := 0, 0, 0
	var before, after holding
	for round := range rounds {
		stop := make(chan struct{})
		var swapping, working sync.WaitGroup
		swapping.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(25 * time.Millisecond):
				}
				next := []string{versionA, versionB}[n%2]
				setChampion(t, s.home, next)
				awaitChampion(t, s, next)
				swaps++
				if swaps%40 == 0 {
					soakFeed(t, s.home, []string{versionB, versionA}[feeds%2])
					feeds++
				}
			}
		})
		var left atomic.Int64
		left.Store(int64(requests / rounds))
		for w := range workers {
			working.Go(func() {
				r := rand.New(rand.NewPCG(uint64(round), uint64(w)))
				for left.Load() > 0 && !t.Failed() {
					kind := dice[r.IntN(len(dice))]
					n, err := k.one(call, r, kind)
					if err != nil {
						t.Errorf("round %d, kind %d: %v", round, kind, err)
						return
					}
					k.answered[kind].Add(int64(n))
					left.Add(int64(-n))
				}
			})
		}
		working.Wait()
		close(stop)
		swapping.Wait()
		if t.Failed() {
			return
		}
		total += requests/rounds - int(left.Load())
		after = holds()
		if round == 1 {
			before = after
		}
		t.Logf("%d requests in %v: %d goroutines, %d descriptors, %.1f MB of heap", total, time.Since(begun).Round(time.Second), after.goroutines, after.descriptors, float64(after.heap)/1e6)
	}
	var kinds []int64
	for i := range k.answered {
		kinds = append(kinds, k.answered[i].Load())
	}
	t.Logf("%d requests (by kind %v), %d versions and %d feeds exchanged, in %v", total, kinds, swaps, feeds, time.Since(begun).Round(time.Second))
	// The page's list of a feed and the idle connections of both sides come and
	// go; what grows with the requests would be far beyond.
	if after.goroutines > before.goroutines+20 || after.descriptors > before.descriptors+20 || after.heap > before.heap+16<<20 {
		t.Errorf("it holds %+v, after a fifth of it %+v", after, before)
	}
}
