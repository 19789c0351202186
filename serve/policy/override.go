package policy

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Action is what an override does.
type Action string

// The actions. Abstain keeps the score and takes the verdict away: the address
// is neither stopped nor vouched for.
const (
	Allow     Action = "allow"
	Flag      Action = "flag"
	Undecided Action = "abstain"
)

// Override is what a person said of a prefix.
type Override struct {
	Prefix netip.Prefix
	Action Action
	// Since is the first instant at which it counts; zero is ever since.
	Since time.Time
	// Until is the first instant at which it no longer counts; zero is never.
	Until  time.Time
	Author string
	Reason string
	Where  string // file:line
}

// maxLine bounds a line of a policy file.
const maxLine = 4096

// ParseOverrides reads overrides, one a line; name stands in errors and in
// Where. Empty lines and what begins with # are skipped. Everything else has to
// be right: a prefix without bits beyond its length, an action, how long it
// counts, an author and a reason. It counts to the end of a day (UTC) or to an
// RFC 3339 instant, "never" ends, and with a day or an instant and ".." in front
// begins only then. A prefix may stand once. Errors: Invalid, with file and
// line.
func ParseOverrides(r io.Reader, name string) ([]Override, error) {
	var out []Override
	seen := map[netip.Prefix]int{}
	err := eachLine(r, name, func(n int, line string) error {
		o, err := parseOverride(line)
		if err != nil {
			return err
		}
		if first := seen[o.Prefix]; first > 0 {
			return fault.New(fault.Invalid, "the prefix stands in line %d already; keep one of them", first)
		}
		seen[o.Prefix] = n
		o.Where = fmt.Sprintf("%s:%d", name, n)
		out = append(out, o)
		return nil
	})
	return out, err
}

func parseOverride(line string) (Override, error) {
	words := strings.Fields(line)
	if len(words) < 5 {
		return Override{}, fault.New(fault.Invalid, "%d words: want prefix, action, until, author and a reason", len(words))
	}
	var o Override
	var err error
	if o.Prefix, err = parsePrefix(words[0]); err != nil {
		return o, err
	}
	switch o.Action = Action(words[1]); o.Action {
	case Allow, Flag, Undecided:
	default:
		return o, fault.New(fault.Invalid, "action %.20q: want allow, flag or abstain", words[1])
	}
	if o.Since, o.Until, err = parsePeriod(words[2]); err != nil {
		return o, err
	}
	o.Author = words[3]
	o.Reason = strings.Join(words[4:], " ")
	return o, nil
}

// parsePeriod reads "2025-01-31", "never" or "2024-08-03..2025-01-31".
func parsePeriod(s string) (since, until time.Time, err error) {
	from, to, ranged := strings.Cut(s, "..")
	if !ranged {
		to = from
	} else if since, _, err = parseInstant("since", from); err != nil {
		return since, until, err
	}
	if to == "never" {
		return since, until, nil
	}
	until, day, err := parseInstant("until", to)
	if err != nil {
		return since, until, err
	}
	if day {
		until = until.AddDate(0, 0, 1) // the whole day
	}
	if ranged && !since.Before(until) {
		return since, until, fault.New(fault.Invalid, "%.62q ends before it begins", s)
	}
	return since, until, nil
}

// parseInstant reads a day, of which it gives the begin, or an instant.
func parseInstant(what, s string) (t time.Time, day bool, err error) {
	if t, err = time.Parse(time.DateOnly, s); err == nil {
		return t, true, nil
	}
	if t, err = time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), false, nil
	}
	return t, false, fault.New(fault.Invalid, "%s %.30q: want a day, as in 2025-01-31, an instant, as in 2025-01-31T12:00:00Z, never, or two with .. between them", what, s)
}

// parsePrefix reads an address or a prefix. What was found is not told: it may
// be an address.
func parsePrefix(s string) (netip.Prefix, error) {
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

// eachLine calls do for each line that says something; its errors get file and
// line in front.
func eachLine(r io.Reader, name string, do func(n int, line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
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
		return fault.Field(fault.Invalid, name, "%s:%d: %w; a line has at most %d bytes", name, n+1, err, maxLine-1)
	}
	return nil
}
