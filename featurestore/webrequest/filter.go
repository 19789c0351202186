package webrequest

import (
	"slices"
	"strings"
)

// Filter says which requests count. Its JSON is stored with a data set.
type Filter struct {
	Profile Profile `json:"profile"`
	// CacheStatus are the values of cache_status that count; empty: all do.
	CacheStatus []string `json:"cache_status"`
	// ExcludeAPI leaves API requests out.
	ExcludeAPI bool `json:"exclude_api"`
}

// DefaultFilter keeps what the cache did not answer and is no API request.
func DefaultFilter(p Profile) Filter {
	return Filter{Profile: p, CacheStatus: []string{"miss", "pass", "int-front"}, ExcludeAPI: true}
}

// Keep reports whether a request counts. Without a column cache_status all
// requests pass that part, see CacheApplied; so does the other part a request
// that can't be told to be an API request.
func (f *Filter) Keep(req *Request, d Derived) bool {
	return f.KeepCache(req) && !(f.ExcludeAPI && d.IsAPIRequest == Yes)
}

// KeepCache is the part of Keep that needs no derived column, so that a request
// it leaves out need not be derived.
func (f *Filter) KeepCache(req *Request) bool {
	if !f.CacheApplied(req.Available) {
		return true
	}
	status := req.CacheStatus
	if f.Profile == Site {
		status = CacheStatus(status)
	}
	return slices.Contains(f.CacheStatus, status)
}

// CacheApplied reports whether the cache filter works on a log with these
// columns. Where it does not, request_count holds cache hits too, and is not
// comparable with counts where it does; the data set says so.
func (f *Filter) CacheApplied(available Field) bool {
	return len(f.CacheStatus) > 0 && available.Has(FieldCacheStatus)
}

// APIApplied reports whether leaving out API requests can leave out any: not
// on a site for which no API prefix or host was named, unless the log tells.
func (f *Filter) APIApplied(o Options, available Field) bool {
	switch {
	case !f.ExcludeAPI:
		return false
	case !o.Derive && available.Has(FieldIsAPIRequest):
		return true
	case o.Profile == Site:
		return len(o.APIPrefixes)+len(o.APIHosts) > 0 && available.Has(FieldURIPath)
	}
	return available.Has(FieldURIHost | FieldURIPath)
}

// CacheStatus is a cache status in Wikimedia's words. The words of nginx and of
// the large delivery networks are mapped, ignoring case; an absent one is
// "pass", and one that isn't known "unknown".
func CacheStatus(status string) string {
	if absent(status) {
		return "pass"
	}
	for _, m := range cacheWords {
		if equalFold(status, m[0]) {
			return m[1]
		}
	}
	return "unknown"
}

var cacheWords = [...][2]string{
	{"miss", "miss"},
	{"hit", "hit-front"},
	{"pass", "pass"},
	{"expired", "miss"},
	{"bypass", "pass"},
	{"dynamic", "pass"},
	{"none", "pass"},
	{"stale", "hit-front"},
	{"updating", "hit-front"},
	{"revalidated", "hit-front"},
	{"hit-front", "hit-front"},
	{"hit-local", "hit-local"},
	{"hit-remote", "hit-remote"},
	{"int-front", "int-front"},
	{"int-local", "int-local"},
	{"int-remote", "int-remote"},
	{"int-tls", "int-tls"},
}

// String is the filter for people.
func (f *Filter) String() string {
	s := "every cache_status"
	if len(f.CacheStatus) > 0 {
		s = "cache_status in (" + strings.Join(f.CacheStatus, ", ") + ")"
	}
	if f.ExcludeAPI {
		s += ", no API requests"
	}
	return s
}
