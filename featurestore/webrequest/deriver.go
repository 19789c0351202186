package webrequest

import (
	"net/netip"
	"strings"
)

// Deriver computes the derived columns of requests. It remembers what it has
// worked out for agents, referers and hosts, within a bound of some 20 MB.
//
// A Deriver is used by one goroutine at a time. Fork gives another goroutine
// its own.
type Deriver struct {
	*rules
	agents   *cache[agentFacts]
	referers *cache[siteReferer]
	hosts    *cache[hostFacts]
}

// rules are what Derivers share: they never change.
type rules struct {
	options Options
	devices *SpiderDevices
	lists   *lists
	site    *SiteRules // nil for Wikimedia
}

// agentFacts is what a user agent says.
type agentFacts uint8

const (
	agentIsSpider       agentFacts = 1 << iota
	agentIsApp                     // an application: access_method's test
	agentIsWikipediaApp            // an application: is_pageview's test
	agentIsMobile                  // a mobile browser
)

// hostFacts is what a host says.
type hostFacts uint8

const (
	hostCounts  hostFacts = 1 << iota // its pages can be page views
	hostMobile                        // a host for mobile browsers
	hostAPI                           // all its requests are API requests
	hostUnknown                       // no host
)

// New makes a Deriver. Options that make no sense are a fault.Invalid.
func New(o Options) (*Deriver, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	r := &rules{options: o.canonical(), lists: listsOf(o.Referer)}
	var err error
	if r.devices, err = NewSpiderDevices(o.Spider); err != nil {
		return nil, err
	}
	if o.Profile == Site {
		if r.site, err = NewSiteRules(o); err != nil {
			return nil, err
		}
	}
	return r.deriver(), nil
}

func (r *rules) deriver() *Deriver {
	return &Deriver{
		rules:    r,
		agents:   newCache[agentFacts](agentSlots),
		referers: newCache[siteReferer](refererSlots),
		hosts:    newCache[hostFacts](hostSlots),
	}
}

// Fork is a Deriver with the same rules and caches of its own.
func (d *Deriver) Fork() *Deriver { return d.rules.deriver() }

// Options are the options in force, in canonical form.
func (d *Deriver) Options() Options { return d.options.canonical() }

// ClientIP is the client's address: req.IP unless it is a trusted proxy, see
// the function ClientIP.
func (d *Deriver) ClientIP(req *Request) netip.Addr {
	return ClientIP(req.IP, req.XForwardedFor, d.options.TrustedProxies)
}

// Derive computes the derived columns of one request. A column that the log
// itself has wins where it is not null, unless Options.Derive is set; a column
// whose source the log doesn't have is Null or "". Strings of the result are
// constants, or the log's own and then valid as long as the request is.
func (d *Deriver) Derive(req *Request) Derived {
	var out Derived
	own := req.Available
	if d.options.Derive {
		own = 0
	}
	if own.Has(FieldIsAPIRequest) {
		out.IsAPIRequest = req.IsAPIRequest
	}
	if own.Has(FieldIsPageview) {
		out.IsPageview = req.IsPageview
	}
	if own.Has(FieldAccessMethod) && !absent(req.AccessMethod) {
		out.AccessMethod = known(req.AccessMethod, AccessDesktop, AccessMobileWeb, AccessMobileApp)
	}
	if own.Has(FieldAgentType) && !absent(req.AgentType) {
		out.AgentType = known(req.AgentType, AgentUser, AgentSpider)
	}
	if own.Has(FieldRefererClass) && !absent(req.RefererClass) {
		out.RefererClass = known(req.RefererClass, RefererNone, RefererExternal, RefererInternal,
			RefererUnknown, RefererSearch, RefererMedia, RefererChatbot)
	}
	if d.site != nil {
		d.deriveSite(req, &out)
	} else {
		d.deriveWikimedia(req, &out)
	}
	return out
}

// known is the constant equal to s, so that no part of a reader's buffer is
// kept; s itself if there is none.
func known(s string, values ...string) string {
	for _, v := range values {
		if s == v {
			return v
		}
	}
	return s
}

const (
	wikimediaPageview = FieldHTTPStatus | FieldURIHost | FieldURIPath | FieldURIQuery |
		FieldContentType | FieldUserAgent | FieldXAnalytics
	sitePageview = FieldHTTPMethod | FieldHTTPStatus | FieldURIPath
)

