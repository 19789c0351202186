package webrequest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"sluice/featurestore/fault"
)

// Profile says whose logs they are.
type Profile string

const (
	// Wikimedia is wmf.webrequest or a log with its columns.
	Wikimedia Profile = "wikimedia"
	// Site is the access log of any other site.
	Site Profile = "site"
)

// Options decide how columns are derived. Numbers depend on them, so the
// options in force are stored with a data set: as JSON, and as a Fingerprint.
//
// The zero value is not valid; begin with DefaultOptions.
type Options struct {
	Profile Profile `json:"profile"`

	// Derive computes every column anew. Otherwise a derived column that the
	// log has wins, row by row where it is not null.
	Derive bool `json:"derive"`

	// Spider are the rules behind agent_type.
	Spider SpiderRules `json:"spider"`
	// Referer are the lists behind referer_class.
	Referer RefererRules `json:"referer"`

	// AccessMethod is the rule behind access_method (wikimedia profile).
	AccessMethod AccessRules `json:"access_method,omitempty"`
	// Pageview are details of is_pageview (wikimedia profile).
	Pageview PageviewRules `json:"pageview,omitzero"`

	// TrustedProxies are the prefixes whose X-Forwarded-For is believed. Empty:
	// the column ip is the client.
	TrustedProxies []netip.Prefix `json:"trusted_proxies"`

	// What follows is read by the site profile alone.

	// DefaultHost is the host of a request that names none.
	DefaultHost string `json:"default_host"`
	// SiteHosts are the site's own hosts: "name" that host, ".name" it and
	// every sub-domain. Empty: every host is.
	SiteHosts []string `json:"site_hosts"`
	// APIPrefixes and APIHosts tell API requests. A prefix implies no boundary:
	// "/api/" leaves "/apix" alone.
	APIPrefixes []string `json:"api_prefixes"`
	APIHosts    []string `json:"api_hosts"`
	// PageStatus are the statuses of page views.
	PageStatus []int `json:"page_status"`
	// PageTypes are the content types of page views, without parameters.
	PageTypes []string `json:"page_types"`
	// StaticExtensions are the path extensions of what is no page, for rows
	// without a content type.
	StaticExtensions []string `json:"static_extensions"`
	// ExcludeQuery are substrings of queries that are no page views.
	ExcludeQuery []string `json:"exclude_query"`
	// AppAgents are substrings of the agents of the site's own applications.
	AppAgents []string `json:"app_agents"`
	// MobileLabels are the labels of hosts for mobile browsers.
	MobileLabels []string `json:"mobile_labels"`
	// MobileFromUA tells mobile browsers by their agents. Without it a site
	// without m. hosts has no mobile web at all.
	MobileFromUA bool `json:"mobile_from_ua"`
}

const defaultStaticExtensions = "css js mjs cjs map json jsonld webmanifest wasm xml xsl xslt rss atom " +
	"txt md csv tsv yaml yml toml ini conf cfg env log " +
	"png jpg jpeg jpe gif svg svgz webp avif apng bmp ico cur tif tiff heic heif jxl psd " +
	"woff woff2 ttf otf eot " +
	"mp3 m4a aac oga ogg opus wav flac mid midi weba " +
	"mp4 m4v m4s mov avi wmv flv webm ogv mkv mpg mpeg ts m3u8 mpd 3gp vtt srt " +
	"pdf doc docx xls xlsx ppt pptx odt ods odp rtf epub mobi djvu ps eps " +
	"zip gz tgz bz2 xz zst br 7z rar tar iso dmg pkg exe msi apk ipa deb rpm jar war bin dll so swf class " +
	"sql sqlite db bak old orig swp dump pem key crt p12"

