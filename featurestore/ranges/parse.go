package ranges

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"strings"
	"time"

	"sluice/featurestore/fault"
)

// Ranges are published prefixes of one party.
type Ranges struct {
	// Name is whose they are: "Googlebot", "mobile carriers".
	Name string
	// Date is when they were published; zero where the file does not say.
	Date     time.Time
	Prefixes []netip.Prefix
}

// maxRanges bounds a file of ranges, in bytes.
const maxRanges = 64 << 20

// rangesJSON is the shape in which search engines publish their ranges.
type rangesJSON struct {
	CreationTime string `json:"creationTime"`
	Prefixes     []struct {
		IPv4 string `json:"ipv4Prefix"`
		IPv6 string `json:"ipv6Prefix"`
	} `json:"prefixes"`
}

// Parse reads published ranges: JSON {"creationTime": …, "prefixes":
// [{"ipv4Prefix": …} | {"ipv6Prefix": …}]}, as Google and Bing publish them, or
// plain text with a prefix a line and # comments, of which one may say
// "date: 2024-08-31". who is whose they are; name stands in errors. Errors:
// Invalid, Exhausted.
func Parse(r io.Reader, name, who string) (Ranges, error) {
	out := Ranges{Name: who}
	b, err := io.ReadAll(io.LimitReader(r, maxRanges+1))
	if err != nil {
		return out, fault.Wrap(err, "%s", name)
	}
	if len(b) > maxRanges {
		return out, fault.Field(fault.Exhausted, name, "%s is larger than 64 MiB: too large for a file of ranges", name)
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		return out, out.json(b, name)
	}
	for line := range bytes.Lines(b) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimLeft(string(line), "# ")), "date:"); ok && bytes.HasPrefix(line, []byte("#")) {
			out.Date, _ = publishedAt(strings.TrimSpace(s))
			break
		}
	}
	err = EachLine(bytes.NewReader(b), name, func(_ int, line string) error {
		text, _, _ := strings.Cut(line, "#")
		words := strings.Fields(text)
		if len(words) != 1 {
			return fault.New(fault.Invalid, "%d words: want one prefix", len(words))
		}
		p, err := ParsePrefix(words[0])
		out.Prefixes = append(out.Prefixes, p)
		return err
	})
	return out, err
}

func (out *Ranges) json(b []byte, name string) error {
	var in rangesJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return fault.Field(fault.Invalid, name, `%s: no JSON of the shape {"prefixes": [{"ipv4Prefix": "…"}]}: %w`, name, err)
	}
	if in.Prefixes == nil {
		return fault.Field(fault.Invalid, name, `%s: JSON without "prefixes"`, name)
	}
	if in.CreationTime != "" {
		var ok bool
		if out.Date, ok = publishedAt(in.CreationTime); !ok {
			return fault.Field(fault.Invalid, name, "%s: creationTime %.40q: want a date or an instant", name, in.CreationTime)
		}
	}
	for i, e := range in.Prefixes {
		s := e.IPv4
		if s == "" {
			s = e.IPv6
		}
		p, err := ParsePrefix(s)
		if err != nil {
			return fault.Field(fault.Invalid, name, "%s: prefixes[%d]: %w", name, i, err)
		}
		out.Prefixes = append(out.Prefixes, p)
	}
	return nil
}

// publishedAt reads the forms in which publishers write the date.
func publishedAt(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999", "2006-01-02T15:04:05", time.DateOnly} {
		// What timestamps in answers can hold, and no year in which nobody published.
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 && t.UTC().Year() <= 9999 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
