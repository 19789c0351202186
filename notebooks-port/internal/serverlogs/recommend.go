package serverlogs

import (
	"fmt"
	"slices"
	"strings"

	"sluice/notebooks-port/internal/injection"
	"sluice/notebooks-port/internal/words"
)

// recommend derives what to do from what was found. Nothing is recommended
// that no row calls for.
func (d *data) recommend(r *Result, t *totals, x *details) {
	r.Recommendations = []Recommendation{}
	add := func(rec Recommendation) { r.Recommendations = append(r.Recommendations, rec) }
	d.block(r, t, add)
	d.limit(r, t, add)
	d.protectDocs(r, add)
	d.hideSecrets(r, add)
	d.validate(r, add)
	d.capacity(r, add)
	d.methodsRight(r, add)
}

// addresses are the ones that a list is made of; in a masked report a
// placeholder stands for them.
func (d *data) addresses(ips []uint32) []string {
	if !d.opts.ShowAddresses {
		return nil
	}
	var out []string
	for _, ip := range ips {
		out = append(out, d.addrs[ip].String())
	}
	return out
}

func (d *data) block(r *Result, t *totals, add func(Recommendation)) {
	var ips []uint32
	rec := Recommendation{Title: "Block or challenge the addresses that only attack", Why: "Their requests are attempts, or fail without exception, and nothing of them would be missed. Addresses change hands: let a block end after days, not years."}
	for i := range r.Attacks.Dossiers {
		s := &r.Attacks.Dossiers[i]
		a := &t.addrs[s.addr]
		if s.Group != "" || s.State == stateIgnore || a.classes&(injection.Attacks|injection.Secrets) == 0 || 4*a.attacks < a.n && s.State != stateAct {
			continue
		}
		ips = append(ips, s.addr)
		rec.Rows = append(rec.Rows, Count{Name: s.Address, Count: s.Attempts, Note: fmt.Sprintf("%s: %s", s.Classes, strings.Join(s.Reasons, "; ")), Country: s.Country})
	}
	for i := range t.addrs {
		a := &t.addrs[i]
		if a.getOK == 0 && a.getFail >= neverOK && d.group[i] == 0 && !slices.Contains(ips, uint32(i)) && len(rec.Rows) < 4*d.opts.Top && a.n-a.failed == 0 {
			ips = append(ips, uint32(i))
			rec.Rows = append(rec.Rows, Count{Name: d.label[i], Count: a.getFail, Note: "GET requests that all failed", Country: d.placeOf(uint32(i))})
		}
	}
	if len(ips) == 0 {
		return
	}
	list := d.addresses(ips)
	note := ""
	if list == nil {
		list = []string{"192.0.2.1"}
		note = " (192.0.2.1 stands for the addresses above, which are masked; run with --show-addresses to have them here)"
	}
	nginx := "geo $sluice_block {\n    default 0;\n"
	for _, a := range list {
		nginx += "    " + a + " 1;\n"
	}
	nginx += "}\n# in the server block:\nif ($sluice_block) { return 403; }\n"
	var v4, v6 []string
	for _, a := range list {
		if strings.Contains(a, ":") {
			v6 = append(v6, a)
		} else {
			v4 = append(v4, a)
		}
	}
	nft := "table inet sluice {\n"
	for _, s := range []struct {
		name, kind string
		list       []string
	}{{"block4", "ipv4_addr", v4}, {"block6", "ipv6_addr", v6}} {
		nft += fmt.Sprintf("    set %s {\n        type %s\n        flags timeout\n        timeout 7d\n", s.name, s.kind)
		if len(s.list) > 0 {
			nft += "        elements = { " + strings.Join(s.list, ", ") + " }\n"
		}
		nft += "    }\n"
	}
	nft += "    chain input {\n        type filter hook input priority -10; policy accept;\n        ip saddr @block4 drop\n        ip6 saddr @block6 drop\n    }\n}\n"
	rec.Snippets = []Snippet{
		{"HAProxy" + note, "# /etc/haproxy/block.acl, one address or network a line:\n" + strings.Join(list, "\n") + "\n\n# in the frontend:\nhttp-request deny deny_status 403 if { src -f /etc/haproxy/block.acl }\n"},
		{"nginx" + note, nginx},
		{"nftables" + note, nft},
	}
	add(rec)
}

