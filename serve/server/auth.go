package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"sluice/featurestore/fault"
)

// The roles that a caller can have.
const (
	roleScore = "score" // scores, stored and computed
	roleFeed  = "feed"  // whole feeds and their differences
	rolePage  = "page"  // the page for people, without whole addresses
	roleAdmin = "admin" // everything, and metrics, reflection, OpenAPI, pprof
)

// What a method or route asks of its caller, beside a role.
const (
	needNothing = ""    // health
	needAny     = "any" // a caller of whatever role
)

// guard decides who may call what. A nil guard lets everybody: then the
// service listens on loopback addresses alone.
type guard struct {
	path    string
	limits  Limits // where a caller's line names none
	stamp   stamp  // of the file as it was read; used by refresh alone
	callers atomic.Pointer[callerList]
}

// callerList is the lines of a token file.
type callerList struct {
	tokens []*caller // every one that shows a token
	certs  map[string]*caller
}

// newGuard reads the token file.
func newGuard(path string, limits Limits) (*guard, error) {
	g := &guard{path: path, limits: limits}
	if _, err := g.refresh(); err != nil {
		return nil, err
	}
	return g, nil
}

// refresh reads the file again where it changed. With an error the callers
// known before stay.
func (g *guard) refresh() (changed bool, err error) {
	now, err := stampOf(g.path)
	if err != nil {
		return false, tokenFileError(g.path, err)
	}
	if now == g.stamp {
		return false, nil
	}
	list, err := readCallers(g.path, g.limits)
	if err != nil {
		return false, err
	}
	old := g.callers.Load()
	keep := &callerList{certs: map[string]*caller{}}
	for _, c := range list {
		// A line that is as it was keeps its counts.
		if old != nil {
			for _, o := range old.all() {
				if o.line == c.line {
					c = o
				}
			}
		}
		if c.cert == "" {
			keep.tokens = append(keep.tokens, c)
		} else {
			keep.certs[c.cert] = c
		}
	}
	g.callers.Store(keep)
	if old != nil {
		kept := keep.all()
		for _, o := range old.all() {
			if !slices.Contains(kept, o) {
				o.leave()
			}
		}
	}
	g.stamp = now
	return true, nil
}

func (c *callerList) all() []*caller {
	list := slices.Clone(c.tokens)
	for _, o := range c.certs {
		list = append(list, o)
	}
	return list
}

// byToken finds whose token it is. Every token is compared, in constant time,
// so that the time tells nothing.
func (c *callerList) byToken(secret string) *caller {
	hash := sha256.Sum256([]byte(secret))
	var found *caller
	for _, t := range c.tokens {
		if subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1 {
			found = t
		}
	}
	return found
}

// who finds a caller by the token shown, or by the certificate of the
// connection.
func (g *guard) who(secret string, cert *x509.Certificate) (*caller, error) {
	list := g.callers.Load()
	var c *caller
	switch {
	case secret != "":
		if c = list.byToken(secret); c == nil {
			return nil, errUnauthenticated("the token is not known")
		}
	case cert != nil:
		for _, name := range certNames(cert) {
			if c = list.certs[name]; c != nil {
				break
			}
		}
		if c == nil {
			return nil, errUnauthenticated("the certificate's name is not among the callers, and no token is shown")
		}
	default:
		return nil, errUnauthenticated("a token is needed: Authorization: Bearer TOKEN")
	}
	if !c.until.IsZero() && !time.Now().Before(c.until) {
		return nil, errUnauthenticated("the token has run out; ask for a new one")
	}
	return c, nil
}

// certNames are the names by which a certificate's holder may be listed.
func certNames(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return append(append(names, c.EmailAddresses...), c.Subject.CommonName)
}

// may says whether the caller's roles answer what is needed.
func (c *caller) may(need string) error {
	if need == needAny || slices.Contains(c.roles, need) || slices.Contains(c.roles, roleAdmin) {
		return nil
	}
	return &statusError{st: newStatus(codes.PermissionDenied, fault.Denied.String(), "", fmt.Sprintf("the token lacks the role %q", need))}
}

// seesAddresses reports whether the caller may learn addresses that it does not
// know. A nil caller is one of this machine, where no tokens are configured.
func (c *caller) seesAddresses() bool {
	return c == nil || slices.ContainsFunc(c.roles, func(r string) bool { return r != rolePage })
}

// bearer is the token of an Authorization header, or "".
func bearer(header string) string {
	scheme, secret, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return secret
}

// checkBind refuses to listen where others can reach the service unless callers
// have to show who they are, over a wire that can't be read along.
func checkBind(flag, addr string, c *Config) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fault.Field(fault.Usage, flag, "--%s %q: want HOST:PORT, as in 127.0.0.1:8080", flag, addr)
	}
	switch {
	case isLoopback(host):
		return nil
	case c.Tokens == "":
		return fault.Field(fault.Usage, flag, "--%s %s would be reachable from other machines; listen on 127.0.0.1 or [::1], or give a token file with --tokens", flag, addr)
	case c.TLS.Cert == "" && !c.Plaintext:
		return fault.Field(fault.Usage, flag, "--%s %s would send tokens over the wire in the clear; give --tls-cert and --tls-key, or --plaintext where something in front speaks TLS", flag, addr)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}

// localHost refuses a request under a name that is not this machine's, where no
// token protects the service: a page in a browser could otherwise be answered
// under a name that points here.
func localHost(g *guard, r *http.Request) error {
	if g != nil {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "" || isLoopback(host) {
		return nil
	}
	return fault.New(fault.Denied, "the request's Host is not this machine's loopback name; without tokens only localhost, 127.0.0.1 and [::1] are answered")
}

// check reads what the settings name and says whether the service could start
// with them.
func (c *Config) check() (*guard, *certificates, error) {
	// What the settings say by themselves comes before what files hold.
	if err := errors.Join(checkBind("grpc", c.GRPC, c), checkBind("http", c.HTTP, c)); err != nil {
		return nil, nil, err
	}
	if err := c.Traces.check(); err != nil {
		return nil, nil, err
	}
	var g *guard
	var err error
	if c.Tokens != "" {
		if g, err = newGuard(c.Tokens, c.Limits); err != nil {
			return nil, nil, err
		}
		if len(g.callers.Load().certs) > 0 && c.TLS.ClientCA == "" {
			return nil, nil, fault.Field(fault.Usage, "tokens", "token file %s lists callers by certificate, but certificates are not asked for; give --client-ca, or tokens", c.Tokens)
		}
	}
	t, err := newCertificates(c.TLS)
	return g, t, err
}
