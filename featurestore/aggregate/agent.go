package aggregate

import (
	"strings"

	"sluice/featurestore/columns"
)

// traits are what behaviour columns need of one user_agent's text, in four
// bytes, for tables of them are looked into with every request.
type traits struct {
	length uint16 // in bytes, at most columns.MaxUserAgentLength
	claims uint16 // twice the major version of a browser, 0 for none; 1 more for a declared crawler
}

func traitsOf(agent string) traits {
	t := traits{length: uint16(min(len(agent), columns.MaxUserAgentLength)), claims: 2 * browserVersion(agent)}
	if declaresCrawler(agent) {
		t.claims++
	}
	return t
}

func (t traits) crawler() bool { return t.claims&1 != 0 }

func (t traits) browser() uint16 { return t.claims / 2 }

// declaresCrawler reports whether an agent says how to reach who runs it, as
// robots' operators do: a web address or an e-mail address.
func declaresCrawler(agent string) bool {
	return strings.Contains(agent, "://") || strings.Contains(agent, "@") || strings.Contains(agent, "+www.")
}

// browserVersion is the major version of the browser that an agent says it is:
// the number, of which four digits count, behind the first Chrome/ that has one,
// which all of Chromium's kin send too, or else behind such a Firefox/; 0 for
// neither.
func browserVersion(agent string) uint16 {
	if v := numberAfter(agent, "Chrome/"); v > 0 {
		return v
	}
	return numberAfter(agent, "Firefox/")
}

func numberAfter(text, name string) (v uint16) {
	for {
		i := strings.Index(text, name)
		if i < 0 {
			return 0
		}
		text = text[i+len(name):]
		digits := 0
		for digits < min(len(text), 4) && '0' <= text[digits] && text[digits] <= '9' {
			v = 10*v + uint16(text[digits]-'0')
			digits++
		}
		if digits > 0 {
			return v
		}
	}
}