func (d *data) limit(r *Result, t *totals, add func(Recommendation)) {
	rec := Recommendation{Title: "Limit the rate of each address", Why: "Single addresses ask more in a short time, or fail more often, than a person or a well-behaved program does. Where a person may sit behind the address, answer with a challenge (CAPTCHA) instead of an error."}
	for _, row := range r.Get.NeverOK {
		if row.Group == "" {
			rec.Rows = append(rec.Rows, Count{Name: row.Name, Count: row.Failure, Note: fmt.Sprintf("failed GET requests to %s endpoints, none succeeded", words.Count(row.Targets)), Country: row.Country})
		}
	}
	for i := range r.Incidents {
		b := &r.Incidents[i].Before
		if b.Ratio >= 2 && b.Requests >= 50 {
			for _, a := range b.Addresses[:min(3, len(b.Addresses))] {
				note := fmt.Sprintf("requests in the %d hours before %s", b.Hours, r.Incidents[i].Onset)
				if a.Group != "" {
					note += ", of the group " + a.Group
				}
				rec.Rows = append(rec.Rows, Count{Name: a.Name, Count: a.Count, Note: note, Group: a.Group})
			}
		}
	}
	for i := range r.Attacks.Dossiers {
		if s := &r.Attacks.Dossiers[i]; s.Peak >= fastMinute {
			rec.Rows = append(rec.Rows, Count{Name: s.Address, Count: s.Peak, Note: "requests in its fastest minute"})
		}
	}
	if len(rec.Rows) == 0 {
		return
	}
	// A limit that no ordinary minute reaches: twice the fastest minute of an
	// address that never attacked would need every address; ten requests a
	// second and a burst is what browsers stay below.
	rec.Snippets = []Snippet{
		{"HAProxy", "# in the frontend: 10 requests a second over ten seconds, own machines exempt\nstick-table type ipv6 size 1m expire 10m store http_req_rate(10s),http_err_rate(10m)\nhttp-request track-sc0 src unless { src -f /etc/haproxy/own.acl }\nhttp-request deny deny_status 429 if { sc_http_req_rate(0) gt 100 }\nhttp-request deny deny_status 429 if { sc_http_err_rate(0) gt 100 }\n"},
		{"nginx", "limit_req_zone $binary_remote_addr zone=each:10m rate=10r/s;\n# in the server block:\nlimit_req zone=each burst=50 nodelay;\nlimit_req_status 429;\n"},
		{"nftables", "table inet sluice {\n    chain rate {\n        type filter hook input priority -5; policy accept;\n        tcp dport { 80, 443 } ct state new meter each { ip saddr limit rate over 20/second burst 100 packets } drop\n    }\n}\n"},
	}
	add(rec)
}

func (d *data) protectDocs(r *Result, add func(Recommendation)) {
	rec := Recommendation{Title: "Put the API's documentation behind a login", Why: "It was served to anybody who asked, and lists every endpoint to those who look for holes."}
	for _, row := range r.Attacks.Answered {
		if row.Class == "apidocs" {
			rec.Rows = append(rec.Rows, Count{Name: row.Target, Count: row.Answered, Note: fmt.Sprintf("answered with 2xx, asked by %s", words.Plural(row.Addresses, "address", "addresses"))})
		}
	}
	if len(rec.Rows) == 0 {
		return
	}
	rec.Snippets = []Snippet{
		{"HAProxy", "acl docs path_beg -i /docs /redoc /swagger /api-doc /api-docs /openapi /graphiql\nhttp-request auth realm docs if docs !{ http_auth(staff) } !{ src -f /etc/haproxy/own.acl }\n"},
		{"nginx", "location ~* ^/(docs|redoc|swagger|api-docs?|openapi|graphiql)(/|\\.|$) {\n    satisfy any;\n    allow 10.0.0.0/8;   # own network\n    deny all;\n    auth_basic \"documentation\";\n    auth_basic_user_file /etc/nginx/docs.htpasswd;\n    proxy_pass http://backend;\n}\n"},
	}
	add(rec)
}

func (d *data) hideSecrets(r *Result, add func(Recommendation)) {
	rec := Recommendation{Title: "Refuse dot files, backups and configuration at the edge", Why: "They were asked for; refusing them in front of the application makes sure that a file left behind stays unread."}
	leak := false
	rows := func(list []TargetRow) {
		for _, row := range list {
			if strings.Contains(row.Class, "secrets") && len(rec.Rows) < 10 && !slices.ContainsFunc(rec.Rows, func(c Count) bool { return c.Name == row.Target }) {
				leak = leak || row.Outcome == outcomeLikely
				rec.Rows = append(rec.Rows, Count{Name: row.Target, Count: row.Requests, Note: row.Outcome + ": " + row.Why})
			}
		}
	}
	rows(r.Attacks.Answered)
	rows(r.Attacks.Targets)
	if len(rec.Rows) == 0 {
		return
	}
	if leak {
		rec.Why = "At least one was answered with content of its own: take it away and change every password and key in it. " + rec.Why
	}
	rec.Snippets = []Snippet{
		{"HAProxy", "http-request deny deny_status 404 if { path_sub /. } !{ path_beg /.well-known/ }\nhttp-request deny deny_status 404 if { path_end -i .sql .bak .old .swp .env .pem .key }\n"},
		{"nginx", "location ~ /\\.(?!well-known/) { return 404; }\nlocation ~* \\.(sql|bak|old|swp|env|pem|key)$ { return 404; }\n"},
	}
	add(rec)
}

