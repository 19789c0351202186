package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
)

// alive holds the service against its callers: whatever was done to it, both
// ports answer on connections of their own.
func alive(t *testing.T, s *testServer, after string) {
	t.Helper()
	if _, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); err != nil {
		t.Errorf("after %s gRPC answers %v", after, err)
	}
	if code, _, _ := s.rest(t, "GET", "/v1/ips/192.0.2.0", ""); code != 200 {
		t.Errorf("after %s REST answers %d", after, code)
	}
}

// allocated is how many bytes a call made the process allocate.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Bodies beyond the bound are refused: at once where they say how long they
// are, while they come where they don't.
func TestOversizedBodies(t *testing.T) {
	s := start(t, someLines(1))
	c, err := net.Dial("tcp", s.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Not a byte of the body is sent.
	if _, err := fmt.Fprintf(c, "POST /v1/rows:score HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", maxMessage+1); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a declared length: %d", a.StatusCode)
	}
	for _, path := range []string{"/v1/rows:score", "/v1/ips:lookup", "/v2/models/sluice/infer", "/v1/models/sluice:predict"} {
		body := io.LimitReader(endless(' '), maxMessage+1<<20) // chunked
		r, err := http.NewRequest("POST", "http://"+s.HTTPAddr()+path, io.NopCloser(body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			continue // refused while it came
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: make([]float64, maxMessage/8+1)}
	if _, err := s.client.ScoreRows(ctx, q); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("gRPC: %v", err)
	}
	q.Values = make([]float64, (maxRows+1)*columns.NumFeatures)
	if _, err := s.client.ScoreRows(ctx, q); status.Code(err) != codes.InvalidArgument {
		t.Errorf("too many rows: %v", err)
	}
	alive(t, s, "oversized bodies")
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// Nesting costs a small multiple of the body's size and ends in a refusal.
func TestDeepNesting(t *testing.T) {
	s := start(t, someLines(1))
	const deep = 1 << 20
	for _, path := range []string{"/v1/rows:score", "/v1/ips:lookup", "/v2/models/sluice/infer", "/v1/models/sluice:predict"} {
		for _, open := range []string{"[", `{"a":`, `{"inputs":[{"data":[`, `{"instances":[`} {
			body := strings.Repeat(open, deep/len(open))
			code := 0
			used := allocated(func() { code, _, _ = s.rest(t, "POST", path, body) })
			if code != 400 {
				t.Errorf("%s with %q: %d", path, open, code)
			}
			if used > 100*deep {
				t.Errorf("%s with %q allocates %d bytes for %d", path, open, used, deep)
			}
		}
	}
	// Groups within groups, as an unknown field: the deepest that protobuf has.
	groups := bytes.Repeat([]byte{0x7b}, deep)
	used := allocated(func() {
		if err := invokeRaw(s, "/sluice.v1.ScoreService/GetIpScore", groups); err == nil {
			t.Error("nested groups are accepted")
		}
	})
	if used > 100*deep {
		t.Errorf("nested groups allocate %d bytes", used)
	}
	alive(t, s, "deep nesting")
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(d mem.BufferSlice, v any) error {
	*v.(*[]byte) = d.Materialize()
	return nil
}

func (rawCodec) Name() string { return "proto" }

func invokeRaw(s *testServer, method string, message []byte) error {
	c, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var answer []byte
	return s.conn.Invoke(c, method, message, &answer, grpc.ForceCodecV2(rawCodec{}))
}

// Compressed requests are not unpacked.
func TestGzipBombs(t *testing.T) {
	s := start(t, someLines(1))
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.Copy(z, io.LimitReader(endless('['), 256<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	code := 0
	used := allocated(func() {
		code, _, _ = s.rest(t, "POST", "/v1/rows:score", bomb.String(), "Content-Encoding", "gzip", "Content-Type", "application/json")
	})
	if code != 400 || used > 16<<20 {
		t.Errorf("REST: %d, %d bytes allocated", code, used)
	}
	if encoding.GetCompressor("gzip") != nil {
		t.Error("a compressor is registered")
	}
	message := append([]byte{1, 0, 0, 0, 0}, bomb.Bytes()...) // compressed, its length
	binary.BigEndian.PutUint32(message[1:], uint32(bomb.Len()))
	h := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	h.Protocols.SetUnencryptedHTTP2(true)
	defer h.CloseIdleConnections()
	r, err := http.NewRequest("POST", "http://"+s.GRPCAddr()+"/sluice.v1.ScoreService/ScoreRows", bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Grpc-Encoding", "gzip")
	r.Header.Set("Te", "trailers")
	used = allocated(func() {
		a, err := h.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, a.Body)
		_ = a.Body.Close()
		code := a.Trailer.Get("Grpc-Status")
		if code == "" {
			code = a.Header.Get("Grpc-Status")
		}
		if code != fmt.Sprint(int(codes.Unimplemented)) {
			t.Errorf("gRPC: status %q %s", code, a.Trailer)
		}
	})
	if used > 16<<20 {
		t.Errorf("gRPC: %d bytes allocated", used)
	}
	alive(t, s, "bombs")
}

// closedWithin reads until the other side ends the connection.
func closedWithin(c net.Conn, d time.Duration) (got []byte, closed bool) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	got, err := io.ReadAll(c)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return got, false
	}
	return got, true
}

func dialTCP(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Who sends headers or a body too slowly, or does not read what it asked for, is
// cut off; so is who does not shake hands.
func TestSlowClients(t *testing.T) {
	s := start(t, someLines(256), func(c *Config) {
		c.headerTime, c.bodyTime = 100*time.Millisecond, 200*time.Millisecond
		c.Limits = Limits{CallTime: 100 * time.Millisecond, StreamTime: time.Second}
	})
	for name, text := range map[string]string{
		"nothing":         "",
		"half a header":   "GET /v1/ips HTTP/1.1\r\nHost: local",
		"headers, no end": "GET /v1/ips HTTP/1.1\r\nHost: localhost\r\n",
		"half a body":     "POST /v1/rows:score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	} {
		c := dialTCP(t, s.HTTPAddr())
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if got, closed := closedWithin(c, 10*time.Second); !closed || bytes.Contains(got, []byte("200 OK")) {
			t.Errorf("%s: closed %v after %.100q", name, closed, got)
		}
	}
	// Many answers are asked for and none is read.
	c := dialTCP(t, s.HTTPAddr())
	_ = c.(*net.TCPConn).SetReadBuffer(1024)
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	var err error
	for range 100_000 {
		if _, err = io.WriteString(c, "GET /v1/ips?page_size=512 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			break
		}
	}
	if e, ok := err.(net.Error); err == nil || ok && e.Timeout() {
		t.Errorf("who does not read is not cut off: %v", err)
	}
	alive(t, s, "slow clients")
}

// Headers are bounded, on both ports, also where they come in pieces.
func TestHeaderFloods(t *testing.T) {
	s := start(t, someLines(1))
	c := dialTCP(t, s.HTTPAddr())
	taken := make(chan int, 1)
	go func() {
		n := 0
		defer func() { taken <- n }()
		_, _ = io.WriteString(c, "GET /v1/ips HTTP/1.1\r\nHost: localhost\r\n")
		for i := range 100_000 {
			m, err := fmt.Fprintf(c, "X-Header-%d: %s\r\n", i, strings.Repeat("x", 1000))
			if n += m; err != nil {
				return
			}
		}
	}()
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("REST: %d", a.StatusCode)
	}
	_ = c.Close()
	// What lies in the kernel's buffers counts as sent.
	if n := <-taken; n > 32<<20 {
		t.Errorf("REST takes %d bytes of headers", n)
	}
	// gRPC: a block of headers that goes on for ever.
	f, conn := http2Conn(t, s.GRPCAddr())
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/sluice.v1.ScoreService/GetIpScore"}, {":authority", "localhost"}, {"content-type", "application/grpc"}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()}); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	sent := 0
	for i := range 100_000 {
		block.Reset()
		_ = e.WriteField(hpack.HeaderField{Name: fmt.Sprintf("x-%d", i), Value: strings.Repeat("y", 1000), Sensitive: true})
		if err = f.WriteContinuation(1, false, block.Bytes()); err != nil {
			break
		}
		sent += block.Len()
	}
	if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
		t.Errorf("gRPC takes %d bytes of headers and goes on: %v", sent, err)
	}
	// A connection that stays below the frames but beyond the list is told so.
	long := insecureConn(t, s.GRPCAddr())
	if _, err := pb.NewScoreServiceClient(long).GetIpScore(withToken(strings.Repeat("x", 20<<10)), &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); err == nil {
		t.Error("20 kB of headers are taken")
	}
	alive(t, s, "header floods")
}

// http2Conn is a connection that has shaken hands.
func http2Conn(t testing.TB, addr string) (*http2.Framer, net.Conn) {
	t.Helper()
	c := dialTCP(t, addr)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f, c
}

// Random and damaged messages are errors of their calls.
func TestMalformedProtobuf(t *testing.T) {
	s := start(t, someLines(2))
	good, err := proto.Marshal(&pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: stumpRow(3), MaxReasons: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	n := 40
	if testing.Short() {
		n = 8
	}
	seen := map[codes.Code]int{}
	for method, streams := range s.methods {
		if streams {
			continue
		}
		for range n {
			b := bytes.Clone(good)
			switch r.IntN(3) {
			case 0:
				for range 1 + r.IntN(8) {
					b[r.IntN(len(b))] = byte(r.Uint32())
				}
			case 1:
				b = b[:r.IntN(len(b))]
			case 2:
				for i := range b {
					b[i] = byte(r.Uint32())
				}
			}
			code := status.Code(invokeRaw(s, method, b))
			seen[code]++
			switch code {
			case codes.OK, codes.InvalidArgument, codes.NotFound, codes.Unimplemented, codes.FailedPrecondition, codes.Unavailable:
			case codes.Internal: // gRPC's own word for a message that can't be read
			default:
				t.Errorf("%s answers %v to %x", method, code, b)
			}
		}
	}
	if seen[codes.Internal] == 0 || seen[codes.InvalidArgument] == 0 {
		t.Errorf("codes %v: nothing was damaged", seen)
	}
	alive(t, s, "malformed messages")
}

// What is no HTTP/2 ends its connection; floods do, or change nothing; and the
// others don't notice.
func TestMalformedHTTP2(t *testing.T) {
	s := start(t, someLines(1))
	alive(t, s, "nothing")
	before := runtime.NumGoroutine()
	frame := func(typ, flags byte, stream uint32, payload []byte) []byte {
		b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), typ, flags}
		return append(binary.BigEndian.AppendUint32(b, stream), payload...)
	}
	settings := frame(4, 0, 0, nil)
	for name, b := range map[string][]byte{
		"HTTP/1.1":                      []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"TLS":                           {0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3},
		"noise":                         bytes.Repeat([]byte{0xde, 0xad}, 500),
		"a preface cut short":           []byte(http2.ClientPreface[:10] + "xxxxxxxxxxxxxxxxx"),
		"no settings":                   append([]byte(http2.ClientPreface), frame(0, 0, 1, []byte("x"))...),
		"a frame too long":              append(append([]byte(http2.ClientPreface), settings...), 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1),
		"settings of a wrong length":    append([]byte(http2.ClientPreface), frame(4, 0, 0, []byte("12345"))...),
		"headers on stream 0":           append(append([]byte(http2.ClientPreface), settings...), frame(1, 4, 0, []byte{0x82})...),
		"headers on an even stream":     append(append([]byte(http2.ClientPreface), settings...), frame(1, 4, 2, []byte{0x82})...),
		"headers that are no HPACK":     append(append([]byte(http2.ClientPreface), settings...), frame(1, 4, 1, bytes.Repeat([]byte{0xff}, 100))...),
		"a continuation of nothing":     append(append([]byte(http2.ClientPreface), settings...), frame(9, 4, 1, []byte{0x82})...),
		"a window beyond its bound":     append(append([]byte(http2.ClientPreface), settings...), frame(8, 0, 0, []byte{0x7f, 0xff, 0xff, 0xff})...),
		"a window update of nothing":    append(append([]byte(http2.ClientPreface), settings...), frame(8, 0, 0, []byte{0, 0, 0, 0})...),
		"a ping of a wrong length":      append(append([]byte(http2.ClientPreface), settings...), frame(6, 0, 0, []byte("1"))...),
		"a push":                        append(append([]byte(http2.ClientPreface), settings...), frame(5, 4, 1, []byte{0, 0, 0, 2, 0x82})...),
		"padding longer than its frame": append(append([]byte(http2.ClientPreface), settings...), frame(0, 8, 1, []byte{200, 1})...),
	} {
		c := dialTCP(t, s.GRPCAddr())
		_, _ = c.Write(b)
		_ = c.(*net.TCPConn).CloseWrite()
		if _, closed := closedWithin(c, 15*time.Second); !closed {
			t.Errorf("%s: the connection stays", name)
		}
	}
	flood := func(name string, n int, write func(f *http2.Framer, i int) error) {
		f, c := http2Conn(t, s.GRPCAddr())
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
		for i := range n {
			if err := write(f, i); err != nil {
				break // cut off
			}
		}
		_ = c.Close()
		alive(t, s, name)
	}
	n := 20_000
	if testing.Short() {
		n = 2000
	}
	flood("a flood of PING", n, func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) })
	flood("a flood of SETTINGS", n, func(f *http2.Framer, _ int) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	})
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	flood("a flood of RST_STREAM", n, func(f *http2.Framer, i int) error {
		block.Reset()
		for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/sluice.v1.ScoreService/StreamScores"}, {":authority", "localhost"}, {"content-type", "application/grpc"}, {"te", "trailers"}} {
			_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		id := uint32(2*i + 1)
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
			return err
		}
		return f.WriteRSTStream(id, http2.ErrCodeCancel)
	})
	flood("empty DATA", n, func(f *http2.Framer, i int) error { return f.WriteData(1, false, nil) })
	eventually(t, "the end of what the floods began", func() bool { return runtime.NumGoroutine() <= before+10 })
}

