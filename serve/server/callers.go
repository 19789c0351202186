package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sluice/featurestore/fault"
)

// minToken is the shortest token that is accepted, in bytes.
const minToken = 16

// caller is one line of the token file, and what its holder is using.
type caller struct {
	line  [sha256.Size]byte // hash of the line, as it was written
	name  string
	roles []string
	hash  [sha256.Size]byte // of the token
	cert  string            // instead of a token: a name in a certificate
	until time.Time         // the first instant at which it counts no more; zero is never

	limits Limits
	rows   bucket
	bytes  bucket
	calls  atomic.Int64 // in flight

	gone  context.Context // done once the line is no longer in the file
	leave context.CancelFunc
}

func newCaller(name string, limits Limits) *caller {
	c := &caller{name: name, limits: limits}
	c.rows.rate, c.bytes.rate = float64(limits.Rows), float64(limits.Bytes)
	c.gone, c.leave = context.WithCancel(context.Background())
	return c
}

const tokenLine = "NAME ROLE[,ROLE...] TOKEN [until=DATE] [rows=N] [bytes=N] [calls=N]"

// readCallers reads a token file: a line per caller,
//
//	NAME ROLE[,ROLE...] TOKEN [until=DATE] [rows=N] [bytes=N] [calls=N]
//
// with # comments. A file with tokens is closed to other users. In place of the token cert:NAME lists the holder of a client
// certificate. until is the last day (UTC) or an RFC 3339 instant. Errors:
// NotFound, Invalid with the line.
func readCallers(path string, limits Limits) ([]*caller, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, tokenFileError(path, err)
	}
	var list []*caller
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		c, err := parseCaller(text, limits)
		if err == nil && slices.ContainsFunc(list, func(o *caller) bool {
			return o.name == c.name || o.cert == c.cert && o.hash == c.hash
		}) {
			err = fmt.Errorf("%s comes twice", c.name)
		}
		if err != nil {
			return nil, fault.Field(fault.Invalid, "tokens", "token file %s, line %d: %w", path, n, err)
		}
		list = append(list, c)
	}
	if err := lines.Err(); err != nil {
		return nil, fault.Field(fault.Invalid, "tokens", "token file %s: %w", path, err)
	}
	if len(list) == 0 {
		return nil, fault.Field(fault.Invalid, "tokens", "token file %s holds no token; want lines %s", path, tokenLine)
	}
	// Names in certificates are no secret, so that a file of them alone may be
	// read, but not written, by everybody.
	closed := fs.FileMode(0o002)
	if slices.ContainsFunc(list, func(c *caller) bool { return c.cert == "" }) {
		closed = 0o007
	}
	if st, err := os.Stat(path); err == nil && st.Mode().Perm()&closed != 0 {
		return nil, fault.Field(fault.Invalid, "tokens", "token file %s can be read or written by every user of this machine (mode %04o); run: chmod 600 %s", path, st.Mode().Perm(), path)
	}
	return list, nil
}

func tokenFileError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Field(fault.NotFound, "tokens", "token file %s is not there", path)
	}
	return fault.Field(fault.Invalid, "tokens", "token file: %w", err)
}

func parseCaller(text string, limits Limits) (*caller, error) {
	fields := strings.Fields(text)
	if len(fields) < 3 {
		return nil, fmt.Errorf("%d words; want %s", len(fields), tokenLine)
	}
	roles := strings.Split(fields[1], ",")
	for _, r := range roles {
		if !slices.Contains([]string{roleScore, roleFeed, rolePage, roleAdmin}, r) {
			return nil, fmt.Errorf("role %q; want score, feed, page or admin", r)
		}
	}
	cert, isCert := strings.CutPrefix(fields[2], "cert:")
	switch {
	case isCert && cert == "":
		return nil, errors.New("cert: without a name; want a name that stands in the client's certificate")
	case !isCert && len(fields[2]) < minToken:
		return nil, fmt.Errorf("the token of %s has %d bytes; want at least %d", fields[0], len(fields[2]), minToken)
	}
	var until time.Time
	for _, o := range fields[3:] {
		key, value, _ := strings.Cut(o, "=")
		n, bad := strconv.ParseInt(value, 10, 64)
		ok := bad == nil && n > 0
		switch key {
		case "until":
			t, err := parseUntil(value)
			until, ok = t, err == nil
		case "rows":
			limits.Rows = int(n)
		case "bytes":
			limits.Bytes = n
		case "calls":
			limits.Calls = int(n)
		default:
			// The token itself may have been cut in two: it must not stand in a log.
			return nil, fmt.Errorf("a word after the token of %s is no until=, rows=, bytes= or calls=", fields[0])
		}
		if !ok && key == "until" {
			return nil, fmt.Errorf("until=%s: want a last day, as in 2025-01-31, or an instant, as in 2025-01-31T12:00:00Z", value)
		}
		if !ok {
			return nil, fmt.Errorf("%s=%s: want a whole number above 0", key, value)
		}
	}
	c := newCaller(fields[0], limits)
	c.line, c.roles, c.until = sha256.Sum256([]byte(strings.Join(fields, " "))), roles, until
	if isCert {
		c.cert = cert
	} else {
		c.hash = sha256.Sum256([]byte(fields[2]))
	}
	return c, nil
}

// parseUntil reads a last day, UTC, or an instant.
func parseUntil(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	return time.Parse(time.RFC3339, s)
}

// stamp tells a file that changed from one that did not.
type stamp struct {
	size  int64
	mtime time.Time
}

func stampOf(path string) (stamp, error) {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{st.Size(), st.ModTime()}, nil
}
