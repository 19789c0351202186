package server

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// drainLoad is what runs against a service while it is asked to end, and what
// became of it.
type drainLoad struct {
	asked  atomic.Int64 // when the end was asked for, in nanoseconds; 0: not yet
	grpcAt string
	httpAt string
	feed   string // its SHA-256

	answered, inFlight, refused, lost atomic.Int64 // calls; those in flight are among the answered
	streamed, streamedAfter           atomic.Int64 // messages within streams, and those after the signal
	downloads                         atomic.Int64 // whole, and in flight at the signal
	wrong                             sync.Map
}

// count says what became of a call. One that was begun before the signal has to
// be answered; one that was begun later may be refused, and be it only because
// nobody listens any more.
func (l *drainLoad) count(what string, begun time.Time, err error) (goOn bool) {
	asked := l.asked.Load()
	before := asked == 0 || begun.UnixNano() < asked
	switch {
	case err == nil:
		l.answered.Add(1)
		if before && asked != 0 {
			l.inFlight.Add(1)
		}
		return true
	case before:
		l.lost.Add(1)
		l.wrong.Store(what, err)
	default:
		l.refused.Add(1)
	}
	return false
}

func (l *drainLoad) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(l.grpcAt, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Error(err)
	}
	return conn
}

// The real program, under load of every kind, is sent SIGTERM: what is in flight
// is answered, streams and downloads go on to their own ends, and the exit
// status is 0.
func TestDrainUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	home := t.TempDir()
	binary := filepath.Join(t.TempDir(), "sluice-serve")
	if out, err := exec.Command("go", "build", "-o", binary, "sluice/serve").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	writeVersion(t, home, versionA, 1, asOf)
	setChampion(t, home, versionA)
	l := &drainLoad{feed: drainFeed(t, home)}
	cmd := exec.Command(binary, "--dir", home, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json")
	var stderr syncBuffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	drained := make(chan *DrainedEvent, 1)
	serving := make(chan *ServingEvent, 1)
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var e Event
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				t.Errorf("no event: %s", lines.Text())
			}
			if e.Serving != nil {
				serving <- e.Serving
			}
			if e.Drained != nil {
				drained <- e.Drained
			}
		}
	}()
	select {
	case s := <-serving:
		l.grpcAt, l.httpAt = s.GRPC, s.HTTP
	case <-time.After(time.Minute):
		t.Fatalf("it does not serve: %s", &stderr)
	}

	var working sync.WaitGroup
	for n := range 4 {
		conn := l.dial(t)
		defer conn.Close()
		client := pb.NewScoreServiceClient(conn)
		r := rand.New(rand.NewPCG(5, uint64(n)))
		working.Go(func() { l.unary(client, r) })
		working.Go(func() { l.rows(client) })
		working.Go(l.rest)
		working.Go(func() { l.stream(client) })
		working.Go(func() { l.export(client) })
		working.Go(l.download)
	}
	time.Sleep(time.Second)
	begun := time.Now()
	l.asked.Store(begun.UnixNano())
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	working.Wait()
	e := <-drained
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, &stderr)
	}
	took := time.Since(begun)
	if e == nil || e.CutOff {
		t.Errorf("drained: %+v", e)
	}
	l.wrong.Range(func(what, err any) bool {
		t.Errorf("%s: %v", what, err)
		return true
	})
	t.Logf("%d calls answered, of which %d were in flight at SIGTERM; %d messages within streams, of which %d after it; %d downloads in flight, all whole; %d calls lost, %d refused after it; ended in %v",
		l.answered.Load(), l.inFlight.Load(), l.streamed.Load(), l.streamedAfter.Load(), l.downloads.Load(), l.lost.Load(), l.refused.Load(), took.Round(time.Millisecond))
	// Four streams, four exports and four downloads are open when the signal
	// comes: all of them have to be among what was answered.
	if l.lost.Load() > 0 || l.downloads.Load() < 8 || l.streamedAfter.Load() == 0 || l.inFlight.Load() < 12 {
		t.Error("not drained under load, or something is lost")
	}
}

