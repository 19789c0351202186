package server

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"sluice/featurestore/fault"
)

// The roles that a token can have.
const (
	roleScore = "score" // scores, stored and computed
	roleFeed  = "feed"  // whole feeds and their differences
	roleAdmin = "admin" // everything, and metrics, reflection, OpenAPI, pprof
)

// What a method or route asks of its caller, beside a role.
const (
	needNothing = ""    // health
	needAny     = "any" // a valid token of whatever role
)

// minToken is the shortest token that is accepted, in bytes.
const minToken = 16

// guard decides who may call what. A nil guard lets everybody: then the
// service listens on loopback addresses alone.
type guard struct{ tokens []token }

// token is one line of the token file.
type token struct {
	name  string
	roles []string
	hash  [sha256.Size]byte
}

// readTokens reads a token file: a line per token, "NAME ROLE[,ROLE...] TOKEN",
// with # comments. Errors: NotFound, Invalid with the line.
func readTokens(path string) (*guard, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fault.Field(fault.NotFound, "tokens", "token file %s is not there", path)
	}
	if err != nil {
		return nil, fault.Field(fault.Invalid, "tokens", "token file: %w", err)
	}
	if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o007 != 0 {
		return nil, fault.Field(fault.Invalid, "tokens", "token file %s can be read by every user of this machine (mode %04o); chmod 0600 it", path, st.Mode().Perm())
	}
	g := &guard{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		bad := func(format string, args ...any) error {
			return fault.Field(fault.Invalid, "tokens", "token file %s, line %d: %s", path, n, fmt.Sprintf(format, args...))
		}
		fields := strings.Fields(text)
		if len(fields) != 3 {
			return nil, bad("%d words; want NAME ROLE[,ROLE...] TOKEN", len(fields))
		}
		t := token{name: fields[0], roles: strings.Split(fields[1], ","), hash: sha256.Sum256([]byte(fields[2]))}
		for _, r := range t.roles {
			if r != roleScore && r != roleFeed && r != roleAdmin {
				return nil, bad("role %q; want score, feed or admin", r)
			}
		}
		if len(fields[2]) < minToken {
			return nil, bad("the token of %s has %d bytes; want at least %d", t.name, len(fields[2]), minToken)
		}
		for _, other := range g.tokens {
			if other.name == t.name || other.hash == t.hash {
				return nil, bad("%s comes twice", t.name)
			}
		}
		g.tokens = append(g.tokens, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fault.Field(fault.Invalid, "tokens", "token file %s: %w", path, err)
	}
	if len(g.tokens) == 0 {
		return nil, fault.Field(fault.Invalid, "tokens", "token file %s holds no token; want lines NAME ROLE[,ROLE...] TOKEN", path)
	}
	return g, nil
}

// allow holds an Authorization header against what is needed. Every token is
// compared, in constant time, so that the time tells nothing.
func (g *guard) allow(need, authorization string) error {
	if g == nil || need == needNothing {
		return nil
	}
	scheme, secret, ok := strings.Cut(authorization, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return errUnauthenticated("a token is needed: Authorization: Bearer TOKEN")
	}
	hash := sha256.Sum256([]byte(secret))
	var found *token
	for i := range g.tokens {
		if subtle.ConstantTimeCompare(hash[:], g.tokens[i].hash[:]) == 1 {
			found = &g.tokens[i]
		}
	}
	switch {
	case found == nil:
		return errUnauthenticated("the token is not known")
	case need == needAny, slices.Contains(found.roles, need), slices.Contains(found.roles, roleAdmin):
		return nil
	}
	return &statusError{st: newStatus(codes.PermissionDenied, fault.Denied.String(), "", fmt.Sprintf("the token lacks the role %q", need))}
}

// checkBind refuses to listen where others can reach the service unless callers
// have to show a token.
func checkBind(flag, addr string, g *guard) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fault.Field(fault.Usage, flag, "--%s %q: want HOST:PORT, as in 127.0.0.1:8080", flag, addr)
	}
	if g != nil || isLoopback(host) {
		return nil
	}
	return fault.Field(fault.Usage, flag, "--%s %s would be reachable from other machines; listen on 127.0.0.1 or [::1], or give a token file with --tokens", flag, addr)
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
