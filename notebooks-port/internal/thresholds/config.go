package thresholds

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/models/rules"
)

// writeFile writes a list for owner and group.
func writeFile(path string, b []byte) error {
	if err := renameio.WriteFile(path, b, os.FileMode(0o640)); err != nil {
		return fault.As(fault.Exhausted, fault.Wrap(err, "--lists"))
	}
	return nil
}

// configuration is the proposal in the words of what stands at the edge.
func (r *Result) configuration(name string) []Config {
	out := []Config{r.haproxy()}
	if r.Limit == nil {
		return append(out, Config{"HAProxy, the list", fmt.Sprintf("acl listed src -f /etc/haproxy/%s.acl\nhttp-request deny deny_status 429 if listed", name), "Blocks the list. No limit can be made of this threshold."})
	}
	out = append(out, r.nginx(name), r.nft(name), r.requestctl(name))
	if r.Everyone != nil {
		out = append(out, r.varnish(name))
	}
	return out
}

func number(x float64) string { return strconv.FormatFloat(math.Ceil(x-1e-9), 'f', -1, 64) }

// bound is a comparison of whole numbers that means the same as a condition.
func bound(o rules.Op, x float64) string {
	if o == rules.AtMost {
		return "le " + strconv.FormatFloat(math.Floor(x), 'f', -1, 64)
	}
	return "ge " + number(x)
}

// haproxy judges both thresholds while requests come, over a rolling period.
func (r *Result) haproxy() Config {
	// A day is the longest that is counted, and no verdict comes before there
	// are requests to judge.
	minutes := min(1440, max(1, math.Round(r.WindowHours*60)))
	period, n, says := number(minutes)+"m", r.Rule.RequestCount.Threshold/(r.WindowHours*60)*minutes, ""
	if r.WindowHours > 24 {
		says = " The windows are longer than a day; what is asked of them is asked of each day in proportion"
		if n < float64(r.JudgeFrom) {
			n = float64(r.JudgeFrom)
			says += fmt.Sprintf(", of %d requests at least", r.JudgeFrom)
		}
		says += "."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# in a backend of its own:\nbackend sluice_rates\n    stick-table type ipv6 size 1m expire %s store http_req_rate(%s),bytes_out_rate(%s)\n", period, period, period)
	b.WriteString("# in the frontend:\nacl api path_beg /api/ /w/api.php\nhttp-request track-sc0 src,ipmask(32,64) table sluice_rates unless api\n")
	b.WriteString("http-request set-var(txn.n) sc_http_req_rate(0,sluice_rates)\nhttp-request set-var(txn.mean) sc_bytes_out_rate(0,sluice_rates),div(txn.n) if { var(txn.n) -m int gt 0 }\n")
	fmt.Fprintf(&b, "acl judged var(txn.n) -m int ge %d\nacl count var(txn.n) -m int %s\nacl size var(txn.mean) -m int %s\n", r.JudgeFrom, bound(r.Rule.RequestCount.Op, n), bound(r.Rule.ResponseSizeMean.Op, r.Rule.ResponseSizeMean.Threshold))
	if r.Rule.Combine == rules.And {
		b.WriteString("http-request deny deny_status 429 if judged count size")
	} else {
		b.WriteString("http-request deny deny_status 429 if count || judged size")
	}
	return Config{"HAProxy, both thresholds", b.String(), "Counts every request that is no API request, cache hits too where HAProxy stands before the cache, and bytes with their headers; put deny behind a dry run (http-request set-header, then read the log) first." + says}
}

func (r *Result) nginx(name string) Config {
	l := r.Limit
	perMinute := l.PerSecond * 60
	text := fmt.Sprintf("geo $%s_listed { default 0; include /etc/nginx/%s.nginx.conf; }\nmap $%s_listed $%s_key { default \"\"; 1 $binary_remote_addr; }\n", name, name, name, name)
	says := "Limits the addresses of the list; nginx can't judge the size of answers. Take the map away to limit everyone."
	rate := number(perMinute) + "r/m"
	if perMinute < 1 {
		says += " nginx knows no rate below one a minute, which is above this one."
	} else if perMinute >= 600 {
		rate = number(l.PerSecond) + "r/s"
	}
	text += fmt.Sprintf("limit_req_zone $%s_key zone=%s:10m rate=%s;\n# in the server:\nlimit_req zone=%s burst=%d nodelay;\nlimit_req_status 429;", name, name, rate, name, max(1, l.Requests))
	return Config{"nginx, limit for the list", text, says}
}

func (r *Result) nft(name string) Config {
	l := r.Limit
	rate := fmt.Sprintf("%s/minute", number(l.PerSecond*60))
	switch {
	case l.PerSecond*60 < 1:
		rate = fmt.Sprintf("%s/hour", number(l.PerSecond*3600))
	case l.PerSecond >= 10:
		rate = fmt.Sprintf("%s/second", number(l.PerSecond))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet sluice {\n")
	for _, v := range []struct{ family, kind, set string }{{"ip", "ipv4_addr", "v4"}, {"ip6", "ipv6_addr", "v6"}} {
		fmt.Fprintf(&b, "\tset %s_%s { type %s; flags interval; auto-merge; }\n\tset %s_over_%s { type %s; flags dynamic; timeout 1h; size 65535; }\n", name, v.set, v.kind, name, v.set, v.kind)
	}
	fmt.Fprintf(&b, "\tchain %s_limit {\n\t\ttype filter hook input priority -10;\n", name)
	for _, v := range []struct{ family, set string }{{"ip", "v4"}, {"ip6", "v6"}} {
		fmt.Fprintf(&b, "\t\ttcp dport { 80, 443 } ct state new %s saddr @%s_%s update @%s_over_%s { %s saddr limit rate over %s burst %d packets } counter drop\n", v.family, name, v.set, name, v.set, v.family, rate, max(5, l.Requests))
	}
	b.WriteString("\t}\n}")
	return Config{"nftables, limit for the list", b.String(), "Limits new connections, since the kernel sees no requests: with kept-alive connections that is fewer. The sets come from " + name + ".nft."}
}

func (r *Result) requestctl(name string) Config {
	return Config{"requestctl, limit for the list", fmt.Sprintf(`enabled: false
log_matching: true
cache_miss_only: true
comment: "Rehearsal: records what it matches, stops nothing until it is enabled"
expression: ipblock@abuse/%s
resp_status: 429
resp_reason: "Too many requests"
sites: []
do_throttle: true
throttle_per_ip: true
throttle_requests: %d
throttle_interval: %d
throttle_duration: 300`, name, r.Limit.Requests, r.Limit.Period), "request-actions/cache-text/" + name + ".yaml; the ipblock is " + name + ".yaml of the lists. Cache misses alone, as the study counts."}
}

func (r *Result) varnish(name string) Config {
	return Config{"Varnish, limit for everyone", fmt.Sprintf("import vsthrottle;\n# in vcl_miss and vcl_pass:\nif (req.url !~ \"^/(api/|w/api\\.php)\" && vsthrottle.is_denied(\"%s:\" + req.http.X-Client-IP, %d, %ds, 300s)) {\n    return (synth(429, \"Too many requests\"));\n}", name, r.Everyone.Requests, r.Everyone.Period), "Counts what the cache does not answer and is no API request, as the study does."}
}
