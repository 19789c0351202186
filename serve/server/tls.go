package server

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"sync/atomic"

	"sluice/featurestore/fault"
)

// TLS names the files of a certificate; the zero value is no TLS.
type TLS struct {
	Cert     string // PEM, the leaf first
	Key      string // PEM
	ClientCA string // PEM; callers then need a certificate of one of these authorities
}

// certificates are what the files of a TLS hold now.
type certificates struct {
	files  TLS
	stamps [3]stamp // of the files as they were read; used by refresh alone
	now    atomic.Pointer[tls.Config]
}

// newCertificates reads the files; nil where there is no TLS. Errors: Usage,
// Invalid.
func newCertificates(t TLS) (*certificates, error) {
	switch {
	case t == TLS{}:
		return nil, nil
	case t.Cert == "" || t.Key == "":
		return nil, fault.Field(fault.Usage, cmp.Or(given("tls-cert", t.Cert), given("tls-key", t.Key), "client-ca"), "--tls-cert and --tls-key belong together, and --client-ca needs both")
	}
	c := &certificates{files: t}
	if _, err := c.refresh(); err != nil {
		return nil, err
	}
	return c, nil
}

// given is a flag's name if it has a value.
func given(flag, value string) string {
	if value == "" {
		return ""
	}
	return flag
}

// refresh reads the files again where one of them changed. With an error what
// was in force stays.
func (c *certificates) refresh() (changed bool, err error) {
	var stamps [3]stamp
	for i, path := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if path == "" {
			continue
		}
		if stamps[i], err = stampOf(path); err != nil {
			return false, fault.Field(fault.NotFound, "tls-cert", "TLS: %w", err)
		}
	}
	if stamps == c.stamps {
		return false, nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return false, fault.Field(fault.Invalid, "tls-cert", "--tls-cert %s and --tls-key %s: %w", c.files.Cert, c.files.Key, err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCA != "" {
		pem, err := os.ReadFile(c.files.ClientCA)
		if err != nil {
			return false, fault.Field(fault.Invalid, "client-ca", "--client-ca: %w", err)
		}
		conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !conf.ClientCAs.AppendCertsFromPEM(pem) {
			return false, fault.Field(fault.Invalid, "client-ca", "--client-ca %s holds no certificate in PEM form", c.files.ClientCA)
		}
	}
	c.stamps = stamps
	c.now.Store(conf)
	return true, nil
}

// config is what a listener of a protocol takes: each handshake uses the
// certificates of its moment.
func (c *certificates) config(protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocol},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			conf := c.now.Load()
			if conf == nil {
				return nil, errors.New("no certificate")
			}
			conf = conf.Clone()
			conf.NextProtos = []string{protocol}
			return conf, nil
		},
	}
}

// leaf is the verified certificate of a connection's other side, or nil.
func leaf(s *tls.ConnectionState) *x509.Certificate {
	if s == nil || len(s.VerifiedChains) == 0 {
		return nil
	}
	return s.VerifiedChains[0][0]
}
