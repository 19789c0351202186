package accesslog

import (
	"net/netip"
	"slices"
	"strings"

	"sluice/featurestore/fault"
)

// The formats, by the names that Options.Format takes and Log.Format gives.
const (
	Auto          = "auto"           // chosen by the first lines
	Combined      = "combined"       // Apache's and nginx's combined log format
	Common        = "common"         // the common log format: no referer, no user agent
	VhostCombined = "vhost-combined" // combined with the virtual host in front
	JSON          = "json"           // one object per line: webrequest's, nginx's, Apache's, Caddy's names
	CSV           = "csv"            // RFC 4180 with a header; comma or semicolon
	TSV           = "tsv"            // tab-separated values with a header
	Parquet       = "parquet"        // a Parquet table with webrequest's columns
)

// tried is the order in which auto tries the formats; where two read equally
// many of the first lines, the earlier one is chosen. Common is not in it:
// what combined reads without ever seeing a referer or user agent is common.
var tried = []string{JSON, VhostCombined, Combined, CSV, TSV}

// Formats are the names that Options.Format takes.
func Formats() []string {
	return []string{Auto, Combined, Common, VhostCombined, JSON, CSV, TSV, Parquet}
}

// Defaults of Options.
const (
	DefaultMaxLine      = 1 << 20
	DefaultMaxExpansion = 250
	// expansionFree is how many plain bytes a file may have at any ratio.
	expansionFree = 64 << 20
)

// Options says how a log is read. The zero value reads any known format.
type Options struct {
	// Format is one of Formats; "" is Auto.
	Format string

	// Mapping names the log's field for a column: {"ip": "src"}. Keys are
	// webrequest's column names, and "request" (a whole request line) and
	// "request_uri" (path and query in one). For JSON a field inside an object
	// is written with dots: "http.request.method". For CSV and TSV without a
	// header every value is the number of a field, from 1. For the text
	// formats it is "extra1", "extra2", ... : the fields behind the user
	// agent (behind the size for common).
	Mapping map[string]string

	// TrustedProxies are the networks whose X-Forwarded-For is believed: the
	// client is found by walking the header from right to left, starting at
	// the logged address, while the address is a trusted one. The walk ends at
	// an entry that is no address; the last good address stands.
	TrustedProxies []netip.Prefix

	// MaxLine is the longest line in bytes, without its line break. Longer
	// ones are rejected. 0 is DefaultMaxLine.
	MaxLine int

	// MaxExpansion is how many plain bytes one compressed byte may become on
	// average, once a file has given more than 64 MiB of them. 0 is
	// DefaultMaxExpansion, below 0 is no bound.
	MaxExpansion int64

	// Rejects, if not nil, is handed each rejected line in the order of the
	// file, never from two goroutines at once. line counts from 1. text is
	// valid until the call returns; of a line that is too long it holds the
	// first KiB.
	Rejects func(line int64, reason Reason, text []byte)

	sample int // how many lines the format is chosen by
}

func (o Options) withDefaults() (Options, error) {
	if o.Format == "" {
		o.Format = Auto
	}
	if !slices.Contains(Formats(), o.Format) {
		return o, fault.Field(fault.Usage, "format", "log format %q is not known; the formats are %s", o.Format, strings.Join(Formats(), ", "))
	}
	if o.sample == 0 {
		o.sample = sampleLines
	}
	if o.MaxLine == 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.MaxLine < 0 || o.MaxLine > 1<<30 {
		return o, fault.Field(fault.Usage, "max_line", "the longest line is %d bytes; want 1 to %d", o.MaxLine, 1<<30)
	}
	if o.MaxExpansion == 0 {
		o.MaxExpansion = DefaultMaxExpansion
	}
	fieldOf := map[string]string{}
	for _, name := range sortedKeys(o.Mapping) {
		if first := fieldOf[o.Mapping[name]]; first != "" {
			return o, fault.Field(fault.Usage, "mapping", "columns %q and %q are both mapped to field %q", first, name, o.Mapping[name])
		}
		fieldOf[o.Mapping[name]] = name
		if _, ok := columnByName(name); !ok {
			return o, fault.Field(fault.Usage, "mapping", "mapping of column %q: there is no such column; the columns are %s", name, strings.Join(columnNames(), ", "))
		}
		if o.Mapping[name] == "" {
			return o, fault.Field(fault.Usage, "mapping", "mapping of column %q: the log's field is not named", name)
		}
	}
	proxies := make([]netip.Prefix, 0, len(o.TrustedProxies))
	for _, p := range o.TrustedProxies {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		if !p.IsValid() {
			return o, fault.Field(fault.Usage, "trusted_proxies", "trusted proxy %q is no network; want one as 10.0.0.0/8", p)
		}
		proxies = append(proxies, p.Masked())
	}
	o.TrustedProxies = proxies
	return o, nil
}

// Stats is what a Scan met. Lines = Good + Skipped + the sum of Rejected, but
// for the unfinished last line of a truncated stream, which is not counted.
type Stats struct {
	Lines      int64            // lines; a CSV record over several lines is one
	Good       int64            // handed to the callback
	Skipped    int64            // blank lines, comments, the header
	Rejected   map[Reason]int64 // never nil after Scan
	BytesRead  int64            // bytes of the file as it is stored
	BytesPlain int64            // bytes after decompression
	First      int64            // earliest time of a good line, Unix seconds; 0 without one
	Last       int64            // latest time of a good line, Unix seconds; 0 without one
	ClockJumps int64            // good lines more than an hour before the good line above them
	Truncated  bool             // the compressed stream ended before its end
}