// DefaultOptions are the defaults of a profile.
func DefaultOptions(p Profile) Options {
	o := Options{Profile: p, Spider: SpiderSeven, Referer: Referer2025}
	if p == Wikimedia {
		o.AccessMethod = AccessHost
		o.Pageview = PageviewNow
		return o
	}
	o.PageStatus = []int{200, 304}
	o.PageTypes = []string{"text/html"}
	o.StaticExtensions = strings.Fields(defaultStaticExtensions)
	o.MobileLabels = []string{"m", "mobile", "wap", "zero"}
	o.MobileFromUA = true
	return o
}

// MarshalJSON writes the options that the profile reads, in a fixed order.
func (o Options) MarshalJSON() ([]byte, error) {
	if o.Profile == Wikimedia {
		return json.Marshal(struct {
			Profile        Profile        `json:"profile"`
			Derive         bool           `json:"derive"`
			Spider         SpiderRules    `json:"spider"`
			Referer        RefererRules   `json:"referer"`
			AccessMethod   AccessRules    `json:"access_method"`
			Pageview       PageviewRules  `json:"pageview"`
			TrustedProxies []netip.Prefix `json:"trusted_proxies"`
		}{o.Profile, o.Derive, o.Spider, o.Referer, o.AccessMethod, o.Pageview, o.TrustedProxies})
	}
	o.AccessMethod, o.Pageview = "", PageviewRules{}
	type all Options
	return json.Marshal(all(o))
}

