package columns

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Type is the type of a column's values.
type Type string

// The types. Every value is held as float64; NaN is missing.
const (
	Int   Type = "int"   // a count, exact up to 2^53
	Bytes Type = "bytes" // a number of bytes, or a mean of such
	Ratio Type = "ratio" // a share in [0, 1]
	Bool  Type = "bool"  // 0 or 1

	Bits    Type = "bits"    // an entropy
	Seconds Type = "seconds" // a duration
	Real    Type = "real"    // any other number
)

// Column describes one column.
type Column struct {
	Name string
	Type Type
	Unit string // "requests", "bytes", …; empty for ratios
	Doc  string // definition over one attack's requests of one IP, after the filter
	// Source names the log columns that must be available; without them the
	// value is NaN.
	Source []string
}

// Label is the thirteenth column: whether AbuseIPDB reports the address. It is
// never an input of a model.
const Label = "abuseipdb_isReported"

// Indexes of the twelve features in Twelve and in a row's Values.
const (
	RequestCount = iota
	ResponseSizeMean
	URIQueryCount
	NotNullRefererRatio
	UserAgentCount
	NotNullAcceptLanguageRatio
	IsPageviewRatio
	DesktopRatio
	MobileWebRatio
	MobileAppRatio
	NotNullRefererClassRatio
	SpiderRatio

	NumFeatures // 12
)

var twelve = [NumFeatures]Column{
	RequestCount:               {"request_count", Int, "requests", "requests", nil},
	ResponseSizeMean:           {"response_size_mean", Bytes, "bytes", "mean of response_size", []string{"response_size"}},
	URIQueryCount:              {"uri_query_count", Int, "queries", "distinct non-empty uri_query", []string{"uri_query"}},
	NotNullRefererRatio:        {"not_null_referer_ratio", Ratio, "", "share of requests with a referer", []string{"referer"}},
	UserAgentCount:             {"user_agent_count", Int, "user agents", "distinct user_agent; absent is one value", []string{"user_agent"}},
	NotNullAcceptLanguageRatio: {"not_null_accept_language_ratio", Ratio, "", "share of requests with accept_language", []string{"accept_language"}},
	IsPageviewRatio:            {"is_pageview_ratio", Ratio, "", "share of requests with is_pageview", []string{"http_status", "uri_path"}},
	DesktopRatio:               {"desktop_ratio", Ratio, "", "share of requests with access_method = desktop", []string{"user_agent"}},
	MobileWebRatio:             {"mobile_web_ratio", Ratio, "", "share of requests with access_method = mobile web", []string{"user_agent"}},
	MobileAppRatio:             {"mobile_app_ratio", Ratio, "", "share of requests with access_method = mobile app", []string{"user_agent"}},
	NotNullRefererClassRatio:   {"not_null_referer_class_ratio", Ratio, "", "share of requests whose referer_class is not none", []string{"referer"}},
	SpiderRatio:                {"spider_ratio", Ratio, "", "share of requests with agent_type = spider", []string{"user_agent"}},
}

// Twelve are the features of the published study, in their order.
func Twelve() []Column { return slices.Clone(twelve[:]) }

// Names are the names of the twelve features, in their order.
func Names() []string {
	names := make([]string, NumFeatures)
	for i, c := range twelve {
		names[i] = c.Name
	}
	return names
}

// ByName finds a column by name.
func ByName(name string) (Column, bool) {
	for _, list := range [...][]Column{twelve[:], behaviour[:], earlier[:], geo[:], spur[:], drops[:], crawler[:]} {
		for _, c := range list {
			if c.Name == name {
				return c, true
			}
		}
	}
	if name == Label {
		return Column{Label, Bool, "", "whether AbuseIPDB reports the address; the label", nil}, true
	}
	return Column{}, false
}

// SchemaVersion counts changes of the columns' definitions. It is part of
// Hash, so that a model trained on another definition is refused.
const SchemaVersion = 1

// revisions count the changes of one column's definition, for Hash; 1 unless
// named.
var revisions = map[string]int{"user_agent_ip_count": 2}

// Hash identifies an ordered list of columns: the first twelve hex digits of
// the SHA-256 of the schema version and each "name:type", one a line, with
// ":revision" behind those of which the definition changed. Two
// schemas with one hash have the same columns in the same order with the same
// definitions.
func Hash(names []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sluice columns %d\n", SchemaVersion)
	for _, n := range names {
		c, ok := ByName(n)
		t := c.Type
		if !ok {
			t = "float"
		}
		if v := revisions[n]; v > 1 {
			t += Type(fmt.Sprintf(":%d", v))
		}
		fmt.Fprintf(&b, "%s:%s\n", n, t)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:6])
}
