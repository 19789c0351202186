package columns

import "slices"

// Indexes of the behaviour columns in Behaviour.
const (
	Status3xxRatio = iota
	Status4xxRatio
	Status5xxRatio
	PostRatio
	URIPathCount
	DistinctURIPathRatio
	URIPathEntropy
	ProbeRatio
	ActiveHours
	ActiveDays
	RequestsPerActiveHour
	InterarrivalMedian
	InterarrivalSpread
	UserAgentIPCount
	PrefixIPCount
	PrefixRequestCount
	DeclaredCrawlerRatio
	RobotsTxtRatio
	UserAgentLengthMax
	BrowserVersionMax

	NumBehaviour // 20
)

// NumBehaviourHead is how many of the behaviour columns, the first ones, say
// what an address did and when: rows of one request have few different ones.
const NumBehaviourHead = UserAgentIPCount

// MaxUserAgentIPs is where user_agent_ip_count stops.
const MaxUserAgentIPs = 64

// MaxUserAgentLength is where user_agent_length_max stops, in bytes.
const MaxUserAgentLength = 1<<16 - 1

var behaviour = [NumBehaviour]Column{
	Status3xxRatio:        {"status_3xx_ratio", Ratio, "", "share of requests answered with a redirect, http_status 300 to 399, among those with a status", []string{"http_status"}},
	Status4xxRatio:        {"status_4xx_ratio", Ratio, "", "share of requests answered with http_status 400 to 499, among those with a status", []string{"http_status"}},
	Status5xxRatio:        {"status_5xx_ratio", Ratio, "", "share of requests answered with http_status 500 to 599, among those with a status", []string{"http_status"}},
	PostRatio:             {"post_ratio", Ratio, "", "share of requests with http_method POST", []string{"http_method"}},
	URIPathCount:          {"uri_path_count", Int, "paths", "distinct uri_path", []string{"uri_path"}},
	DistinctURIPathRatio:  {"distinct_uri_path_ratio", Ratio, "", "uri_path_count over the requests whose log has uri_path", []string{"uri_path"}},
	URIPathEntropy:        {"uri_path_entropy", Bits, "bits", "Shannon entropy of uri_path, -Σ p·log2 p over its distinct values (Shannon 1948), to a multiple of 2^-30", []string{"uri_path"}},
	ProbeRatio:            {"probe_ratio", Ratio, "", "share of requests whose uri_path looks for a weakness: dotfiles, traversal, log-ins and consoles of widespread software, backups (see aggregate.IsProbe)", []string{"uri_path"}},
	ActiveHours:           {"active_hours", Int, "hours", "hours, on the hour in UTC, with a request", nil},
	ActiveDays:            {"active_days", Int, "days", "days in UTC with a request", nil},
	RequestsPerActiveHour: {"requests_per_active_hour", Real, "requests", "request_count over active_hours", nil},
	InterarrivalMedian:    {"interarrival_median", Seconds, "s", "median of the times from one request to the next, in whole seconds of the log, over all files together; missing for a single request", nil},
	InterarrivalSpread:    {"interarrival_spread", Ratio, "", "quartile coefficient of dispersion of the same times, (Q3-Q1)/(Q3+Q1), quartiles by linear interpolation; 0 where both are 0; missing for a single request", nil},
	UserAgentIPCount:      {"user_agent_ip_count", Int, "addresses", "addresses of the attack that send a user_agent which this one sends; of several agents the one that most send; at most 64, since a count of hundreds is the name of one agent in one month rather than how shared it is", []string{"user_agent"}},
	PrefixIPCount:         {"prefix_ip_count", Int, "addresses", "addresses of the attack in the same /24, IPv6 /64, this one among them", nil},
	PrefixRequestCount:    {"prefix_request_count", Int, "requests", "request_count of all addresses of the attack in the same /24, IPv6 /64", nil},
	DeclaredCrawlerRatio:  {"declared_crawler_ratio", Ratio, "", "share of requests whose user_agent says how to reach who runs it: a web or e-mail address", []string{"user_agent"}},
	RobotsTxtRatio:        {"robots_txt_ratio", Ratio, "", "share of requests whose uri_path is /robots.txt, which crawlers ask for and browsers don't (Tan and Kumar 2002)", []string{"uri_path"}},
	UserAgentLengthMax:    {"user_agent_length_max", Bytes, "bytes", "length of the longest user_agent, at most 65535; an absent one has 0", []string{"user_agent"}},
	BrowserVersionMax:     {"browser_version_max", Int, "", "newest browser that a user_agent claims: the number, of which four digits count, behind its first Chrome/, or else behind its first Firefox/; missing where none claims one", []string{"user_agent"}},
}

// Behaviour are the columns that are stored beside the twelve and enter a model
// only by name.
func Behaviour() []Column { return slices.Clone(behaviour[:]) }

// BehaviourNames are their names, in their order.
func BehaviourNames() []string {
	names := make([]string, NumBehaviour)
	for i, c := range behaviour {
		names[i] = c.Name
	}
	return names
}

// Stored are the names of the columns that every month built from logs has:
// the twelve, then behaviour.
func Stored() []string { return append(Names(), BehaviourNames()...) }

// The columns made of what was listed before a row's window began, in the order
// of Earlier.
const (
	ListedBefore = iota
	ListedBeforeTimes
	DaysSinceFirstListed
	DaysSinceLastListed
	PrefixListedBefore

	NumEarlier // 5
)

var earlier = [NumEarlier]Column{
	ListedBefore:         {"abuseipdb_listed_before", Bool, "", "whether an export known strictly before the window's start names the address; missing where none was known", nil},
	ListedBeforeTimes:    {"abuseipdb_listed_before_ratio", Ratio, "", "share of those exports that name it", nil},
	DaysSinceFirstListed: {"abuseipdb_days_since_first_listed", Real, "days", "from the first of them that names it to the window's start; missing where none does", nil},
	DaysSinceLastListed:  {"abuseipdb_days_since_last_listed", Real, "days", "from the last of them that names it to the window's start; missing where none does", nil},
	PrefixListedBefore:   {"abuseipdb_prefix_listed_before", Int, "addresses", "other addresses of the same /24, IPv6 /64, that they name; missing where none was known", nil},
}

// Earlier are the columns of earlier listings. They are off by default: a model
// that has them repeats the list.
func Earlier() []Column { return slices.Clone(earlier[:]) }

// EarlierNames are their names, in their order.
func EarlierNames() []string {
	names := make([]string, NumEarlier)
	for i, c := range earlier {
		names[i] = c.Name
	}
	return names
}

// IsEarlier reports whether a name is that of a column of earlier listings.
func IsEarlier(name string) bool {
	return slices.ContainsFunc(earlier[:], func(c Column) bool { return c.Name == name })
}
