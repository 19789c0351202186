package cli

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/train/pipeline"
)

// explained is what explain-line says of a line.
type explained struct {
	Format  string            `json:"format"`
	Fields  map[string]string `json:"fields"`
	Derived map[string]string `json:"derived"`
	Kept    string            `json:"kept"`
	Because string            `json:"is_pageview_because"`
}

func setupExplainLine(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	d := declareData(fs)
	addresses := fs.Bool("addresses", false, "show the whole address; it is masked otherwise")
	return func(_ context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "explain-line reads stdin and takes no %q", args[0])
		}
		var c pipeline.Config
		if err := d.fill(&c); err != nil {
			return err
		}
		line, err := bufio.NewReaderSize(e.stdin, 1<<20).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return fault.New(fault.Invalid, "nothing on stdin; pipe one log line in, as in: head -1 access.log | train explain-line")
		}
		e.events.begin("explain-line")
		var req webrequest.Request
		format, reason := accesslog.Identify(c.Access.Format, []byte(line), c.Access, &req)
		switch {
		case format == "" && !slices.Contains(accesslog.Formats(), c.Access.Format):
			return fault.Field(fault.Usage, "format", "--format %q: want %s", c.Access.Format, strings.Join(accesslog.Formats(), ", "))
		case format == "":
			return fault.New(fault.Invalid, "the line is a comment or of no known format, so no request; pipe in a line that holds one, with --format if it is known: %s", strings.Join(accesslog.Formats(), ", "))
		case reason != accesslog.Accepted:
			return fault.New(fault.Invalid, "the line was read as %s and is rejected: %s", format, reason)
		}
		dv, err := webrequest.New(c.Web)
		if err != nil {
			return err
		}
		x := explain(dv, c.Filter, &req, format, *addresses)
		e.events.result(x, func(w io.Writer) {
			fmt.Fprintf(w, "read as %s\n", x.Format)
			for _, f := range fieldOrder {
				if v, ok := x.Fields[f]; ok {
					fmt.Fprintf(w, "  %-16s %s\n", f, v)
				}
			}
			fmt.Fprintln(w, "derived")
			for _, f := range derivedOrder {
				fmt.Fprintf(w, "  %-16s %s\n", f, x.Derived[f])
			}
			fmt.Fprintf(w, "%s\n%s\n", x.Because, x.Kept)
		})
		return nil
	}
}

var (
	fieldOrder   = []string{"dt", "ip", "http_method", "uri_host", "uri_path", "uri_query", "http_status", "response_size", "content_type", "referer", "user_agent", "accept_language", "cache_status", "x_analytics", "time_firstbyte"}
	derivedOrder = []string{"is_pageview", "is_api_request", "access_method", "agent_type", "referer_class"}
)

