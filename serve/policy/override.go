package policy

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"sluice/featurestore/fault"
	published "sluice/featurestore/ranges"
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
	err := published.EachLine(r, name, func(n int, line string) error {
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
	if o.Prefix, err = published.ParsePrefix(words[0]); err != nil {
		return o, err
	}
	switch o.Action = Action(words[1]); o.Action {
	case Allow, Flag, Undecided:
	default:
		return o, fault.New(fault.Invalid, "action %s: want allow, flag or abstain", shown(words[1]))
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
	if until.After(lastInstant) {
		until = lastInstant // 9999-12-31 is meant as never
	}
	if ranged && !since.Before(until) {
		return since, until, fault.New(fault.Invalid, "%s ends before it begins", shown(s))
	}
	return since, until, nil
}

// What can be said in every answer: timestamps end with the year 9999.
var (
	firstInstant = time.Unix(0, 0).UTC()
	lastInstant  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// parseInstant reads a day, of which it gives the begin, or an instant.
func parseInstant(what, s string) (t time.Time, day bool, err error) {
	if t, err = time.Parse(time.DateOnly, s); err == nil {
		day = true
	} else if t, err = time.Parse(time.RFC3339, s); err == nil {
		t = t.UTC()
	}
	if err == nil {
		if t.Before(firstInstant) {
			return t, day, fault.New(fault.Invalid, "%s %s lies before 1970", what, shown(s))
		}
		return t, day, nil
	}
	return t, false, fault.New(fault.Invalid, "%s %s: want a day, as in 2025-01-31, an instant, as in 2025-01-31T12:00:00Z, never, or two with .. between them", what, shown(s))
}

// shown is a word as an error shows it: words in the wrong order must not tell an
// address.
func shown(word string) string {
	for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:", r) }) {
		part = strings.Trim(part, ".")
		if _, err := netip.ParseAddr(part); err == nil || strings.Count(part, ".") >= 3 || strings.Count(part, ":") >= 4 || strings.Contains(part, "::") {
			return "with an address in it"
		}
	}
	return fmt.Sprintf("%.40q", word)
}
