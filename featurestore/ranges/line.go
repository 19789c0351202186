package ranges

import (
	"bufio"
	"io"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// MaxLine bounds a line of EachLine, in bytes.
const MaxLine = 4096

// ParsePrefix reads an address or a prefix. What was found is not told: it may
// be an address.
func ParsePrefix(s string) (netip.Prefix, error) {
	if a, ok := row.ParseIP(s); ok {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, fault.New(fault.Invalid, "want an address or a prefix, as in 192.0.2.7 or 192.0.2.0/24, in the first place")
	case p.Addr().Is4In6():
		return p, fault.New(fault.Invalid, "a prefix in IPv4-mapped space; write it as IPv4")
	case p.Masked() != p:
		return p, fault.New(fault.Invalid, "the prefix has bits beyond its length; write the network's address or a longer length")
	}
	return p, nil
}

// EachLine calls do for each line that says something; its errors get file and
// line in front.
func EachLine(r io.Reader, name string, do func(n int, line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, MaxLine)
	n := 0
	for s.Scan() {
		n++
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		err := error(nil)
		if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
			err = fault.New(fault.Invalid, "the line holds control characters or is no UTF-8")
		} else {
			err = do(n, line)
		}
		if err != nil {
			return fault.Field(fault.Invalid, name, "%s:%d: %w", name, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fault.Field(fault.Invalid, name, "%s:%d: %w; a line has at most %d bytes", name, n+1, err, MaxLine-1)
	}
	return nil
}
