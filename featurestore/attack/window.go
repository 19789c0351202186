package attack

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Window is one attack: the time span [Start, End) during which a site was
// under attack.
type Window struct {
	ID    string    `json:"id"`             // unique in a Set; the attack of a row's key
	Start int64     `json:"start"`          // Unix seconds, first instant inside
	End   int64     `json:"end"`            // Unix seconds, first instant after
	Note  string    `json:"note,omitempty"` // free text; no part of any key
	Month row.Month `json:"month"`          // month in which Start falls, in the Set's zone; set by New
}

// maxID bounds a window's id, in bytes: it is a key, written in every row.
const maxID = 128

// check says what is wrong with a window taken alone; "" is nothing.
func (w *Window) check() string {
	switch {
	case w.ID == "":
		return "the name is empty; every window needs one, it is the attack of its rows"
	case len(w.ID) > maxID:
		return fmt.Sprintf("the name has %d bytes; at most %d are allowed", len(w.ID), maxID)
	case !utf8.ValidString(w.ID) || strings.ContainsFunc(w.ID, unicode.IsControl):
		return fmt.Sprintf("the name %q is not printable UTF-8", w.ID)
	case w.End <= w.Start:
		return fmt.Sprintf("window %q ends at %s, which is not after its start at %s", w.ID, stamp(w.End), stamp(w.Start))
	}
	return ""
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

// timeLayouts are the accepted spellings of an instant; those without a zone
// are UTC.
var timeLayouts = [...]string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00"}

// ParseTime reads "2024-07-26T20:00:00Z" (RFC 3339, any offset) or
// "2024-07-26 20:00:00" (UTC) as Unix seconds; a fraction of a second is cut
// off. Errors: Invalid.
func ParseTime(s string) (int64, error) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			if y := t.Year(); y < 1970 || y > 9998 {
				return 0, fault.New(fault.Invalid, "time %q: want a year from 1970 to 9998", s)
			}
			return t.Unix(), nil
		}
	}
	return 0, fault.New(fault.Invalid, "time %q: want RFC 3339, as in 2024-07-26T20:00:00Z, or 2024-07-26 20:00:00 (UTC)", s)
}
