package webrequest_test

import (
	"fmt"

	"sluice/featurestore/webrequest"
)

// A request of an ordinary site, whose log has no cache status.
func Example() {
	o := webrequest.DefaultOptions(webrequest.Site)
	o.SiteHosts = []string{".shop.example"}
	o.APIPrefixes = []string{"/api/"}
	d, err := webrequest.New(o)
	if err != nil {
		fmt.Println(err)
		return
	}
	target := webrequest.SplitRequestLine("GET /item/42?ref=mail HTTP/1.1")
	req := &webrequest.Request{
		Available: webrequest.FieldHTTPMethod | webrequest.FieldHTTPStatus | webrequest.FieldURIHost |
			webrequest.FieldURIPath | webrequest.FieldURIQuery | webrequest.FieldUserAgent | webrequest.FieldReferer,
		HTTPMethod: target.Method, HTTPStatus: "200",
		URIHost: "www.shop.example", URIPath: target.Path, URIQuery: target.Query,
		Referer:   "https://www.google.co.uk/",
		UserAgent: "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile",
	}
	got := d.Derive(req)
	fmt.Println("page view:", got.IsPageview == webrequest.Yes)
	fmt.Println("API request:", got.IsAPIRequest == webrequest.Yes)
	fmt.Println(got.AccessMethod, "/", got.AgentType, "/", got.RefererClass)

	f := webrequest.DefaultFilter(webrequest.Site)
	fmt.Println("counts:", f.Keep(req, got), "- cache filter applied:", f.CacheApplied(req.Available))
	// Output:
	// page view: true
	// API request: false
	// mobile web / user / external (search engine)
	// counts: true - cache filter applied: false
}

func ExampleOptions_Validate() {
	o := webrequest.DefaultOptions(webrequest.Site)
	o.APIPrefixes = []string{"api/"}
	fmt.Println(o.Validate())
	// Output: api_prefixes: "api/" does not begin with /, so no path begins with it
}
