package webrequest

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/fault"
)

func TestDefaultOptions(t *testing.T) {
	for _, p := range []Profile{Wikimedia, Site} {
		o := DefaultOptions(p)
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		if o.Derive || o.Spider != SpiderSeven || o.Referer != Referer2025 || len(o.TrustedProxies) > 0 {
			t.Errorf("%s: %+v", p, o)
		}
	}
	w := DefaultOptions(Wikimedia)
	if w.AccessMethod != AccessHost || w.Pageview != PageviewNow {
		t.Errorf("%+v", w)
	}
	s := DefaultOptions(Site)
	if !slices.Equal(s.PageStatus, []int{200, 304}) || !slices.Equal(s.PageTypes, []string{"text/html"}) ||
		!slices.Equal(s.MobileLabels, []string{"m", "mobile", "wap", "zero"}) || !s.MobileFromUA {
		t.Errorf("%+v", s)
	}
	if n := len(s.StaticExtensions); n != 133 {
		t.Errorf("%d static extensions, want 133", n)
	}
	if c := s.canonical(); len(c.StaticExtensions) != len(s.StaticExtensions) {
		t.Error("the static extensions repeat themselves")
	}
	if len(s.SiteHosts)+len(s.APIPrefixes)+len(s.APIHosts)+len(s.ExcludeQuery)+len(s.AppAgents) > 0 || s.DefaultHost != "" {
		t.Errorf("%+v", s)
	}
}

func TestOptionsJSON(t *testing.T) {
	want := `{"profile":"wikimedia","derive":false,"spider":"regex+seven","referer":"2025-11","access_method":"host",` +
		`"pageview":{"trailing_dot":true,"allevents":true},"trusted_proxies":null}`
	b, err := json.Marshal(DefaultOptions(Wikimedia))
	if err != nil || string(b) != want {
		t.Errorf("got  %s\nwant %s (%v)", b, want, err)
	}
	seed := DefaultOptions(Wikimedia)
	seed.Pageview, seed.Referer, seed.AccessMethod, seed.Derive = PageviewSeed, Referer2024, AccessIsMobile, true
	bare := DefaultOptions(Site)
	bare.StaticExtensions, bare.MobileFromUA, bare.PageTypes = nil, false, []string{}
	bare.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}
	for _, o := range []Options{DefaultOptions(Wikimedia), seed, DefaultOptions(Site), shopOptions(), bare} {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseOptions(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !reflect.DeepEqual(got, o) || got.Fingerprint() != o.Fingerprint() {
			t.Errorf("read back as\n%+v\nwrote\n%+v", got, o)
		}
	}
	o, err := ParseOptions([]byte(`{"profile":"site","api_prefixes":["/api/"]}`))
	if err != nil || !o.MobileFromUA || len(o.StaticExtensions) == 0 {
		t.Errorf("the defaults are not kept: %+v, %v", o, err)
	}
	for in, word := range map[string]string{
		`{"profile":"site","api_prefix":["/api/"]}`: "api_prefix",
		`{"profile":"other"}`:                       "wikimedia, site",
		`{"derive":true}`:                           "wikimedia, site",
		`[]`:                                        "options",
		`{"profile":"site","page_status":["200"]}`:   "page_status",
		`{"profile":"site","trusted_proxies":["x"]}`: "options",
	} {
		if _, err := ParseOptions([]byte(in)); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		field   string
		profile Profile
		change  func(*Options)
	}{
		{"profile", Site, func(o *Options) { o.Profile = "" }},
		{"spider", Site, func(o *Options) { o.Spider = "" }},
		{"referer", Site, func(o *Options) { o.Referer = "2023" }},
		{"access_method", Wikimedia, func(o *Options) { o.AccessMethod = "" }},
		{"trusted_proxies", Site, func(o *Options) { o.TrustedProxies = []netip.Prefix{{}} }},
		{"default_host", Wikimedia, func(o *Options) { o.DefaultHost = "a" }},
		{"site_hosts", Wikimedia, func(o *Options) { o.SiteHosts = []string{"a"} }},
		{"api_prefixes", Wikimedia, func(o *Options) { o.APIPrefixes = []string{"/a"} }},
		{"api_hosts", Wikimedia, func(o *Options) { o.APIHosts = []string{"a"} }},
		{"exclude_query", Wikimedia, func(o *Options) { o.ExcludeQuery = []string{"a"} }},
		{"app_agents", Wikimedia, func(o *Options) { o.AppAgents = []string{"a"} }},
		{"default_host", Site, func(o *Options) { o.DefaultHost = ":80" }},
		{"site_hosts", Site, func(o *Options) { o.SiteHosts = []string{"a", "."} }},
		{"site_hosts", Site, func(o *Options) { o.SiteHosts = []string{""} }},
		{"api_hosts", Site, func(o *Options) { o.APIHosts = []string{" "} }},
		{"api_prefixes", Site, func(o *Options) { o.APIPrefixes = []string{"api/"} }},
		{"page_status", Site, func(o *Options) { o.PageStatus = nil }},
		{"page_status", Site, func(o *Options) { o.PageStatus = []int{20} }},
		{"page_types", Site, func(o *Options) { o.PageTypes = []string{""} }},
		{"static_extensions", Site, func(o *Options) { o.StaticExtensions = []string{"tar.gz"} }},
		{"static_extensions", Site, func(o *Options) { o.StaticExtensions = []string{""} }},
		{"exclude_query", Site, func(o *Options) { o.ExcludeQuery = []string{""} }},
		{"app_agents", Site, func(o *Options) { o.AppAgents = []string{""} }},
		{"mobile_labels", Site, func(o *Options) { o.MobileLabels = []string{"m."} }},
	} {
		o := DefaultOptions(tt.profile)
		tt.change(&o)
		err := o.Validate()
		if fault.KindOf(err) != fault.Invalid || fault.FieldOf(err) != tt.field {
			t.Errorf("%s of %s: field %q, kind %v: %v", tt.field, tt.profile, fault.FieldOf(err), fault.KindOf(err), err)
			continue
		}
		if !strings.HasPrefix(err.Error(), tt.field+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the message is %q", tt.field, err)
		}
		if _, err := New(o); err == nil {
			t.Errorf("%s: New takes it", tt.field)
		}
		if tt.profile == Site {
			if _, err := NewSiteRules(o); err == nil {
				t.Errorf("%s: NewSiteRules takes it", tt.field)
			}
		}
	}
}