func explain(dv *webrequest.Deriver, filter webrequest.Filter, req *webrequest.Request, format string, addresses bool) explained {
	d := dv.Derive(req)
	x := explained{Format: format, Fields: map[string]string{}, Derived: map[string]string{
		"is_pageview": triText(d.IsPageview), "is_api_request": triText(d.IsAPIRequest),
		"access_method": orMissing(d.AccessMethod), "agent_type": orMissing(d.AgentType), "referer_class": orMissing(d.RefererClass),
	}}
	field := func(f webrequest.Field, name, value string) {
		if req.Available.Has(f) {
			if value == "" {
				value = "(absent)"
			}
			x.Fields[name] = value
		}
	}
	ip := row.Mask(req.IP)
	if addresses {
		ip = req.IP.String()
	}
	field(webrequest.FieldIP, "ip", ip)
	field(webrequest.FieldDT, "dt", time.Unix(req.Time, int64(req.Nanos)).UTC().Format(time.RFC3339Nano))
	field(webrequest.FieldHTTPMethod, "http_method", req.HTTPMethod)
	field(webrequest.FieldURIHost, "uri_host", req.URIHost)
	field(webrequest.FieldURIPath, "uri_path", req.URIPath)
	field(webrequest.FieldURIQuery, "uri_query", req.URIQuery)
	field(webrequest.FieldHTTPStatus, "http_status", req.HTTPStatus)
	size := ""
	if req.HasSize {
		size = fmt.Sprint(req.ResponseSize)
	}
	field(webrequest.FieldResponseSize, "response_size", size)
	field(webrequest.FieldContentType, "content_type", req.ContentType)
	field(webrequest.FieldReferer, "referer", req.Referer)
	field(webrequest.FieldUserAgent, "user_agent", req.UserAgent)
	field(webrequest.FieldAcceptLanguage, "accept_language", req.AcceptLang)
	field(webrequest.FieldCacheStatus, "cache_status", req.CacheStatus)
	field(webrequest.FieldXAnalytics, "x_analytics", req.XAnalytics)
	field(webrequest.FieldTimeFirstbyte, "time_firstbyte", fmt.Sprint(req.TimeFirstbyte))

	x.Because = because(dv, req, d)
	x.Kept = "counted: the filter keeps it"
	if !filter.Keep(req, d) {
		x.Kept = "not counted: the filter (cache_status, API requests) leaves it out"
	}
	return x
}

// because finds the parts of a request that keep it from being a page view, by
// asking the deriver itself what it would say of a request with that part
// harmless: so the answer can't drift from the rule.
func because(dv *webrequest.Deriver, req *webrequest.Request, d webrequest.Derived) string {
	switch {
	case req.IsPageview != webrequest.Null && d.IsPageview == req.IsPageview:
		return "is_pageview stands in the log itself"
	case d.IsPageview == webrequest.Null:
		return "is_pageview is missing: the log lacks a column it needs"
	case d.IsPageview == webrequest.Yes:
		return "is_pageview because method, status, host, path and type all fit"
	}
	changes := []struct {
		what string
		do   func(r *webrequest.Request)
	}{
		{"http_method " + req.HTTPMethod, func(r *webrequest.Request) { r.HTTPMethod = "GET" }},
		{"http_status " + req.HTTPStatus, func(r *webrequest.Request) { r.HTTPStatus = "200" }},
		{"uri_host " + req.URIHost, func(r *webrequest.Request) { r.URIHost = "en.wikipedia.org" }},
		{"uri_path " + req.URIPath, func(r *webrequest.Request) { r.URIPath = "/wiki/A" }},
		{"uri_query " + req.URIQuery, func(r *webrequest.Request) { r.URIQuery = "" }},
		{"content_type " + req.ContentType, func(r *webrequest.Request) { r.ContentType = "text/html" }},
		{"x_analytics " + req.XAnalytics, func(r *webrequest.Request) { r.XAnalytics = "" }},
		{"user_agent " + req.UserAgent, func(r *webrequest.Request) { r.UserAgent = "Mozilla/5.0" }},
	}
	var alone, together []string
	for i, c := range changes {
		r := *req
		c.do(&r)
		if dv.Derive(&r).IsPageview == webrequest.Yes {
			alone = append(alone, c.what)
		}
		// What still prevents it when all else is harmless.
		r = *req
		for j, o := range changes {
			if j != i {
				o.do(&r)
			}
		}
		if dv.Derive(&r).IsPageview != webrequest.Yes {
			together = append(together, c.what)
		}
	}
	switch {
	case len(alone) > 0:
		return "not is_pageview because of " + strings.Join(alone, ", or of ")
	case len(together) > 0:
		return "not is_pageview because of " + strings.Join(together, " and ")
	}
	return "not is_pageview"
}

func triText(t webrequest.Tri) string {
	return [...]string{webrequest.Null: "(missing)", webrequest.No: "no", webrequest.Yes: "yes"}[t]
}

func orMissing(s string) string {
	if s == "" {
		return "(missing)"
	}
	return s
}
