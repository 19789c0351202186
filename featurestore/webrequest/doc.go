// Package webrequest has the request, one row of a log under the column names
// of Wikimedia's wmf.webrequest, and what is computed from it: is_pageview,
// is_api_request, access_method, agent_type, referer_class, the client behind
// proxies, and the filter that says which requests count.
//
// # Profiles
//
// The profile Wikimedia restates the rules of Wikimedia's refinery, for
// webrequest itself. The profile Site keeps each column's meaning for the
// access log of any other site, with options for what only the site knows: its
// hosts, its API's paths, its applications' agents. Wikimedia's rules are
// exported as functions (IsPageview, AccessMethod, RefererClass, …), a site's
// as methods of SiteRules. A Deriver applies either to whole requests and
// remembers the costly answers.
//
// # Eras
//
// Some of Wikimedia's rules changed since the summer of 2024, and both versions
// are here, behind options:
//
//   - access_method: by the host's labels until 2025-08-13 (AccessHost, the
//     default), by X-Analytics since (AccessIsMobile);
//   - referer_class: with checked hosts, new lists and AI chatbots since
//     November 2025 (Referer2025, the default), before Referer2024;
//   - is_pageview: a trailing dot on the host is accepted since March 2025, the
//     special page AllEvents since 2024-08-14 (PageviewNow, the default, and
//     PageviewSeed).
//
// agent_type is "spider" by the agent's text (IsSpider), which never changed, or
// by ua-parser's device rules, of which SpiderRules chooses. Options.Fingerprint
// names all such choices and is stored with a data set.
//
// # Conventions
//
//   - "-" and "" are absent, except that an empty user_agent, as opposed to a
//     null one, is no spider by its text in the profile Wikimedia.
//   - A column that the log's format doesn't have is unavailable: what is
//     derived from it is Null or "", never No.
//   - A derived column that the log has wins where it isn't null, unless
//     Options.Derive is set.
//   - Matching heeds case unless a rule says otherwise, and then ignores it for
//     ASCII letters only. Letters, digits and white space are ASCII's. Nothing
//     is percent-decoded unless a rule says so.
//   - Strings are not copied: results may point into their arguments.
//
// # Not here
//
// The package reads no files (accesslog does), knows no attack windows and
// sums nothing up. It promises no agreement to the last row with
// webrequest's agent_type, since the version of ua-parser's rules behind that
// is not known.
//
// # Concurrency and cost
//
// Functions, SiteRules and SpiderDevices are safe for concurrent use. A
// Deriver belongs to one goroutine; Fork makes another of the same rules. In
// steady state Derive allocates nothing.
package webrequest
