package server

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/registry"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/page"
)

// routePage is the page for people.
const routePage = "page"

// pageTop is the path of the list of the most abusive.
const pageTop = "/page/top"

// The numbers of addresses that the pages show at a time.
const (
	homeRows   = 10
	browseRows = 50
	memberRows = 100
)

// page answers for people: / looks up, /page/top browses.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeError(w, r, errMethod(http.MethodGet, http.MethodHead))
		return
	}
	v := &viewer{s: s, ctx: r.Context(), masked: !callerOf(r.Context()).seesAddresses()}
	q := r.URL.Query()
	text := strings.TrimSpace(q.Get("q"))
	var view any
	var err error
	switch {
	case r.URL.Path == pageTop:
		view, err = v.browse(q.Get("month"), q.Get("from"))
	case r.URL.Path != "/":
		err = routeError(http.StatusNotFound)
	case text == "":
		view, err = v.home()
	case strings.Contains(text, "/"):
		view, err = v.prefix(text, q.Get("page_token"))
	default:
		view, err = v.address(text)
	}
	if err != nil {
		v.fail(w, r, err)
		return
	}
	code := http.StatusOK
	if a, ok := view.(*page.Address); ok && !a.Known && a.Decision.By == "" {
		code = http.StatusNotFound
	}
	writePage(w, r, code, view)
}

// refusePage tells a browser why it may not see the page, and has it ask for a
// token.
func (s *Server) refusePage(w http.ResponseWriter, r *http.Request, err error) {
	(&viewer{s: s, ctx: r.Context(), masked: true, blind: true}).fail(w, r, err)
}