func (d *data) validate(r *Result, add func(Recommendation)) {
	rec := Recommendation{Title: "Check input, and put a web application firewall in front"}
	var actions []string
	for _, c := range r.Attacks.Classes {
		switch c.Class {
		case "sqli", "xss", "traversal", "command", "code":
			rec.Rows = append(rec.Rows, Count{Name: c.Name, Count: c.Requests, Note: fmt.Sprintf("%s answered with 2xx, of which %s unlike the usual answer", words.Count(c.Answered), words.Count(c.Differs+c.Likely))})
			actions = append(actions, c.Action)
		}
	}
	if len(rec.Rows) == 0 {
		return
	}
	rec.Why = "Payloads reached the application. In the code: " + strings.Join(actions, " ") + " In front of it, a firewall with the OWASP Core Rule Set turns away what is known; begin in detection mode, since it also matches some ordinary requests."
	rec.Snippets = []Snippet{
		{"HAProxy (Coraza SPOA)", "# in the frontend:\nfilter spoe engine coraza config /etc/haproxy/coraza.cfg\nhttp-request deny deny_status 403 if { var(txn.coraza.action) -m str deny }\n"},
		{"nginx (ModSecurity)", "modsecurity on;\nmodsecurity_rules_file /etc/nginx/modsec/main.conf;   # SecRuleEngine DetectionOnly, then the Core Rule Set\n"},
		{"Response headers", "Content-Security-Policy: default-src 'self'; object-src 'none'; base-uri 'none'\nX-Content-Type-Options: nosniff\n"},
	}
	add(rec)
}

// capacity follows from outages with load or failing backends before them.
func (d *data) capacity(r *Result, add func(Recommendation)) {
	rec := Recommendation{Title: "Protect the backend from load, and watch it from outside", Why: "The site was down, or answered with server errors. Queue or refuse what exceeds what the backend can take, restart it when its health check fails, and alarm on answers without content and on silence: in these outages they came at least as early as the errors."}
	own := false
	for i := range r.Incidents {
		in := &r.Incidents[i]
		cause := ""
		for _, c := range in.Causes {
			if c.Verdict == "supported" && cause == "" {
				cause = c.Name
			}
		}
		own = own || in.Before.OwnShare >= 0.3 && in.Before.Ratio >= 2
		if cause == "" {
			cause = "no cause is supported by the log"
		}
		if len(rec.Rows) < 20 {
			rec.Rows = append(rec.Rows, Count{Name: in.Onset, Count: in.Minutes, Note: "minutes; " + cause})
		}
	}
	if len(rec.Rows) == 0 {
		return
	}
	if own {
		rec.Why += " Much of the load came from own addresses: give those programs a limit and a backoff of their own before limiting others."
	}
	rec.Snippets = []Snippet{
		{"HAProxy", "backend app\n    option httpchk GET /health\n    timeout queue 10s\n    timeout server 60s\n    retries 2\n    server app1 127.0.0.1:8000 check inter 5s fall 3 rise 2 maxconn 64\n"},
		{"nginx", "upstream app {\n    server 127.0.0.1:8000 max_fails=3 fail_timeout=10s max_conns=64;\n}\n# in the location: keep waiting clients from piling up\nproxy_read_timeout 60s;\n"},
	}
	add(rec)
}

func (d *data) methodsRight(r *Result, add func(Recommendation)) {
	rec := Recommendation{Title: "Answer wrong methods with 405 and say which ones are right", Why: "Endpoints are asked with a method they do not take. A clear answer with an Allow header tells honest clients what to change; the rest can be refused before it costs anything."}
	for _, m := range r.Get.Mismatches {
		if m.Served != "" && len(rec.Rows) < 10 {
			rec.Rows = append(rec.Rows, Count{Name: m.Method + " " + m.Endpoint, Count: m.Requests, Note: fmt.Sprintf("%s succeeded; it is served by %s", words.Count(m.OK), m.Served)})
		}
	}
	if len(rec.Rows) == 0 {
		return
	}
	path, method := "/endpoint", "POST"
	if m := r.Get.Mismatches; len(m) > 0 && safePath(m[0].Endpoint) && m[0].Served != "" {
		path, method = m[0].Endpoint, m[0].Served
	}
	rec.Snippets = []Snippet{
		{"HAProxy", fmt.Sprintf("http-request return status 405 hdr Allow %s if { path %s } !{ method %s }\n", method, path, method)},
		{"nginx", fmt.Sprintf("location = %s {\n    limit_except %s { deny all; }\n    proxy_pass http://backend;\n}\n", path, method)},
	}
	add(rec)
}

// safePath: a path that may stand in a configuration as it is.
func safePath(p string) bool {
	return strings.HasPrefix(p, "/") && strings.IndexFunc(p, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/_-.", r)
	}) < 0
}
