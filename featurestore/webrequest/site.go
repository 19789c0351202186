package webrequest

import (
	"strconv"
	"strings"
)

// SiteHost is a host as the site profile compares it: without user, port,
// trailing dots and blanks, in lower case; "" for none. It allocates only if
// the host has upper case.
func SiteHost(host string) string { return lowerASCII(hostCore(host)) }

// hostCore is SiteHost before the change of case: a part of the host's text.
func hostCore(host string) string {
	host = trim(host)
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if strings.HasPrefix(host, "[") {
		if i := strings.IndexByte(host, ']'); i >= 0 {
			host = host[:i+1]
		}
	} else if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return strings.TrimRight(host, ".")
}

// SiteRules are the site profile's options made ready for use. They never
// change: safe for concurrent use.
type SiteRules struct {
	hosts       map[string]struct{} // names
	domains     map[string]struct{} // names with all below them
	defaultHost string
	apiPrefixes []string
	apiHosts    map[string]struct{}
	status      map[string]struct{}
	types       []string
	extensions  map[string]struct{}
	longest     int // bytes of the longest extension
	queries     []string
	apps        []string
	labels      map[string]struct{}
	mobileUA    bool
	referers    *lists
}

// NewSiteRules compiles the options of the site profile.
func NewSiteRules(o Options) (*SiteRules, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.canonical()
	s := &SiteRules{
		hosts:       map[string]struct{}{},
		domains:     map[string]struct{}{},
		defaultHost: o.DefaultHost,
		apiPrefixes: o.APIPrefixes,
		apiHosts:    toSet(o.APIHosts),
		status:      map[string]struct{}{},
		types:       o.PageTypes,
		extensions:  toSet(o.StaticExtensions),
		queries:     o.ExcludeQuery,
		apps:        o.AppAgents,
		labels:      toSet(o.MobileLabels),
		mobileUA:    o.MobileFromUA,
		referers:    listsOf(o.Referer),
	}
	for _, h := range o.SiteHosts {
		if name, ok := strings.CutPrefix(h, "."); ok {
			s.domains[name] = struct{}{}
		} else {
			s.hosts[h] = struct{}{}
		}
	}
	for _, n := range o.PageStatus {
		s.status[strconv.Itoa(n)] = struct{}{}
	}
	for _, e := range o.StaticExtensions {
		s.longest = max(s.longest, len(e))
	}
	return s, nil
}

func toSet(list []string) map[string]struct{} {
	m := make(map[string]struct{}, len(list))
	for _, s := range list {
		m[s] = struct{}{}
	}
	return m
}

// Host is the host that a row is for: uri_host, else the authority of an
// absolute target, else the default host; normalised, "" if unknown.
func (s *SiteRules) Host(uriHost, authority string) string {
	return SiteHost(s.rawHost(uriHost, authority))
}

func (s *SiteRules) rawHost(uriHost, authority string) string {
	switch {
	case !absent(uriHost):
		return uriHost
	case !absent(authority):
		return authority
	}
	return s.defaultHost
}

// Own reports whether a normalised host is one of site_hosts. With none given
// no host is.
func (s *SiteRules) Own(host string) bool {
	if _, ok := s.hosts[host]; ok {
		return true
	}
	if len(s.domains) == 0 || host == "" {
		return false
	}
	for {
		if _, ok := s.domains[host]; ok {
			return true
		}
		_, rest, dot := strings.Cut(host, ".")
		if !dot {
			return false
		}
		host = rest
	}
}

func (s *SiteRules) anyHost() bool { return len(s.hosts)+len(s.domains) == 0 }

// IsAPIRequest is the site profile's is_api_request; the host is normalised.
func (s *SiteRules) IsAPIRequest(host, path string) bool {
	_, api := s.apiHosts[host]
	return s.isAPI(api && host != "", path)
}

