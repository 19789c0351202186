package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key, a.pem, _ = sign(t, template, nil)
	return a
}

func sign(t testing.TB, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey, []byte, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}

// issue writes a certificate for a name, and its key, to a folder.
func (a *authority) issue(t testing.TB, dir, name string, serial int64) TLS {
	t.Helper()
	_, _, cert, key := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	files := TLS{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	if err := errors.Join(os.WriteFile(files.Cert, cert, 0o600), os.WriteFile(files.Key, key, 0o600)); err != nil {
		t.Fatal(err)
	}
	return files
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// tlsCall calls both ports with a configuration and gives their errors; over
// REST what is no 200 is one.
func tlsCall(t testing.TB, s *testServer, conf *tls.Config, token string) (serial *big.Int, grpcErr, restErr error) {
	t.Helper()
	c, err := grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(conf.Clone())))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	call, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if token != "" {
		call = withToken(token)
	}
	_, grpcErr = pb.NewScoreServiceClient(c).GetIpScore(call, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"})
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: conf.Clone()}}
	defer h.CloseIdleConnections()
	r, err := http.NewRequest("GET", "https://"+s.HTTPAddr()+"/v1/ips/192.0.2.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, restErr := h.Do(r)
	if restErr == nil {
		b, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		serial = a.TLS.PeerCertificates[0].SerialNumber
		if a.StatusCode != 200 {
			restErr = errors.New(a.Status + " " + string(b))
		}
	}
	return serial, grpcErr, restErr
}

// Both ports speak TLS 1.3 and nothing older, and nothing in the clear.
func TestTLS(t *testing.T) {
	a := newAuthority(t, "test authority")
	files := a.issue(t, t.TempDir(), "localhost", 2)
	s := start(t, someLines(1), func(c *Config) {
		c.TLS, c.Tokens, c.Health = files, tokenFile(t, allTokens), "127.0.0.1:0"
	})
	if _, g, r := tlsCall(t, s, &tls.Config{RootCAs: a.pool()}, scoreToken); g != nil || r != nil {
		t.Errorf("TLS: %v, %v", g, r)
	}
	if _, g, r := tlsCall(t, s, &tls.Config{RootCAs: a.pool()}, ""); status.Code(g) != codes.Unauthenticated || r == nil || !strings.HasPrefix(r.Error(), "401") {
		t.Errorf("without a token: %v, %v", g, r)
	}
	for name, conf := range map[string]*tls.Config{
		"TLS 1.2":           {RootCAs: a.pool(), MaxVersion: tls.VersionTLS12},
		"another authority": {RootCAs: newAuthority(t, "other").pool()},
	} {
		if _, g, r := tlsCall(t, s, conf, scoreToken); status.Code(g) != codes.Unavailable || r == nil {
			t.Errorf("%s: %v, %v", name, g, r)
		}
	}
	plain := insecureConn(t, s.GRPCAddr())
	if _, err := pb.NewScoreServiceClient(plain).GetIpScore(withToken(scoreToken), &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); status.Code(err) != codes.Unavailable {
		t.Errorf("gRPC in the clear: %v", err)
	}
	if answer, err := http.Get("http://" + s.HTTPAddr() + "/healthz"); err == nil && answer.StatusCode != 400 {
		t.Errorf("REST in the clear: %v", answer.Status)
	}
	// Probes have a port of their own, which tells nothing else.
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v1/ips/192.0.2.0": 404, "/metrics": 404, "/": 404} {
		answer, err := http.Get("http://" + s.HealthAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != want || want == 200 && len(b) > 0 {
			t.Errorf("%s of the port for probes: %d %q", path, answer.StatusCode, b)
		}
	}
}

// A new certificate is taken up by the next handshake; a broken one leaves the
// old one in force.
func TestCertificateIsReadAgain(t *testing.T) {
	a, dir := newAuthority(t, "test authority"), t.TempDir()
	files := a.issue(t, dir, "localhost", 2)
	s := start(t, someLines(1), func(c *Config) { c.TLS, c.Tokens = files, tokenFile(t, allTokens) })
	conf := &tls.Config{RootCAs: a.pool()}
	serial := func() int64 {
		n, g, r := tlsCall(t, s, conf, scoreToken)
		if g != nil || r != nil {
			t.Fatal(g, r)
		}
		return n.Int64()
	}
	if n := serial(); n != 2 {
		t.Fatal(n)
	}
	if err := os.WriteFile(files.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the report", func() bool {
		_, _, body := tlsGet(t, s, conf, "/metrics")
		return strings.Contains(body, "sluice_refused{what=\"certificate\"} 1\n")
	})
	if n := serial(); n != 2 {
		t.Errorf("with a broken key: %d", n)
	}
	a.issue(t, dir, "localhost", 3)
	eventually(t, "the new certificate", func() bool { return serial() == 3 })
}