// idleKinds are what TestIdleConnections opens: the port, what is sent on each
// connection, and how many bytes of an answer show that it was understood.
var idleKinds = map[string]struct {
	grpc   bool
	say    string
	answer int
}{
	"gRPC, shaken hands":    {true, http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9},
	"REST, after a request": {false, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 64},
}

// Idle connections cost little and hold up nobody. With SLUICE_LONG there are
// 10,000 of a kind at a time, whose other ends are in a process of their own:
// what is measured is the service's side alone.
func TestIdleConnections(t *testing.T) {
	n := 300
	if os.Getenv("SLUICE_LONG") != "" {
		n = 10_000
	}
	s := start(t, someLines(1))
	alive(t, s, "nothing")
	for kind, k := range idleKinds {
		addr := s.HTTPAddr()
		if k.grpc {
			addr = s.GRPCAddr()
		}
		before := memory()
		c := exec.Command(os.Args[0], "-test.run=^TestIdleClient$")
		c.Env = append(os.Environ(), "SLUICE_IDLE="+strings.Join([]string{addr, strconv.Itoa(n), kind}, "|"))
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		end := sync.OnceFunc(func() {
			_ = in.Close() // lets it go
			_ = c.Wait()
		})
		defer end()
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
			if strings.Contains(line, "too many open files") {
				t.Skipf("%s: %s", kind, line)
			}
			t.Fatalf("%s: %q, %v", kind, line, err)
		}
		alive(t, s, kind)
		each := (memory() - before) / int64(n)
		t.Logf("%s: %d connections, %d bytes each", kind, n, each)
		if each > 128<<10 {
			t.Errorf("%s: %d bytes a connection", kind, each)
		}
		port := "http"
		if k.grpc {
			port = "grpc"
		}
		open := func() int {
			_, _, metrics := s.rest(t, "GET", "/metrics", "")
			_, rest, _ := strings.Cut(metrics, "sluice_connections{port=\""+port+"\"} ")
			text, _, _ := strings.Cut(rest, "\n")
			v, _ := strconv.ParseFloat(text, 64)
			return int(v)
		}
		if open() < n {
			t.Errorf("%s: %d connections are open, want %d", kind, open(), n)
		}
		end() // so that the next kind has descriptors
		eventually(t, "the end of "+kind, func() bool { return open() < n/2+1 })
	}
}

