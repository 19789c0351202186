package accesslog

import (
	"bytes"
	"math"
	"strconv"

	"sluice/featurestore/webrequest"
)

// record holds the values of one line of a JSON, CSV or TSV log by column, and
// turns them into a Request.
type record struct {
	*layout
	opts     Options
	separate bool               // path and query are fields of their own, used as they are
	sourced  []column           // those that the log has
	values   [numColumns][]byte // nil for a null
	scratch  []byte             // text that does not stand in the line as it is
	clock    clock
}

func newRecord(l *layout, o Options) record {
	path := l.source[colPath]
	r := record{layout: l, opts: o}
	for c, source := range l.source {
		if source != "" {
			r.sourced = append(r.sourced, column(c))
		}
	}
	r.separate = path != "" && (l.source[colQuery] != "" || plainName(path) == "uri_path")
	return r
}

func (r *record) clear() {
	r.values = [numColumns][]byte{}
	r.scratch = r.scratch[:0]
}

// str is a column's text, "" for a null.
func (r *record) str(c column) string { return alias(r.values[c]) }

// present is a column's text where it is not null, "" or "-".
func (r *record) present(c column) string {
	if s := r.str(c); s != "-" {
		return s
	}
	return ""
}

// fill makes a Request of the values.
func (r *record) fill(req *webrequest.Request) (reason Reason) {
	if req.Time, req.Nanos, reason = r.clock.any(r.values[colDT]); reason != Accepted {
		return reason
	}
	req.XForwardedFor = r.str(colXFF)
	if req.IP, reason = clientAddress(alias(r.address()), req.XForwardedFor, r.opts.TrustedProxies); reason != Accepted {
		return reason
	}
	if reason = r.status(req); reason != Accepted {
		return reason
	}
	if reason = r.size(req); reason != Accepted {
		return reason
	}
	r.rest(req)
	for _, c := range r.sourced {
		if r.values[c] == nil {
			req.Nulls |= columnFacts[c].fields
		}
	}
	return Accepted
}

func (r *record) status(req *webrequest.Request) Reason {
	status := bytes.TrimSuffix(r.values[colStatus], []byte(".0"))
	if len(status) > 0 && !isStatus(status) {
		return BadStatus
	}
	req.HTTPStatus = alias(status)
	return Accepted
}

// rest fills what no line is rejected for.
func (r *record) rest(req *webrequest.Request) {
	r.request(req)
	req.CacheStatus = r.str(colCache)
	req.ContentType = r.str(colType)
	req.Referer = r.str(colReferer)
	req.UserAgent = r.str(colUserAgent)
	req.AcceptLang = r.str(colLanguage)
	req.XAnalytics = r.str(colXAnalytics)
	req.Hostname = r.str(colHostname)
	if t := r.values[colFirstbyte]; len(t) > 0 && t[0]-'0' <= 9 {
		if v, err := strconv.ParseFloat(alias(t), 64); err == nil && !math.IsInf(v, 0) {
			req.TimeFirstbyte = v
		}
	}
	req.Sequence, _ = wholeNumber(r.values[colSequence])
	req.IsPageview = r.tri(colIsPageview)
	req.IsAPIRequest = r.tri(colIsAPI)
	req.AccessMethod = r.present(colAccess)
	req.AgentType = r.present(colAgentType)
	req.RefererClass = r.present(colRefererClass)
}

// address is the logged client address. Caddy before 2.5 wrote it with a port,
// under a name that no other log has.
func (r *record) address() []byte {
	a := r.values[colIP]
	if r.source[colIP] != "request.remote_addr" {
		return a
	}
	i := bytes.LastIndexByte(a, ':')
	switch {
	case i < 0:
		return a
	case a[0] == '[' && a[i-1] == ']':
		return a[1 : i-1]
	case bytes.IndexByte(a, ':') == i:
		return a[:i]
	}
	return a
}

// size reads response_size. A null or "" is no size; "-", which Apache writes
// for nothing sent, is 0. A spreadsheet's "512.0" and JSON's 5.12e2 are whole.
func (r *record) size(req *webrequest.Request) Reason {
	v := r.values[colSize]
	if len(v) == 0 || isNullWord(v) {
		return Accepted
	}
	n, ok := clfSize(v)
	if !ok {
		f, err := strconv.ParseFloat(alias(v), 64)
		if err != nil || v[0]-'0' > 9 || f != math.Trunc(f) || f >= 1<<53 || bytes.ContainsAny(v, "xX_") {
			return BadSize
		}
		n = int64(f)
	}
	req.ResponseSize, req.HasSize = n, true
	return Accepted
}

// isNullWord reports whether v is one of the words that exports write for a
// missing number.
func isNullWord(v []byte) bool {
	switch string(v) {
	case `\N`, "NULL", "null", "NaN", "nan":
		return true
	}
	return false
}

// request fills method, host, authority, path and query.
func (r *record) request(req *webrequest.Request) {
	req.URIHost = r.str(colHost)
	switch {
	case r.source[colRequest] != "":
		setTarget(req, webrequest.SplitRequestLine(r.str(colRequest)))
		return
	case r.separate:
		req.URIPath = r.str(colPath)
	case r.source[colPath] != "":
		req.Authority, req.URIPath, req.URIQuery = webrequest.SplitTarget(r.str(colPath))
	default:
		req.Authority, req.URIPath, req.URIQuery = webrequest.SplitTarget(r.str(colTarget))
	}
	req.HTTPMethod = r.str(colMethod)
	if req.URIQuery == "" {
		req.URIQuery = r.query()
	}
}

// query is webrequest.WithMark of the query's own field, made in the scratch.
func (r *record) query() string {
	q := r.present(colQuery)
	if q == "" || q[0] == '?' {
		return q
	}
	start := len(r.scratch)
	r.scratch = append(append(r.scratch, '?'), q...)
	return alias(r.scratch[start:])
}

func (r *record) tri(c column) webrequest.Tri {
	switch string(r.values[c]) {
	case "true", "True", "TRUE", "t", "1":
		return webrequest.Yes
	case "false", "False", "FALSE", "f", "0":
		return webrequest.No
	}
	return webrequest.Null
}