func (s *SiteRules) isAPI(apiHost bool, path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	if apiHost {
		return true
	}
	for _, p := range s.apiPrefixes {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// IsPageview is the site profile's is_pageview. The host is normalised; an
// absent contentType leaves the decision to the path's extension.
func (s *SiteRules) IsPageview(method, status, host, path, query, contentType string, api bool) bool {
	return s.isPageview(method, status, path, query, contentType, s.counts(host), api)
}

// counts reports whether requests for a normalised host can be page views.
func (s *SiteRules) counts(host string) bool {
	return host == "" || s.anyHost() || s.Own(host)
}

func (s *SiteRules) isPageview(method, status, path, query, contentType string, ownHost, api bool) bool {
	if method != "GET" || api || !ownHost {
		return false
	}
	if _, ok := s.status[status]; !ok {
		return false
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "/.") {
		return false
	}
	if !absent(contentType) {
		if !s.isPageType(contentType) {
			return false
		}
	} else if s.isStatic(path) {
		return false
	}
	for _, q := range s.queries {
		if strings.Contains(query, q) {
			return false
		}
	}
	return true
}

func (s *SiteRules) isPageType(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = trim(t)
	for _, p := range s.types {
		if equalFold(t, p) {
			return true
		}
	}
	return false
}

// isStatic reports whether the path's extension is one of what is no page.
func (s *SiteRules) isStatic(path string) bool {
	for i := range len(path) {
		if path[i] == '#' || path[i] == ';' {
			path = path[:i]
			break
		}
	}
	i := len(path) - 1
	for i >= 0 && path[i] != '.' && path[i] != '/' {
		i--
	}
	if i < 0 || path[i] == '/' {
		return false
	}
	ext := path[i+1:]
	var buf [32]byte
	if len(ext) > s.longest {
		return false
	}
	if len(ext) > len(buf) {
		_, ok := s.extensions[lowerASCII(ext)]
		return ok
	}
	for i := range len(ext) {
		buf[i] = lower[ext[i]]
	}
	_, ok := s.extensions[string(buf[:len(ext)])]
	return ok
}

// AccessMethod is the site profile's access_method; the host is normalised and
// "" if unknown.
func (s *SiteRules) AccessMethod(userAgent, host string) string {
	return s.access(s.isApp(userAgent), s.isMobileHost(host), IsMobileBrowser(userAgent))
}

func (s *SiteRules) access(app, mobileHost, mobileAgent bool) string {
	switch {
	case app:
		return AccessMobileApp
	case mobileHost, mobileAgent && s.mobileUA:
		return AccessMobileWeb
	}
	return AccessDesktop
}

func (s *SiteRules) isApp(userAgent string) bool {
	if absent(userAgent) {
		return false
	}
	for _, a := range s.apps {
		if strings.Contains(userAgent, a) {
			return true
		}
	}
	return false
}

// isMobileHost looks for a mobile label before the host's last two.
func (s *SiteRules) isMobileHost(host string) bool {
	dots := strings.Count(host, ".")
	for ; dots >= 2; dots-- {
		label, rest, _ := strings.Cut(host, ".")
		if _, ok := s.labels[label]; ok {
			return true
		}
		host = rest
	}
	return false
}

// RefererClass is the site profile's referer_class of a referer on a row of a
// host, which is normalised and "" if unknown.
func (s *SiteRules) RefererClass(referer, host string) string {
	f := s.referer(referer)
	if f.compare && host != "" && SiteHost(referer[f.begin:f.end]) == host {
		return RefererInternal
	}
	return f.class
}

// siteReferer is what a referer is by itself. If compare is set it is internal
// all the same on rows whose host is referer[begin:end], whatever its case.
type siteReferer struct {
	class      string
	begin, end int
	compare    bool
}

func (s *SiteRules) referer(referer string) siteReferer {
	unknown := siteReferer{class: RefererUnknown}
	if absent(referer) {
		return siteReferer{class: RefererNone}
	}
	rest, ok := afterScheme(referer)
	if !ok {
		return unknown
	}
	domain, _, _ := strings.Cut(rest, "/")
	domain = cutDomain(domain)
	if domain == "" || !allOf(domain, isDomain) {
		return unknown
	}
	f := siteReferer{class: RefererUnknown}
	own := hostCore(domain)
	if s.anyHost() {
		// A domain has no blanks, user or brackets, so that what is left of it
		// is its beginning.
		f.begin = len(referer) - len(rest)
		f.end = f.begin + len(own)
		f.compare = own != ""
	} else if s.Own(lowerASCII(own)) {
		f.class = RefererInternal
		return f
	}
	if plausible(domain) && strings.Contains(domain, ".") {
		f.class, _ = s.referers.external(rest)
	}
	return f
}