func tlsGet(t testing.TB, s *testServer, conf *tls.Config, path string) (int, http.Header, string) {
	t.Helper()
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: conf.Clone()}}
	defer h.CloseIdleConnections()
	r, err := http.NewRequest("GET", "https://"+s.HTTPAddr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	a, err := h.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, string(b)
}

// With an authority for callers nobody gets through the handshake without one of
// its certificates; the name in it stands for a token where the file says so.
func TestMutualTLS(t *testing.T) {
	a, other, dir := newAuthority(t, "test authority"), newAuthority(t, "other"), t.TempDir()
	files := a.issue(t, dir, "localhost", 2)
	files.ClientCA = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(files.ClientCA, a.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, someLines(1), func(c *Config) {
		c.TLS, c.Tokens = files, tokenFile(t, allTokens+"edge score cert:edge.example\ngone score cert:gone.example until=2020-01-31\n")
	})
	with := func(by *authority, name string) *tls.Config {
		f := by.issue(t, t.TempDir(), name, 9)
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{pair}}
	}
	for _, c := range []struct {
		name, token string
		conf        *tls.Config
		grpc        codes.Code
		rest        string // how REST's error begins; "": none
	}{
		{"no certificate", scoreToken, &tls.Config{RootCAs: a.pool()}, codes.Unavailable, "Get"},
		{"another authority's", scoreToken, with(other, "edge.example"), codes.Unavailable, "Get"},
		{"a certificate and a token", scoreToken, with(a, "unknown.example"), codes.OK, ""},
		{"a listed certificate", "", with(a, "edge.example"), codes.OK, ""},
		{"an unknown name", "", with(a, "unknown.example"), codes.Unauthenticated, "401"},
		{"a name that ran out", "", with(a, "gone.example"), codes.Unauthenticated, "401"},
		{"a listed certificate and a wrong token", "wrong-token-0123456789", with(a, "edge.example"), codes.Unauthenticated, "401"},
	} {
		_, g, r := tlsCall(t, s, c.conf, c.token)
		if status.Code(g) != c.grpc || (r == nil) != (c.rest == "") || r != nil && !strings.HasPrefix(r.Error(), c.rest) {
			t.Errorf("%s: %v; %v", c.name, g, r)
		}
	}
	// Health too takes a certificate.
	h, err := grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: a.pool()})))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := healthpb.NewHealthClient(h).Check(ctx, &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("health: %v", err)
	}
}

func TestTLSFiles(t *testing.T) {
	a, dir := newAuthority(t, "test authority"), t.TempDir()
	good := a.issue(t, dir, "localhost", 2)
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files TLS
		kind  fault.Kind
		want  string
	}{
		{TLS{Cert: good.Cert}, fault.Usage, "--tls-cert and --tls-key belong together"},
		{TLS{ClientCA: junk}, fault.Usage, "--client-ca needs both"},
		{TLS{Cert: good.Cert, Key: junk}, fault.Invalid, "failed to find any PEM data in key input"},
		{TLS{Cert: dir + "/x", Key: good.Key}, fault.NotFound, "no such file"},
		{TLS{Cert: good.Cert, Key: good.Key, ClientCA: junk}, fault.Invalid, "holds no certificate in PEM form"},
	} {
		if _, err := newCertificates(c.files); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.files, err)
		}
	}
	if c, err := newCertificates(TLS{}); c != nil || err != nil {
		t.Error(c, err)
	}
	_, err := New(ctx, Config{Dir: t.TempDir(), Tokens: tokenFile(t, "edge score cert:edge.example\n")})
	if !fault.Is(err, fault.Usage) || !strings.Contains(err.Error(), "certificates are not asked for; give --client-ca") {
		t.Errorf("callers by certificate without an authority: %v", err)
	}
}
