package webrequest

import "net/netip"

// Field is a set of the log columns that a format has. A column that is not in
// the set is unavailable: everything derived from it is missing, never 0 and
// never false. A column in the set may still be absent in a row (null, "" or
// "-").
type Field uint32

// The fields of a Request that decide about availability.
const (
	FieldDT Field = 1 << iota
	FieldIP
	FieldCacheStatus
	FieldHTTPStatus
	FieldResponseSize
	FieldHTTPMethod
	FieldURIHost
	FieldURIPath
	FieldURIQuery
	FieldContentType
	FieldReferer
	FieldUserAgent
	FieldAcceptLanguage
	FieldXAnalytics
	FieldXForwardedFor
	FieldTimeFirstbyte
	FieldIsPageview
	FieldIsAPIRequest
	FieldAccessMethod
	FieldAgentType
	FieldRefererClass
	FieldHostname
	FieldSequence
)

// Has reports whether every field of f is in the set.
func (s Field) Has(f Field) bool { return s&f == f }

// Tri is a boolean that may be missing.
type Tri uint8

// The values of a Tri.
const (
	Null Tri = iota
	No
	Yes
)

// TriOf is Yes for true and No for false.
func TriOf(b bool) Tri {
	if b {
		return Yes
	}
	return No
}

// Request is one row of a log with wmf.webrequest's column names
// (https://wikitech.wikimedia.org/wiki/Analytics/Data_Lake/Traffic/Webrequest).
//
// Strings are the log's own bytes, unchanged; "" stands for a null. A reader
// hands out Requests whose strings point into its buffer: they are valid until
// the callback returns, and what is kept must be cloned (strings.Clone).
type Request struct {
	Available Field // columns of the format this row came in
	// Nulls are columns that are null in this row rather than empty, as far as
	// the format can tell the two apart. One rule does: an empty user_agent is
	// not a spider by its text, a null one is absent.
	Nulls Field

	Time         int64      // dt: Unix seconds, UTC
	Nanos        int32      // dt: fraction of the second, nanoseconds, where the log has one
	IP           netip.Addr // client address; canonical (row.Canonical)
	CacheStatus  string
	HTTPStatus   string // "200"; "-" or "" where the log has none
	ResponseSize int64  // bytes; meaningful if HasSize
	HasSize      bool   // false for a null; "-" of the common log format is size 0
	HTTPMethod   string
	URIHost      string // as logged
	Authority    string // of an absolute request target (Target.Authority); else ""
	URIPath      string
	URIQuery     string // with its leading "?"; "" without a query
	ContentType  string
	Referer      string
	UserAgent    string
	// UserAgentID, where it is not 0, numbers the user agent: of the requests that
	// one goroutine of a scan hands out, those with one number have one agent.
	UserAgentID   uint32
	AcceptLang    string
	XAnalytics    string
	XForwardedFor string
	TimeFirstbyte float64 // seconds; response time where the log has one
	Hostname      string  // the host that wrote the line
	Sequence      int64

	// Derived columns as the log itself has them; they win over derivation
	// unless Options.Derive is set.
	IsPageview   Tri
	IsAPIRequest Tri
	AccessMethod string
	AgentType    string
	RefererClass string
}

// Derived are the columns computed from a Request. Null and "" mean that the
// source column is unavailable.
type Derived struct {
	IsPageview   Tri
	IsAPIRequest Tri
	AccessMethod string // desktop, mobile web, mobile app
	AgentType    string // user, spider
	RefererClass string // none, unknown, internal, external, external (…)
}
