package spark

import (
	"fmt"
	"slices"
	"strings"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// Options say what the rows are made of.
type Options struct {
	// Windows are what requests are matched with, in the order of row keys
	// (month, then name), as attack.Set.Windows, Months and Hours give them.
	Windows []attack.Window
	// Web says how null derived columns are filled; its profile is
	// webrequest.Wikimedia.
	Web webrequest.Options
	// Filter says which requests count.
	Filter webrequest.Filter
	// Approximate counts distinct values with HyperLogLog++ (Heule, Nunkesser and
	// Hall 2013, as Spark has it), at a relative standard deviation of
	// ApproximateError. It takes one shuffle of a record per address and hour;
	// what needs each path, agent and second by itself is missing then.
	Approximate bool
}

// ApproximateError is the relative standard deviation of approximate counts.
const ApproximateError = 0.01

func (o *Options) check() error {
	if o.Web.Profile == "" {
		o.Web = webrequest.DefaultOptions(webrequest.Wikimedia)
	}
	if o.Web.Profile != webrequest.Wikimedia {
		return fault.Field(fault.Unsupported, "profile", "Spark computes rows by the profile %s only; the rules of %q need this program to read the logs", webrequest.Wikimedia, o.Web.Profile)
	}
	if len(o.Web.TrustedProxies) > 0 {
		return fault.Field(fault.Unsupported, "trusted-proxies", "trusted proxies are not followed on Spark; webrequest's ip is the client already")
	}
	if err := o.Web.Validate(); err != nil {
		return err
	}
	return checkWindows(o.Windows)
}

// source stands in a query for the innermost level, which the script writes.
const source = "{{source}}"

// probePattern is aggregate.IsProbe as a java.util.regex pattern.
const probePattern = `(?i)(?:\A|/)(?:\.(?!/|\z)(?!well-known(?:/|\z))|%2e|` +
	`(?:wp-login\.php|xmlrpc\.php|wlwmanifest\.xml|wp-config\.php|wp-config\.php\.txt|phpmyadmin|pma|myadmin|mysqladmin|adminer\.php|phpinfo\.php` +
	`|cgi-bin|server-status|actuator|_ignition|telescope|phpunit|eval-stdin\.php|boaform|hnap1|gponform|jmx-console|solr|_profiler|web\.config|invoker` +
	`|shell\.php|alfa\.php|wso\.php|c99\.php|r57\.php|setup\.cgi|id_rsa|credentials|docker-compose\.yml)(?:/|\z)` +
	`|[^/]+(?:\.bak|\.backup|\.old|\.orig|\.save|\.swp|\.swo|~|\.sql|\.sql\.gz|\.sql\.zip|\.dump)(?:/|\z))`

// usualStatus spares most requests the pattern.
const usualStatus = "'200', '301', '302', '304', '400', '403', '404', '429', '500', '503'"

const okStatus = `\A(?:[0-9]{3}|[0-9-][0-9]|[0-9-])?\z`

// addresses are the common tables that add address to one of requests, and the
// name of the last of them.
func addresses(from string) (sql, last string) {
	var b strings.Builder
	for i, step := range addressSteps() {
		name := fmt.Sprintf("sluice_address_%d", i+1)
		fmt.Fprintf(&b, ",\n%s AS (\n  SELECT *,\n      %s\n  FROM %s\n)", name, step, from)
		from = name
	}
	return b.String(), from
}

// What groups are made of, from a table's columns.
const (
	agentOf = "CASE WHEN user_agent NOT IN ('', '-') THEN user_agent ELSE '' END"
	pathOf  = "coalesce(uri_path, '')"
)

// outcomeAddress is the one of outcomes that asks for the address.
const outcomeAddress = 1

// outcomes are why a request is in no row, in the order in which they are
// looked for, as conditions that are true or false.
func outcomes(o *Options) [][2]string {
	out := [][2]string{
		{"time", fmt.Sprintf("coalesce(r.t < %d OR r.t >= %d, TRUE)", minTime, maxTime)},
		{"address", "r.address IS NULL"},
		{"status", fmt.Sprintf("NOT (coalesce(r.http_status IN (%s), FALSE) OR coalesce(r.http_status, '') RLIKE %s)", usualStatus, lit(okStatus))},
		{"size", "coalesce(r.response_size < 0, FALSE)"},
	}
	if len(o.Filter.CacheStatus) > 0 {
		var values []string
		for _, v := range slices.Sorted(slices.Values(o.Filter.CacheStatus)) {
			values = append(values, lit(v))
		}
		out = append(out, [2]string{"cache", fmt.Sprintf("NOT coalesce(r.cache_status IN (%s), FALSE)", strings.Join(values, ", "))})
	}
	if o.Filter.ExcludeAPI {
		out = append(out, [2]string{"api", "coalesce(r.is_api_request, FALSE)"})
	}
	return out
}