func (d *Deriver) deriveWikimedia(req *Request, out *Derived) {
	has := req.Available
	if out.IsAPIRequest == Null && has.Has(FieldURIHost|FieldURIPath) {
		out.IsAPIRequest = TriOf(IsAPIRequest(req.URIHost, req.URIPath))
	}
	pageview := out.IsPageview == Null && has.Has(wikimediaPageview)
	byHost := d.options.AccessMethod == AccessHost
	access := out.AccessMethod == "" && has.Has(FieldUserAgent) &&
		(byHost && has.Has(FieldURIHost) || !byHost && has.Has(FieldXAnalytics))
	agentType := out.AgentType == "" && has.Has(FieldUserAgent)

	var host hostFacts
	if pageview || access && byHost {
		host = d.wikiHost(req.URIHost)
	}
	var agent agentFacts
	if pageview || access || agentType {
		agent = d.agent(req.UserAgent)
	}
	if pageview {
		ok := (req.HTTPStatus == "200" || req.HTTPStatus == "304") && host&hostCounts != 0
		if ok {
			p := PageviewOf(req)
			ok = isPageviewBut(&p, agent&agentIsWikipediaApp != 0, isHTML(p.ContentType), d.options.Pageview)
		}
		out.IsPageview = TriOf(ok)
	}
	if access {
		switch {
		case agent&agentIsApp != 0:
			out.AccessMethod = AccessMobileApp
		case byHost && host&hostMobile != 0, !byHost && isOne(XAnalyticsValue(req.XAnalytics, "ismobile")):
			out.AccessMethod = AccessMobileWeb
		default:
			out.AccessMethod = AccessDesktop
		}
	}
	if agentType {
		out.AgentType = AgentUser
		// An agent that is null rather than empty is absent, as "-" is.
		if agent&agentIsSpider != 0 || req.UserAgent == "" && req.Nulls.Has(FieldUserAgent) {
			out.AgentType = AgentSpider
		}
	}
	if out.RefererClass == "" && has.Has(FieldReferer) {
		out.RefererClass = d.wikiReferer(req.Referer)
	}
}

func (d *Deriver) deriveSite(req *Request, out *Derived) {
	has := req.Available
	s := d.site
	path := has.Has(FieldURIPath)
	api := out.IsAPIRequest == Null && path
	pageview := out.IsPageview == Null && has.Has(sitePageview) &&
		(len(s.queries) == 0 || has.Has(FieldURIQuery))
	referer := out.RefererClass == "" && has.Has(FieldReferer)

	raw := s.rawHost(req.URIHost, req.Authority)
	host := d.siteHost(raw)
	if api {
		out.IsAPIRequest = TriOf(s.isAPI(host&hostAPI != 0, req.URIPath))
	}
	if pageview {
		contentType := ""
		if has.Has(FieldContentType) {
			contentType = req.ContentType
		}
		out.IsPageview = TriOf(s.isPageview(req.HTTPMethod, req.HTTPStatus, req.URIPath, req.URIQuery,
			contentType, host&hostCounts != 0, out.IsAPIRequest == Yes))
	}
	agent := agentFacts(0)
	if has.Has(FieldUserAgent) {
		agent = d.agent(req.UserAgent)
		if out.AgentType == "" {
			out.AgentType = AgentUser
			if agent&agentIsSpider != 0 {
				out.AgentType = AgentSpider
			}
		}
	}
	if out.AccessMethod == "" && (has.Has(FieldUserAgent) || host&hostUnknown == 0) {
		out.AccessMethod = s.access(agent&agentIsApp != 0, host&hostMobile != 0, agent&agentIsMobile != 0)
	}
	if referer {
		f := d.siteReferer(req.Referer)
		out.RefererClass = f.class
		if f.compare && host&hostUnknown == 0 && equalFold(req.Referer[f.begin:f.end], hostCore(raw)) {
			out.RefererClass = RefererInternal
		}
	}
}

// agent is what the user agent says, from memory if it was seen before.
func (d *Deriver) agent(userAgent string) agentFacts {
	v, ok := d.agents.get(userAgent)
	if ok {
		return *v
	}
	f := d.agentFacts(userAgent)
	if v != nil {
		*v = f
	}
	return f
}

func (d *Deriver) agentFacts(userAgent string) (f agentFacts) {
	app := isApp(userAgent)
	if d.site != nil {
		if absent(userAgent) {
			return agentIsSpider
		}
		app = d.site.isApp(userAgent)
		if IsMobileBrowser(userAgent) {
			f |= agentIsMobile
		}
	}
	if app {
		f |= agentIsApp
	}
	if strings.Contains(userAgent, appAgent) {
		f |= agentIsWikipediaApp
	}
	if d.devices.AgentType(userAgent) == AgentSpider {
		f |= agentIsSpider
	}
	return f
}

func (d *Deriver) wikiHost(host string) hostFacts {
	v, ok := d.hosts.get(host)
	if ok {
		return *v
	}
	var f hostFacts
	if isPageviewHost(host, d.options.Pageview.TrailingDot) {
		f |= hostCounts
	}
	if isMobileHost(host) {
		f |= hostMobile
	}
	if v != nil {
		*v = f
	}
	return f
}

// siteHost is what a host, as logged, says in the site profile.
func (d *Deriver) siteHost(raw string) hostFacts {
	v, ok := d.hosts.get(raw)
	if ok {
		return *v
	}
	var f hostFacts
	host := SiteHost(raw)
	if host == "" {
		f |= hostUnknown
	}
	if d.site.counts(host) {
		f |= hostCounts
	}
	if d.site.isMobileHost(host) {
		f |= hostMobile
	}
	if _, api := d.site.apiHosts[host]; api && host != "" {
		f |= hostAPI
	}
	if v != nil {
		*v = f
	}
	return f
}

func (d *Deriver) wikiReferer(referer string) string {
	v, ok := d.referers.get(referer)
	if ok {
		return v.class
	}
	class, _ := classifyReferer(referer, d.lists)
	if v != nil {
		*v = siteReferer{class: class}
	}
	return class
}

func (d *Deriver) siteReferer(referer string) siteReferer {
	v, ok := d.referers.get(referer)
	if ok {
		return *v
	}
	f := d.site.referer(referer)
	if v != nil {
		*v = f
	}
	return f
}