// TestIdleClient is the other end of TestIdleConnections, in a process of its
// own.
func TestIdleClient(t *testing.T) {
	said := strings.Split(os.Getenv("SLUICE_IDLE"), "|")
	if len(said) != 3 {
		t.Skip("TestIdleConnections runs it")
	}
	n, err := strconv.Atoi(said[1])
	if err != nil {
		t.Fatal(err)
	}
	k := idleKinds[said[2]]
	all := make([]net.Conn, n)
	var g errgroup.Group
	g.SetLimit(64) // all are open before the first has been idle for too long
	for i := range all {
		g.Go(func() error {
			c, err := net.Dial("tcp", said[0])
			if err == nil {
				_, err = io.WriteString(c, k.say)
			}
			if err == nil {
				_, err = io.ReadFull(c, make([]byte, k.answer))
			}
			all[i] = c
			return err
		})
	}
	if err := g.Wait(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(all)
}

// memory is what heap and stacks of the process hold.
func memory() int64 {
	time.Sleep(300 * time.Millisecond) // handshakes end
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// Beyond the bound connections are closed as they come; those before are
// served, and there is room again when one ends.
func TestConnectionsAreBounded(t *testing.T) {
	s := start(t, someLines(1), func(c *Config) { c.Connections = 3 })
	var all []net.Conn
	for range 3 {
		c := dialTCP(t, s.HTTPAddr())
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 512)); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	c := dialTCP(t, s.HTTPAddr())
	if got, closed := closedWithin(c, 10*time.Second); !closed || len(got) > 0 {
		t.Errorf("the fourth: closed %v, %q", closed, got)
	}
	if _, err := io.WriteString(all[0], "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(all[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(a.Body)
	if !strings.Contains(string(b), "sluice_connections{port=\"http\"} 3\n") || !strings.Contains(string(b), "sluice_connections_closed_total{port=\"http\"} 1\n") {
		t.Errorf("metrics: %s", b)
	}
	_ = all[1].Close()
	eventually(t, "room", func() bool {
		a, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + s.HTTPAddr() + "/healthz")
		if err != nil {
			return false
		}
		_ = a.Body.Close()
		return a.StatusCode == 200
	})
}
