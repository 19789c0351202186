package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
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

// soakExpired reports whether the feed's score of address i has run out: asking
// for it is asking for UNAVAILABLE, the one 5xx of the soak.
func soakExpired(i int) bool { return i%50 == 7 }

// soakIP is the address of number i; the feed holds the even ones.
func soakIP(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// soakWant is what asking for address i has to end in.
func soakWant(i int) codes.Code {
	switch {
	case i%2 == 1 || i >= 2*soakIPs:
		return codes.NotFound
	case soakExpired(i / 2):
		return codes.Unavailable
	}
	return codes.OK
}

// soakHTTP is a code as REST has it.
var soakHTTP = map[codes.Code]int{codes.OK: 200, codes.NotFound: 404, codes.Unavailable: 503}

// wrongScore says what is wrong with a stored score of address i.
func wrongScore(i int, version string, confidence float64) error {
	if version != versionA && version != versionB {
		return fmt.Errorf("address %d: version %q", i, version)
	}
	if want := soakConfidence(i/2, version); soakWant(i) != codes.OK || math.Abs(confidence-want) > 1e-9 {
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

// soakCaller makes requests, one at a time, and holds each answer against what
// it has to be. It has a connection of its own for REST.
type soakCaller struct {
	*soak
	ctx      context.Context
	r        *rand.Rand
	conn     *grpc.ClientConn
	client   pb.ScoreServiceClient
	web      net.Conn // nil: none is open
	in       *bufio.Reader
	used     time.Time // when the connection's newest answered request was sent
	location string    // of the newest answer
	body     bytes.Buffer
	outcomes map[[2]string]int64 // of each kind and outcome
	messages int64               // within streams
}

// soakKind is a kind of request. ask makes one and gives its outcome, which the
// end prints, or what is wrong with it.
type soakKind struct {
	name  string
	share int // in 10,000
	ask   func(*soakCaller) (outcome string, err error)
}

var soakKinds = []soakKind{
	{"GetIpScore", 5638, (*soakCaller).get},
	{"REST ips", 1400, (*soakCaller).getREST},
	{"REST ipoid's lookup", 300, (*soakCaller).getIpoid},
	{"REST rows:score", 200, (*soakCaller).rowsREST},
	{"ScoreRows", 800, (*soakCaller).scoreRows},
	{"StreamScores", 200, (*soakCaller).stream},
	{"LookupIps", 600, (*soakCaller).lookup},
	{"GetPrefixScores", 150, (*soakCaller).prefix},
	{"page", 10, (*soakCaller).page},
	{"feed download", 2, (*soakCaller).download},
	{"bad input", 600, (*soakCaller).bad},
	{"dropped", 100, (*soakCaller).dropped},
}

// anIP is an address to ask for, known or not, and its number.
func (c *soakCaller) anIP() (int, string) {
	i := c.r.IntN(2 * soakIPs)
	return i, soakIP(i).String()
}

func (c *soakCaller) someRows(most int) []float64 {
	var values []float64
	for range 1 + c.r.IntN(most) {
		values = append(values, stumpRow(float64(c.r.IntN(20)))...)
	}
	return values
}

func (c *soakCaller) get() (string, error) {
	i, ip := c.anIP()
	want := soakWant(i)
	a, err := c.client.GetIpScore(c.ctx, &pb.GetIpScoreRequest{Name: "ips/" + ip})
	if err != nil || want != codes.OK {
		return want.String(), wrongCode(err, want)
	}
	return "OK", wrongScore(i, a.ModelVersion, a.Confidence)
}

// storedJSON is a score in JSON.
type storedJSON struct {
	ModelVersion string  `json:"model_version"`
	Confidence   float64 `json:"confidence"`
}

func (c *soakCaller) getREST() (string, error) {
	i, ip := c.anIP()
	var a storedJSON
	code, err := c.rest("GET", "/v1/ips/"+ip, nil, soakHTTP[soakWant(i)])
	if err != nil || code != 200 {
		return strconv.Itoa(code), err
	}
	if err := json.Unmarshal(c.body.Bytes(), &a); err != nil {
		return "", err
	}
	return "200", wrongScore(i, a.ModelVersion, a.Confidence)
}

func (c *soakCaller) getIpoid() (string, error) {
	i, ip := c.anIP()
	var a map[string]struct{ Sluice storedJSON }
	code, err := c.rest("GET", "/feed/v1/ip/"+ip, nil, soakHTTP[soakWant(i)])
	if err != nil || code != 200 {
		return strconv.Itoa(code), err
	}
	if err := json.Unmarshal(c.body.Bytes(), &a); err != nil {
		return "", err
	}
	return "200", wrongScore(i, a[ip].Sluice.ModelVersion, a[ip].Sluice.Confidence)
}

func (c *soakCaller) rowsREST() (string, error) {
	values := c.someRows(5)
	q, err := json.Marshal(map[string]any{"feature_names": columns.Names(), "values": values})
	if err != nil {
		return "", err
	}
	var a struct {
		ModelVersion string    `json:"model_version"`
		Confidences  []float64 `json:"confidences"`
	}
	if _, err := c.rest("POST", "/v1/rows:score", q, 200); err != nil {
		return "", err
	}
	if err := json.Unmarshal(c.body.Bytes(), &a); err != nil {
		return "", err
	}
	return "200", wrongRows(values, a.ModelVersion, a.Confidences)
}

func (c *soakCaller) scoreRows() (string, error) {
	q := &pb.ScoreRowsRequest{FeatureNames: c.names, Values: c.someRows(20)}
	a, err := c.client.ScoreRows(c.ctx, q)
	if err != nil {
		return "", err
	}
	return "OK", wrongRows(q.Values, a.ModelVersion, a.Confidences)
}

// stream is one request, whatever the number of its messages.
func (c *soakCaller) stream() (string, error) {
	stream, err := c.client.StreamScores(c.ctx)
	if err != nil {
		return "", err
	}
	for id := range 1 + c.r.Int64N(20) {
		q := &pb.StreamScoresRequest{FeatureNames: c.names, Values: c.someRows(3), Id: id}
		if err := stream.Send(q); err != nil {
			return "", err
		}
		a, err := stream.Recv()
		if err != nil || a.Status != nil || a.Id != id {
			return "", fmt.Errorf("message %d: %v, %w", id, a, err)
		}
		if err := wrongRows(q.Values, a.ModelVersion, a.Confidences); err != nil {
			return "", err
		}
		c.messages++
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	if _, err := stream.Recv(); err != io.EOF {
		return "", fmt.Errorf("the end: %w", err)
	}
	return "OK", nil
}

func (c *soakCaller) lookup() (string, error) {
	i, ip := c.anIP()
	a, err := c.client.LookupIps(c.ctx, &pb.LookupIpsRequest{Ips: []string{ip, "no address", soakIP(i ^ 1).String()}})
	if err != nil || len(a.Results) != 3 {
		return "", fmt.Errorf("%v, %w", a, err)
	}
	for n, want := range []codes.Code{soakWant(i), codes.InvalidArgument, soakWant(i ^ 1)} {
		r := a.Results[n]
		if got := codes.Code(r.Status.GetCode()); got != want {
			return "", fmt.Errorf("result %d of address %d: %v, want %v", n, i, got, want)
		}
		if want != codes.OK {
			continue
		}
		if err := wrongScore([]int{i, 0, i ^ 1}[n], r.IpScore.ModelVersion, r.IpScore.Confidence); err != nil {
			return "", err
		}
	}
	return "OK", nil
}

func (c *soakCaller) prefix() (string, error) {
	first := c.r.IntN(2*soakIPs) &^ 255
	a, err := c.client.GetPrefixScores(c.ctx, &pb.GetPrefixScoresRequest{Prefix: soakIP(first).String() + "/24", PageSize: 10})
	if err != nil {
		return "", err
	}
	n := first
	for _, m := range a.Members {
		for soakWant(n) != codes.OK { // neither held nor still good
			n++
		}
		if m.Ip != soakIP(n).String() {
			return "", fmt.Errorf("prefix of address %d: %s, want %s", first, m.Ip, soakIP(n))
		}
		if err := wrongScore(n, m.ModelVersion, m.Confidence); err != nil {
			return "", err
		}
		n++
	}
	if len(a.Members) != 10 {
		return "", fmt.Errorf("prefix of address %d: %d members", first, len(a.Members))
	}
	return "OK", nil
}

func (c *soakCaller) page() (string, error) {
	i, ip := c.anIP()
	ask := []string{"/", "/?q=" + ip, "/page/top", "/?q=" + soakIP(i&^255).String() + "%2F24"}[c.r.IntN(4)]
	want := 200
	if strings.HasSuffix(ask, ip) {
		want = soakHTTP[soakWant(i)]
	}
	code, err := c.rest("GET", ask, nil, want)
	if err == nil && !bytes.Contains(c.body.Bytes(), []byte("</html>")) {
		err = fmt.Errorf("page %s: %.200s", ask, c.body.Bytes())
	}
	return strconv.Itoa(code), err
}

// download fetches the feed whole; it is one of the two that take turns.
func (c *soakCaller) download() (string, error) {
	if _, err := c.rest("GET", "/v1/feeds/latest.jsonl.gz", nil, 302); err != nil {
		return "", err
	}
	if _, err := c.rest("GET", c.location, nil, 200); err != nil {
		return "", err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(c.body.Bytes())); !slices.Contains(c.feeds[:], sum) {
		return "", fmt.Errorf("a feed of %d bytes with sha256 %s", c.body.Len(), sum)
	}
	return "200", nil
}

// bad sends what has to be refused, and holds the refusal against what it
// should be.
func (c *soakCaller) bad() (string, error) {
	refused := func(err error, want codes.Code) (string, error) { return want.String(), wrongCode(err, want) }
	switch c.r.IntN(8) {
	case 0:
		_, err := c.client.GetIpScore(c.ctx, &pb.GetIpScoreRequest{Name: "ips/10.0.0." + strconv.Itoa(256+c.r.IntN(1000))})
		return refused(err, codes.InvalidArgument)
	case 1:
		_, err := c.client.ScoreRows(c.ctx, &pb.ScoreRowsRequest{FeatureNames: []string{"x"}, Values: []float64{1}})
		return refused(err, codes.InvalidArgument)
	case 2:
		_, err := c.client.ScoreRows(c.ctx, &pb.ScoreRowsRequest{ModelVersion: "../../" + versionA, FeatureNames: c.names, Values: stumpRow(1)})
		return refused(err, codes.InvalidArgument)
	case 3:
		wrong := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("authorization", "Bearer wrong-token-0123456789"))
		_, err := c.client.GetIpScore(wrong, &pb.GetIpScoreRequest{Name: "ips/10.0.0.0"})
		return refused(err, codes.Unauthenticated)
	case 4:
		code, err := c.rest("POST", "/v1/rows:score", c.rows[:c.r.IntN(len(c.rows)-1)], 400)
		return strconv.Itoa(code), err
	case 5:
		code, err := c.rest("GET", "/v1/modelVersions/..%2f..%2f"+strings.Repeat("x", c.r.IntN(500)), nil, 400, 404)
		return strconv.Itoa(code), err
	case 6: // no message at all; INTERNAL is gRPC's own word for it
		var answer []byte
		err := c.conn.Invoke(c.ctx, pb.ScoreService_GetIpScore_FullMethodName, []byte{0xff, 0xff}, &answer, grpc.ForceCodecV2(rawCodec{}))
		return "not a message: " + codes.Internal.String(), wrongCode(err, codes.Internal)
	}
	short, cancel := context.WithTimeout(c.ctx, time.Duration(c.r.IntN(300))*time.Microsecond)
	defer cancel()
	_, err := c.client.GetIpScore(short, &pb.GetIpScoreRequest{Name: "ips/10.0.0.0"})
	if err == nil || status.Code(err) == codes.DeadlineExceeded {
		return "short of time: " + status.Code(err).String(), nil
	}
	return "", err
}

// dropped begins something and is gone before its end.
func (c *soakCaller) dropped() (string, error) {
	addr, text := "", ""
	switch c.r.IntN(8) {
	case 0: // a stream
		gone, cancel := context.WithCancel(c.ctx)
		defer cancel()
		stream, err := c.client.StreamScores(gone)
		if err != nil {
			return "", err
		}
		return "stream", stream.Send(&pb.StreamScoresRequest{FeatureNames: c.names, Values: c.someRows(3)})
	case 1: // an answer that is waited for no more
		gone, cancel := context.WithCancel(c.ctx)
		time.AfterFunc(time.Duration(c.r.IntN(300))*time.Microsecond, cancel)
		_, err := c.client.ScoreRows(gone, &pb.ScoreRowsRequest{FeatureNames: c.names, Values: c.someRows(20)})
		if status.Code(err) == codes.Canceled {
			err = nil
		}
		return "call", err
	case 2, 3, 4:
		addr, text = c.s.HTTPAddr(), "POST /v1/rows:score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+adminToken+"\r\nContent-Length: "+strconv.Itoa(len(c.rows))+"\r\n\r\n"+string(c.rows)
	default:
		addr, text = c.s.GRPCAddr(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x01\x04\x00\x00\x00\x01junk"
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text[:c.r.IntN(len(text))])
	if c.r.IntN(2) == 0 {
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset instead of an end
		return "connection, by a reset", nil
	}
	return "connection", nil
}

// rest makes a request over the caller's own connection; the answer's body is
// c.body, and its code has to be one of want.
func (c *soakCaller) rest(method, path string, body []byte, want ...int) (int, error) {
	q := make([]byte, 0, 512)
	q = fmt.Appendf(q, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: ", method, path)
	if path == "/" || strings.HasPrefix(path, "/page/") || strings.HasPrefix(path, "/?") {
		q = append(q, c.basic...)
	} else {
		q = append(q, "Bearer "+adminToken...)
	}
	if body != nil {
		q = fmt.Appendf(q, "\r\nContent-Length: %d", len(body))
	}
	q = append(append(q, "\r\n\r\n"...), body...)
	a, err := c.send(q)
	if err != nil && time.Since(c.used) > time.Minute {
		// The machine was halted, and when it went on the connection had been
		// idle for too long. The service counts from its answer, which may have
		// lain here unread all the time: hence from the request, here.
		c.hangUp()
		a, err = c.send(q)
	}
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if c.body.Reset(); c.body.Cap() > 64<<10 { // of a feed: what the callers keep is not to be taken for a leak
		c.body = bytes.Buffer{}
	}
	_, err = c.body.ReadFrom(a.Body)
	_ = a.Body.Close()
	c.location = a.Header.Get("Location")
	if a.Close {
		c.hangUp()
	}
	if err == nil && !slices.Contains(want, a.StatusCode) {
		err = fmt.Errorf("%s %s: %d, want %d: %.300s", method, path, a.StatusCode, want, c.body.Bytes())
	}
	return a.StatusCode, err
}

// send sends a request and reads the head of its answer.
func (c *soakCaller) send(q []byte) (*http.Response, error) {
	if c.web != nil && time.Since(c.used) > time.Minute {
		c.hangUp()
	}
	if c.web == nil {
		conn, err := net.Dial("tcp", c.s.HTTPAddr())
		if err != nil {
			return nil, err
		}
		c.web, c.used = conn, time.Now()
		c.in.Reset(conn)
	}
	begun := time.Now()
	if _, err := c.web.Write(q); err != nil {
		return nil, err
	}
	a, err := http.ReadResponse(c.in, nil)
	if err == nil {
		c.used = begun
	}
	return a, err
}

func (c *soakCaller) hangUp() {
	if c.web != nil {
		_ = c.web.Close()
		c.web = nil
	}
}