// drainFeed writes a feed that takes a while to download, and gives its hash.
func drainFeed(t *testing.T, home string) string {
	t.Helper()
	w, err := feed.Open(home).Create("2024-08-31", versionA, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	r := rand.New(rand.NewPCG(1, 2))
	now := time.Now().Truncate(time.Second)
	for i := range soakIPs {
		l := testLine(soakIP(2*i).String(), r.Float64())
		l.ModelVersion, l.AsOf, l.ExpiresAt = versionA, now, now.Add(feed.DefaultTTL)
		for j := range l.Reasons {
			l.Reasons[j].Value, l.Reasons[j].Contribution = r.Float64(), r.NormFloat64()
		}
		if err := w.Write(&l); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.Commit(now)
	if err != nil {
		t.Fatal(err)
	}
	return d.SHA256
}

// unary asks for one address after the other.
func (l *drainLoad) unary(client pb.ScoreServiceClient, r *rand.Rand) {
	for {
		i := r.IntN(2 * soakIPs)
		begun := time.Now()
		_, err := client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + soakIP(i).String()})
		if i%2 == 1 && status.Code(err) == codes.NotFound {
			err = nil
		}
		if !l.count("GetIpScore", begun, err) {
			return
		}
	}
}

// rows asks for batches that take a while.
func (l *drainLoad) rows(client pb.ScoreServiceClient) {
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names()}
	for i := range 2000 {
		q.Values = append(q.Values, stumpRow(float64(i%20))...)
	}
	for {
		begun := time.Now()
		a, err := client.ScoreRows(ctx, q)
		if err == nil {
			err = wrongRows(q.Values, a.ModelVersion, a.Confidences)
		}
		if !l.count("ScoreRows", begun, err) {
			return
		}
	}
}

// rest asks over one connection that is kept.
func (l *drainLoad) rest() {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for {
		begun := time.Now()
		a, err := (&http.Client{Transport: transport}).Get("http://" + l.httpAt + "/v1/ips/" + soakIP(2).String())
		if err == nil {
			_, err = io.Copy(io.Discard, a.Body)
			_ = a.Body.Close()
			if err == nil && a.StatusCode != 200 {
				err = errors.New(a.Status)
			}
		}
		if !l.count("REST", begun, err) {
			return
		}
	}
}

// stream sends messages until some time after the signal; then the stream ends
// as its caller wants.
func (l *drainLoad) stream(client pb.ScoreServiceClient) {
	begun := time.Now()
	l.count("StreamScores", begun, func() error {
		stream, err := client.StreamScores(ctx)
		if err != nil {
			return err
		}
		for id := int64(0); ; id++ {
			asked := l.asked.Load()
			if asked != 0 && time.Since(time.Unix(0, asked)) > time.Second {
				break
			}
			q := &pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: stumpRow(float64(id % 20)), Id: id}
			if err := stream.Send(q); err != nil {
				return err
			}
			a, err := stream.Recv()
			if err != nil || a.Status != nil || a.Id != id {
				return fmt.Errorf("message %d: %v, %w", id, a, err)
			}
			if err := wrongRows(q.Values, a.ModelVersion, a.Confidences); err != nil {
				return err
			}
			l.streamed.Add(1)
			if asked != 0 {
				l.streamedAfter.Add(1)
			}
			time.Sleep(time.Millisecond)
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		if _, err := stream.Recv(); err != io.EOF {
			return fmt.Errorf("the end: %w", err)
		}
		return nil
	}())
}

// slowly waits, until some time after the signal, so that a download lasts.
func (l *drainLoad) slowly() {
	if asked := l.asked.Load(); asked == 0 || time.Since(time.Unix(0, asked)) < 500*time.Millisecond {
		time.Sleep(60 * time.Millisecond)
	}
}

// export reads a feed over gRPC, slowly.
func (l *drainLoad) export(client pb.ScoreServiceClient) {
	begun := time.Now()
	l.count("ExportFeed", begun, func() error {
		stream, err := client.ExportFeed(ctx, &pb.ExportFeedRequest{Name: "feeds/latest"})
		if err != nil {
			return err
		}
		hash := sha256.New()
		for {
			a, err := stream.Recv()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			_, _ = hash.Write(a.GetChunk())
			l.slowly()
		}
		return l.whole(hash.Sum(nil))
	}())
}

// download reads a feed over REST, slowly.
func (l *drainLoad) download() {
	begun := time.Now()
	l.count("download", begun, func() error {
		conn, err := net.Dial("tcp", l.httpAt)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		if _, err := io.WriteString(conn, "GET /v1/feeds/2024-08-31.jsonl.gz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		a, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		hash, part := sha256.New(), make([]byte, 16<<10)
		for {
			n, err := a.Body.Read(part)
			_, _ = hash.Write(part[:n])
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			l.slowly()
		}
		return l.whole(hash.Sum(nil))
	}())
}

func (l *drainLoad) whole(sum []byte) error {
	if got := fmt.Sprintf("%x", sum); got != l.feed {
		return fmt.Errorf("a feed with sha256 %s, want %s", got, l.feed)
	}
	if l.asked.Load() == 0 {
		return errors.New("the download ended before the signal: the test is too quick")
	}
	l.downloads.Add(1)
	return nil
}