// ParseOptions reads options from JSON over the defaults of the profile that
// they name. Unknown keys are refused.
func ParseOptions(data []byte) (Options, error) {
	var p struct {
		Profile Profile `json:"profile"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return Options{}, fault.New(fault.Invalid, "options: %w", err)
	}
	o := DefaultOptions(p.Profile)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return Options{}, fault.New(fault.Invalid, "options: %w", err)
	}
	return o, o.Validate()
}

// Validate reports the first option that makes no sense, as a fault.Invalid
// that names it.
func (o *Options) Validate() error {
	bad := func(field, format string, args ...any) error {
		return fault.Field(fault.Invalid, field, field+": "+format, args...)
	}
	switch o.Profile {
	case Wikimedia, Site:
	default:
		return bad("profile", "%q is not one of %s, %s", o.Profile, Wikimedia, Site)
	}
	switch o.Spider {
	case SpiderSeven, SpiderFull, SpiderRegex:
	default:
		return bad("spider", "%q is not one of %s, %s, %s", o.Spider, SpiderSeven, SpiderFull, SpiderRegex)
	}
	switch o.Referer {
	case Referer2024, Referer2025:
	default:
		return bad("referer", "%q is not one of %s, %s", o.Referer, Referer2024, Referer2025)
	}
	for _, p := range o.TrustedProxies {
		if !p.IsValid() {
			return bad("trusted_proxies", "%q is not a prefix; write it as 192.0.2.0/24", p)
		}
	}
	if o.Profile == Wikimedia {
		switch o.AccessMethod {
		case AccessHost, AccessIsMobile:
		default:
			return bad("access_method", "%q is not one of %s, %s", o.AccessMethod, AccessHost, AccessIsMobile)
		}
		for _, f := range []struct {
			name string
			set  bool
		}{
			{"default_host", o.DefaultHost != ""},
			{"site_hosts", len(o.SiteHosts) > 0},
			{"api_prefixes", len(o.APIPrefixes) > 0},
			{"api_hosts", len(o.APIHosts) > 0},
			{"exclude_query", len(o.ExcludeQuery) > 0},
			{"app_agents", len(o.AppAgents) > 0},
		} {
			if f.set {
				return bad(f.name, "the profile %s does not read it; use the profile %s or leave it out", Wikimedia, Site)
			}
		}
		return nil
	}
	if o.DefaultHost != "" && SiteHost(o.DefaultHost) == "" {
		return bad("default_host", "%q names no host", o.DefaultHost)
	}
	for _, h := range o.SiteHosts {
		if strings.Trim(SiteHost(h), ".") == "" {
			return bad("site_hosts", "%q names no host; write example.org, or .example.org for it and all below it", h)
		}
	}
	for _, h := range o.APIHosts {
		if strings.Trim(SiteHost(h), ".") == "" {
			return bad("api_hosts", "%q names no host", h)
		}
	}
	for _, p := range o.APIPrefixes {
		if !strings.HasPrefix(p, "/") {
			return bad("api_prefixes", "%q does not begin with /, so no path begins with it", p)
		}
	}
	if len(o.PageStatus) == 0 {
		return bad("page_status", "it is empty, so nothing would be a page view; the default is 200, 304")
	}
	for _, s := range o.PageStatus {
		if s < 100 || s > 999 {
			return bad("page_status", "%d is not a status of three digits", s)
		}
	}
	for _, f := range []struct {
		name string
		list []string
	}{
		{"page_types", o.PageTypes},
		{"static_extensions", o.StaticExtensions},
		{"exclude_query", o.ExcludeQuery},
		{"app_agents", o.AppAgents},
		{"mobile_labels", o.MobileLabels},
	} {
		for _, s := range f.list {
			if trim(s) == "" {
				return bad(f.name, "an entry is empty; leave it out")
			}
		}
	}
	for _, l := range o.MobileLabels {
		if strings.Contains(l, ".") {
			return bad("mobile_labels", "%q has a dot; a label is what stands between two", l)
		}
	}
	for _, e := range o.StaticExtensions {
		if strings.Contains(strings.TrimPrefix(e, "."), ".") {
			return bad("static_extensions", "%q has a dot; an extension is what follows the last one", e)
		}
	}
	return nil
}

// derivation is the version of the rules in this package. It rises whenever
// the same options can give other numbers than before.
const derivation = 1

// Fingerprint names everything that derived columns depend on beside the log:
// equal options, whatever their order and spelling, have equal fingerprints.
// It covers the version of this package's rules and of ua-parser's.
func (o Options) Fingerprint() string {
	rules := ""
	if o.Spider != SpiderRegex {
		rules = SpiderDefinitions()
	}
	b, err := json.Marshal(struct {
		Derivation int     `json:"derivation"`
		Devices    string  `json:"devices,omitempty"`
		Options    Options `json:"options"`
	}{derivation, rules, o.canonical()})
	if err != nil {
		// Strings, numbers and valid prefixes always marshal.
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// canonical is o without what its profile does not read, with sets sorted and
// spelled one way.
func (o Options) canonical() Options {
	prefixes := make([]netip.Prefix, len(o.TrustedProxies))
	for i, p := range o.TrustedProxies {
		prefixes[i] = p.Masked()
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	o.TrustedProxies = slices.Compact(prefixes)
	if o.Profile == Wikimedia {
		return Options{Profile: o.Profile, Derive: o.Derive, Spider: o.Spider, Referer: o.Referer,
			AccessMethod: o.AccessMethod, Pageview: o.Pageview, TrustedProxies: o.TrustedProxies}
	}
	o.AccessMethod, o.Pageview = "", PageviewRules{}
	o.DefaultHost = SiteHost(o.DefaultHost)
	o.SiteHosts = set(o.SiteHosts, SiteHost)
	o.APIHosts = set(o.APIHosts, SiteHost)
	o.APIPrefixes = set(o.APIPrefixes, nil)
	o.PageTypes = set(o.PageTypes, mediaType)
	o.StaticExtensions = set(o.StaticExtensions, extension)
	o.ExcludeQuery = set(o.ExcludeQuery, nil)
	o.AppAgents = set(o.AppAgents, nil)
	o.MobileLabels = set(o.MobileLabels, lowerASCII)
	o.PageStatus = slices.Compact(slices.Sorted(slices.Values(o.PageStatus)))
	return o
}

func set(list []string, norm func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		if norm != nil {
			s = norm(s)
		}
		out[i] = s
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mediaType is a content type without its parameters, in lower case.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return lowerASCII(trim(s))
}

// extension is an extension as options may spell it, without its dot.
func extension(s string) string { return lowerASCII(strings.TrimPrefix(trim(s), ".")) }