func TestFingerprint(t *testing.T) {
	seen := map[string]string{}
	add := func(name string, o Options) string {
		f := o.Fingerprint()
		if len(f) != 16 {
			t.Errorf("%s: fingerprint %q", name, f)
		}
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[f] = name
		return f
	}
	add("wikimedia", DefaultOptions(Wikimedia))
	site := add("site", DefaultOptions(Site))
	for name, change := range map[string]func(*Options){
		"derive":            func(o *Options) { o.Derive = true },
		"spider":            func(o *Options) { o.Spider = SpiderFull },
		"spider regex":      func(o *Options) { o.Spider = SpiderRegex },
		"referer":           func(o *Options) { o.Referer = Referer2024 },
		"trusted_proxies":   func(o *Options) { o.TrustedProxies = WikimediaProxies() },
		"default_host":      func(o *Options) { o.DefaultHost = "a.example" },
		"site_hosts":        func(o *Options) { o.SiteHosts = []string{"a.example"} },
		"site_hosts below":  func(o *Options) { o.SiteHosts = []string{".a.example"} },
		"api_prefixes":      func(o *Options) { o.APIPrefixes = []string{"/a"} },
		"api_hosts":         func(o *Options) { o.APIHosts = []string{"a.example"} },
		"page_status":       func(o *Options) { o.PageStatus = []int{200} },
		"page_types":        func(o *Options) { o.PageTypes = nil },
		"static_extensions": func(o *Options) { o.StaticExtensions = o.StaticExtensions[1:] },
		"exclude_query":     func(o *Options) { o.ExcludeQuery = []string{"a"} },
		"app_agents":        func(o *Options) { o.AppAgents = []string{"a"} },
		"mobile_labels":     func(o *Options) { o.MobileLabels = nil },
		"mobile_from_ua":    func(o *Options) { o.MobileFromUA = false },
	} {
		o := DefaultOptions(Site)
		change(&o)
		add(name, o)
	}
	for name, change := range map[string]func(*Options){
		"access_method": func(o *Options) { o.AccessMethod = AccessIsMobile },
		"trailing_dot":  func(o *Options) { o.Pageview.TrailingDot = false },
		"allevents":     func(o *Options) { o.Pageview.AllEvents = false },
	} {
		o := DefaultOptions(Wikimedia)
		change(&o)
		add(name, o)
	}

	// Order, spelling and what the profile does not read make no difference.
	o := DefaultOptions(Site)
	slices.Reverse(o.StaticExtensions)
	for i, e := range o.StaticExtensions {
		o.StaticExtensions[i] = "." + strings.ToUpper(e)
	}
	o.StaticExtensions = append(o.StaticExtensions, "css")
	o.PageStatus = []int{304, 200, 304}
	o.PageTypes = []string{" TEXT/html; charset=x"}
	o.MobileLabels = []string{"zero", "WAP", "mobile", "M", "m"}
	o.AccessMethod, o.Pageview = AccessIsMobile, PageviewNow
	before := slices.Clone(o.StaticExtensions)
	if got := o.Fingerprint(); got != site {
		t.Errorf("the same options spelled otherwise: %s, want %s", got, site)
	}
	if !slices.Equal(before, o.StaticExtensions) {
		t.Error("Fingerprint changes the options")
	}
	a, b := shopOptions(), shopOptions()
	a.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")}
	b.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("10.1.0.0/8")}
	b.SiteHosts = []string{".SHOP.example.:443"}
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("prefixes or hosts spelled otherwise change the fingerprint")
	}
}