// fail writes an error as a page.
func (v *viewer) fail(w http.ResponseWriter, r *http.Request, err error) {
	if o, ok := r.Context().Value(outcomeKey{}).(*outcome); ok {
		o.err = err
	}
	st := toStatus(err)
	code := httpStatus(err, st)
	m := &page.Message{Frame: v.frame("It can’t be shown"), Text: sentence(strings.TrimPrefix(st.Message(), "q: "))}
	var made *statusError
	errors.As(err, &made)
	switch {
	case code == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="sluice: any name, and a token as the password", charset="UTF-8"`)
		m.Title, m.Hint = "A token is needed", "Give any name, and your token as the password."
	case code == http.StatusForbidden:
		m.Title = "This token may not see the page"
	case code == http.StatusTooManyRequests:
		m.Title = "Too much at once"
	case isExpired(err):
		m.Title, m.Hint = "The score has run out", "What it said should no longer be used; a newer feed is due."
	case code == http.StatusServiceUnavailable:
		m.Title, m.Hint = "Not yet", "A feed is loaded as soon as there is one."
	case code == http.StatusBadRequest:
		m.Title, m.Hint = "That can’t be looked up", "Try an address, as in 192.0.2.1 or 2001:db8::1, or a prefix, as in 192.0.2.0/24."
	case code == http.StatusNotFound:
		m.Title, m.Link, m.LinkText = "There is no such page", "/", "Look up an address"
	}
	writePage(w, r, code, m)
}

// sentence is a message as a sentence of its own.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// writePage renders before it writes, so that what fails is an error and no
// half of a page.
func writePage(w http.ResponseWriter, r *http.Request, code int, view any) {
	b, err := page.Render(view)
	if err != nil {
		writeError(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", page.Policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, no-store")
	if t := topOf(view); t != nil && t.Counting {
		h.Set("Refresh", "2")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = bytes.NewReader(b).WriteTo(w)
	}
}

func topOf(view any) *page.Top {
	switch p := view.(type) {
	case *page.Home:
		return p.Top
	case *page.Browse:
		return p.Top
	}
	return nil
}

// viewer makes the pages for one request.
type viewer struct {
	s      *Server
	ctx    context.Context
	masked bool // whole addresses are not shown
	blind  bool // nothing is shown: the caller is not known
}

func (v *viewer) frame(title string) page.Frame {
	f := page.Frame{Title: title, Masked: v.masked && !v.blind}
	if l, err := v.s.feeds.acquire(); err == nil && !v.blind {
		f.Feed = &page.Feed{Date: string(l.Date()), Rows: l.Len(), Age: time.Since(l.desc.GeneratedAt), Model: l.desc.ModelVersion}
		if !l.expiresAt.IsZero() && !time.Now().Before(l.expiresAt) {
			f.Feed.Expired = l.expiresAt
		}
		l.release()
	}
	return f
}

// show is an address as the viewer may see it.
func (v *viewer) show(ip netip.Addr) string {
	if v.masked {
		return row.Mask(ip)
	}
	return ip.String()
}

// link is where an address or prefix is looked up; nowhere for those who may
// not see it.
func (v *viewer) link(what string) string {
	if v.masked {
		return ""
	}
	return "/?q=" + url.QueryEscape(what)
}

func (v *viewer) home() (any, error) {
	h := &page.Home{Frame: v.frame("Look up an address")}
	h.Here = "/"
	if h.Feed != nil {
		top, err := v.top("", 0, homeRows)
		if err != nil {
			return nil, err
		}
		h.Top = top
	}
	h.Model = v.model()
	return h, nil
}

// model is the version in service, or nil.
func (v *viewer) model() *page.Model {
	c := v.s.service.models.Champion()
	if c == "" {
		return nil
	}
	info, err := v.s.service.models.Get(c)
	if err != nil {
		return nil // what scores is shown by the feed; this is an extra
	}
	m := &page.Model{Version: c, Trained: months(info.TrainMonths), Tested: months(info.TestMonths)}
	if len(info.Splits) > 0 && info.Splits[0].OperatingPoint != nil {
		p := info.Splits[0].OperatingPoint
		if p.True.Precision != nil && p.True.Recall != nil {
			m.Precision, m.Recall = p.True.Precision, p.True.Recall
		}
	}
	return m
}

// months names a run of months by its ends.
func months(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return names[0] + " to " + names[len(names)-1]
}

func (v *viewer) browse(month, from string) (any, error) {
	first := 1
	if from != "" {
		var err error
		if first, err = strconv.Atoi(from); err != nil || first < 1 {
			return nil, fault.Field(fault.Invalid, "from", "from: want a rank, 1 or more")
		}
	}
	if month != "" {
		if _, err := row.ParseMonth(month); err != nil {
			return nil, fault.Field(fault.Invalid, "month", "month: want a month, as in 2024-08")
		}
	}
	b := &page.Browse{Frame: v.frame("The most abusive")}
	b.Here = pageTop
	top, err := v.top(month, first-1, browseRows)
	if err != nil {
		return nil, err
	}
	b.Top = top
	b.Title = "The most abusive of " + top.Month
	return b, nil
}

// top is a part of the list of a month's most abusive; "" is the loaded feed's.
func (v *viewer) top(month string, from, n int) (*page.Top, error) {
	all, err := v.s.history.months()
	if err != nil {
		return nil, err
	}
	l, err := v.s.history.feed(v.ctx, month, all)
	if err != nil {
		return nil, err
	}
	defer l.release()
	p := &page.Top{Month: string(l.Date())[:7], Date: string(l.Date()), Rows: l.Len()}
	for _, m := range all {
		p.Months = append(p.Months, m.month)
	}
	t, err := v.s.tops.of(v.ctx, l)
	if err != nil {
		return nil, err
	}
	if t == nil {
		p.Counting = true
		return p, nil
	}
	p.Abusive, p.Undecided, p.Histogram, p.Kept = t.abusive, t.undecided, t.bins[:], len(t.lines)
	p.From = from + 1
	r := v.s.service.rulings.at(time.Now())
	for i := from; i < min(from+n, len(t.lines)); i++ {
		line := &t.lines[i]
		ranked := v.ranked(r.score(line, r.check(v.ctx, line.IP, "")))
		ranked.Rank, ranked.Windows = i+1, len(line.Windows)
		p.Shown = append(p.Shown, ranked)
	}
	link := func(from int) string { return pageTop + "?month=" + p.Month + "&from=" + strconv.Itoa(from) }
	if from > 0 {
		p.Previous = link(max(1, from+1-n))
	}
	if from+n < len(t.lines) {
		p.Next = link(from + 1 + n)
	}
	return p, nil
}

// ranked is a score as a line of a list.
func (v *viewer) ranked(s *pb.IpScore) page.Ranked {
	ip, _ := netip.ParseAddr(s.GetIp()) // the service's own
	l := page.Ranked{
		Address: v.show(ip), Link: v.link(s.GetIp()), Confidence: s.GetConfidence(), Verdict: pageVerdict(s.GetVerdict()),
		Decided: decidedShort(s.GetDecision().GetSource()),
	}
	if why := s.GetReasons(); len(why) > 0 {
		l.Note = why[0].GetFeature() + ": " + valueText(why[0])
	}
	return l
}

func (v *viewer) prefix(text, token string) (any, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		text = p.Masked().String() // bits beyond the length don't matter to a person
	}
	a, err := v.s.service.GetPrefixScores(v.ctx, &pb.GetPrefixScoresRequest{Prefix: text, PageSize: memberRows, PageToken: token})
	if err != nil {
		return nil, err
	}
	roll := a.GetRollUp()
	shown := roll.GetPrefix()
	if p, err := netip.ParsePrefix(shown); v.masked && err == nil {
		shown = (&audit{}).prefix(p)
	}
	p := &page.Prefix{
		Frame: v.frame(shown), Prefix: shown, Members: int(roll.GetMemberCount()), Abusive: int(roll.GetAbusiveCount()),
		NotAbusive: int(roll.GetNotAbusiveCount()), Undecided: int(roll.GetAbstainCount()), Max: roll.GetMaxConfidence(), Mean: roll.GetMeanConfidence(),
	}
	if !v.masked {
		p.Query = text
	}
	for _, m := range a.GetMembers() {
		p.List = append(p.List, v.ranked(m))
	}
	if t := a.GetNextPageToken(); t != "" && !v.masked { // a token holds an address
		p.Next = v.link(text) + "&page_token=" + url.QueryEscape(t)
	}
	for _, sub := range a.GetSubprefixes() {
		p.Subprefixes = append(p.Subprefixes, page.Subprefix{
			Prefix: sub.GetPrefix(), Link: "/?q=" + url.QueryEscape(sub.GetPrefix()), // no narrower than a masked address
			Members: int(sub.GetMemberCount()), Abusive: int(sub.GetAbusiveCount()), Mean: sub.GetMeanConfidence(),
		})
	}
	return p, nil
}

// newestVersion is the version that a feed's score names, as far as it is one.
func newestVersion(name string) string {
	if registry.ValidVersion(name) {
		return name
	}
	return "–"
}
