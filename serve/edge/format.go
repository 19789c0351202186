package edge

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"sluice/featurestore/fault"
)

// Format is a kind of list.
type Format string

// The formats that Write writes and Read reads.
const (
	HAProxyMap  Format = "haproxy-map"  // "PREFIX NAME" a line
	HAProxyACL  Format = "haproxy-acl"  // a prefix a line
	Nginx       Format = "nginx"        // "PREFIX 1;" a line, to be included in a geo block
	Netmapper   Format = "netmapper"    // {"NAME": ["PREFIX", …]}
	Requestctl  Format = "requestctl"   // an ipblock of conftool's requestctl, YAML
	NFT         Format = "nft"          // nftables sets NAME_v4 and NAME_v6
	CrowdSec    Format = "crowdsec"     // decisions, JSON
	CrowdSecCSV Format = "crowdsec-csv" // decisions, CSV
	CSV         Format = "csv"          // an entry a line, with its facts
	JSONLines   Format = "jsonl"        // the same as JSON, after a line about the list
)

var formats = []Format{HAProxyMap, HAProxyACL, Nginx, Netmapper, Requestctl, NFT, CrowdSec, CrowdSecCSV, CSV, JSONLines}

// Formats are the formats, in the order of their documentation.
func Formats() []Format { return slices.Clone(formats) }

// ParseFormat reads a format's name. Errors: Invalid.
func ParseFormat(s string) (Format, error) {
	if !slices.Contains(formats, Format(s)) {
		names := make([]string, len(formats))
		for i, f := range formats {
			names[i] = string(f)
		}
		return "", fault.Field(fault.Invalid, "format", "format %q: want %s", s, strings.Join(names, ", "))
	}
	return Format(s), nil
}

// Header is what a list says of itself, in comments where its format has them.
// Every text is one line.
type Header struct {
	// Name is what the list is called where it is used: a map's value, a set's
	// name. A letter, then letters, digits and underscores.
	Name string
	// Source is who flagged: "model 2024-07-0123456789ab" or "rules …".
	Source string
	// Date is as of when, "2024-08-31"; Threshold is from where on an address
	// is listed.
	Date, Threshold string
	// Since is the first instant at which one of its addresses was seen doing
	// what it is listed for; zero where that is not known.
	Since time.Time
	// Until is when the list should no longer be used; zero for never.
	Until time.Time
	// Lifetime is how long an entry counts from the moment it is loaded, for
	// the formats that have such a thing (nft, crowdsec); 0 for unlimited.
	Lifetime time.Duration
	// Why says what an address is listed for, Appeal how to ask for removal.
	Why, Appeal string
	// Stats are told in comments and in jsonl.
	Stats Stats
	// Bare leaves comments out, for consumers whose checks know none.
	Bare bool
}

var nameShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,31}$`)

func (h *Header) check() error {
	if !nameShape.MatchString(h.Name) {
		return fault.Field(fault.Invalid, "name", "list name %q: want a letter, then up to 31 letters, digits or underscores", h.Name)
	}
	for field, s := range map[string]string{"source": h.Source, "date": h.Date, "threshold": h.Threshold, "why": h.Why, "appeal": h.Appeal} {
		if i := strings.IndexFunc(s, func(r rune) bool {
			return unicode.IsControl(r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029'
		}); i >= 0 {
			return fault.Field(fault.Invalid, field, "%s holds a control character at byte %d: it would end the comment that it stands in", field, i)
		}
	}
	switch {
	case h.Lifetime < 0 || h.Lifetime%time.Second != 0:
		return fault.Field(fault.Invalid, "lifetime", "lifetime %v: want whole seconds, 0 for unlimited", h.Lifetime)
	}
	for field, t := range map[string]time.Time{"since": h.Since, "until": h.Until} {
		if !t.IsZero() && (t.Year() < 1970 || t.Year() > 9999) {
			return fault.Field(fault.Invalid, field, "%s: want an instant between the years 1970 and 9999", field)
		}
	}
	return nil
}

// lines are the header's comment lines, without a comment sign.
func (h *Header) lines(f Format) []string {
	if h.Bare {
		return nil
	}
	s := &h.Stats
	out := []string{fmt.Sprintf("%s: addresses to stop, for %s", h.Name, f)}
	add := func(label, text string) {
		if text != "" {
			out = append(out, label+": "+text)
		}
	}
	add("source", h.Source)
	add("date", h.Date)
	add("threshold", h.Threshold)
	add("count", fmt.Sprintf("%d entries (%d IPv4, %d IPv6) for %d addresses", s.Entries, s.IPv4, s.IPv6, s.Addresses-s.DroppedAddresses))
	add("hit without being meant", fmt.Sprintf("at most %d IPv4 addresses and %d IPv6 networks of size /64, %d of them seen and not flagged", s.ExtraIPv4, s.ExtraIPv6, s.Known))
	if !h.Since.IsZero() {
		add("since", h.Since.UTC().Format(time.RFC3339)+", the first that was seen of any of them")
	}
	if !h.Until.IsZero() {
		add("until", h.Until.UTC().Format(time.RFC3339)+", not to be used afterwards")
	}
	add("why", h.Why)
	add("appeal", h.Appeal)
	return out
}

// Special-purpose space that netmapper keeps IPv4 in or maps to it. Its loader
// fails on such networks.
var netmapperReserved = []netip.Prefix{
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("::ffff:0:0/96"),
	netip.MustParsePrefix("::ffff:0:0:0/96"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"),
}

// Expressible reports whether a prefix can stand in a list of a format.
// Netmapper has no room for networks in the space of IPv4-mapped, IPv4-
// compatible and translated addresses, 6to4 and Teredo.
func (f Format) Expressible(p netip.Prefix) bool {
	if f != Netmapper || p.Addr().Is4() {
		return true
	}
	return !slices.ContainsFunc(netmapperReserved, p.Overlaps)
}

// Write writes a list. Entries come sorted by address and without overlaps, as
// List.All gives them; those that the format can't express are left out. The
// bytes depend on the arguments alone. Errors: Invalid, and what w says.
func Write(w io.Writer, f Format, h Header, entries iter.Seq[Entry]) error {
	if err := h.check(); err != nil {
		return err
	}
	write, ok := writers[f]
	if !ok {
		_, err := ParseFormat(string(f))
		return err
	}
	checked := &inOrder{format: f, entries: entries}
	b := bufio.NewWriterSize(w, 1<<16)
	if err := write(b, &h, checked.all()); err != nil {
		return err
	}
	if checked.err != nil {
		return checked.err
	}
	return b.Flush()
}

var writers = map[Format]func(*bufio.Writer, *Header, iter.Seq[Entry]) error{
	HAProxyMap:  writeHAProxyMap,
	HAProxyACL:  writeHAProxyACL,
	Nginx:       writeNginx,
	Netmapper:   writeNetmapper,
	Requestctl:  writeIPBlock,
	NFT:         writeNFT,
	CrowdSec:    writeCrowdSec,
	CrowdSecCSV: writeCrowdSecCSV,
	CSV:         writeCSV,
	JSONLines:   writeJSONLines,
}

// inOrder passes entries on as long as each is whole and beyond the one before:
// consumers refuse a list that says a network twice.
type inOrder struct {
	format  Format
	entries iter.Seq[Entry]
	err     error
}

func (o *inOrder) all() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		var last netip.Prefix
		for e := range o.entries {
			p, ok := canonical(e.Prefix)
			switch {
			case !ok || p != e.Prefix:
				o.err = fault.Field(fault.Invalid, "prefix", "an entry is no prefix, has bits beyond its length, or is IPv4-mapped")
				return
			case last.IsValid() && (comparePrefix(last, p) >= 0 || last.Overlaps(p)):
				o.err = fault.Field(fault.Invalid, "prefix", "an entry of length /%d is not beyond the one before: want entries sorted by address, without overlaps", p.Bits())
				return
			}
			last = p
			if o.format.Expressible(p) && !yield(e) {
				return
			}
		}
	}
}

// appendPrefix appends "192.0.2.0/24".
func appendPrefix(b []byte, p netip.Prefix) []byte { return p.AppendTo(b) }

// HasComments tells whether a list of a format says in itself what it is. For
// one that can't, WriteAbout writes that beside it.
func (f Format) HasComments() bool {
	switch f {
	case Netmapper, CrowdSec, CrowdSecCSV, CSV:
		return false
	}
	return true
}

// WriteAbout writes what a list says of itself, a line each, for the formats
// without comments: source, date, threshold, counts, why, since and until when,
// and how to ask for removal. Errors: Invalid, and what w says.
func WriteAbout(w io.Writer, f Format, h Header) error {
	if err := h.check(); err != nil {
		return err
	}
	h.Bare = false
	b := bufio.NewWriter(w)
	comment(b, "", h.lines(f))
	return b.Flush()
}

// comment writes header lines behind a sign.
func comment(w *bufio.Writer, sign string, lines []string) {
	for _, s := range lines {
		w.WriteString(sign)
		w.WriteString(s)
		w.WriteByte('\n')
	}
}
