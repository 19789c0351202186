package columns

import "slices"

// The columns made of where an address lies, in the order of Geo.
const (
	CountryCode = iota
	ASN

	NumGeo // 2
)

var geo = [NumGeo]Column{
	CountryCode: {"country_code", Int, "", "ISO 3166-1 alpha-2 code of the address's country as a number, 26 times the first letter plus the second with A = 0 (AD is 3, ZW is 672); missing where no database knows it", nil},
	ASN:         {"asn", Int, "", "number of the autonomous system that announces the address; missing where no database knows it", nil},
}

// The columns made of Spur feeds, in the order of SpurColumns.
const (
	SpurKnown = iota
	SpurDatacenter
	SpurMobile
	SpurResidential
	SpurClientCount
	SpurClientCountries
	SpurClientSpread
	SpurConcentrationDensity
	SpurConcentrationSkew
	SpurProxyCount
	SpurTunnelCount
	SpurTunnelAnonymous
	SpurTor
	SpurHeadless
	SpurRiskCount

	NumSpur // 15
)

const ofSpur = ", in the last Spur feed at hand before the window's start; missing where there was none"

var spur = [NumSpur]Column{
	SpurKnown:                {"spur_known", Bool, "", "whether the address has an entry" + ofSpur, nil},
	SpurDatacenter:           {"spur_datacenter", Bool, "", "whether infrastructure is DATACENTER" + ofSpur, nil},
	SpurMobile:               {"spur_mobile", Bool, "", "whether infrastructure is MOBILE" + ofSpur, nil},
	SpurResidential:          {"spur_residential", Bool, "", "whether infrastructure is RESIDENTIAL" + ofSpur, nil},
	SpurClientCount:          {"spur_client_count", Real, "clients", "client.count, clients a day" + ofSpur, nil},
	SpurClientCountries:      {"spur_client_countries", Real, "countries", "client.countries" + ofSpur, nil},
	SpurClientSpread:         {"spur_client_spread", Real, "km²", "client.spread" + ofSpur, nil},
	SpurConcentrationDensity: {"spur_concentration_density", Ratio, "", "client.concentration.density" + ofSpur, nil},
	SpurConcentrationSkew:    {"spur_concentration_skew", Real, "km", "client.concentration.skew" + ofSpur, nil},
	SpurProxyCount:           {"spur_proxy_count", Int, "proxies", "number of client.proxies" + ofSpur, nil},
	SpurTunnelCount:          {"spur_tunnel_count", Int, "tunnels", "number of tunnels" + ofSpur, nil},
	SpurTunnelAnonymous:      {"spur_tunnel_anonymous", Bool, "", "whether any tunnel is anonymous" + ofSpur, nil},
	SpurTor:                  {"spur_tor", Bool, "", "whether any tunnel is of Tor" + ofSpur, nil},
	SpurHeadless:             {"spur_headless", Bool, "", "whether client.types has HEADLESS" + ofSpur, nil},
	SpurRiskCount:            {"spur_risk_count", Int, "risks", "number of risks" + ofSpur, nil},
}

// The columns made of silent-drop records, in the order of Drops.
const (
	SilentDropCount = iota
	SilentDropPort80Count
	SilentDropHostCount
	SilentDropBeforeCount

	NumDrops // 4
)

var drops = [NumDrops]Column{
	SilentDropCount:       {"silent_drop_count", Int, "drops", "silent-drop records of the address inside the window; missing where the records don't reach over it", nil},
	SilentDropPort80Count: {"silent_drop_port80_count", Int, "drops", "those on port 80", nil},
	SilentDropHostCount:   {"silent_drop_host_count", Int, "hosts", "cache hosts that wrote them", nil},
	SilentDropBeforeCount: {"silent_drop_before_count", Int, "drops", "silent-drop records of the address before the window's start; missing where none are that old", nil},
}

// The columns made of the ranges that crawlers publish, in the order of Crawler.
const (
	VerifiedCrawler = iota

	NumCrawler // 1
)

var crawler = [NumCrawler]Column{
	VerifiedCrawler: {"verified_crawler", Bool, "", "whether the address lies in a range that the operator of a crawler publishes", nil},
}

// A Group is a set of columns with a name, which --columns takes for all of
// them.
type Group struct {
	Name string
	// From says where they come from, for people.
	From string
	list []Column
}

// Columns are the group's, in order.
func (g Group) Columns() []Column { return slices.Clone(g.list) }

// Names are the names of the group's columns, in order.
func (g Group) Names() []string {
	names := make([]string, len(g.list))
	for i, c := range g.list {
		names[i] = c.Name
	}
	return names
}

// The groups of columns that come from elsewhere than the logs.
var (
	EarlierGroup = Group{"earlier", "label exports (--labels)", earlier[:]}
	GeoGroup     = Group{"geo", "databases of countries and networks (--mmdb)", geo[:]}
	SpurGroup    = Group{"spur", "Spur feeds (--spur)", spur[:]}
	DropsGroup   = Group{"drops", "silent-drop records (--drops)", drops[:]}
	CrawlerGroup = Group{"crawler", "published ranges (--crawler-ranges)", crawler[:]}
)

// Further are the groups of columns that come from elsewhere than the logs.
// They stand behind Stored in a month that was built with their sources.
func Further() []Group {
	return []Group{EarlierGroup, GeoGroup, SpurGroup, DropsGroup, CrawlerGroup}
}

// FurtherOf is the group of a column that comes from elsewhere than the logs.
func FurtherOf(name string) (Group, bool) {
	for _, g := range Further() {
		if slices.ContainsFunc(g.list, func(c Column) bool { return c.Name == name }) {
			return g, true
		}
	}
	return Group{}, false
}
