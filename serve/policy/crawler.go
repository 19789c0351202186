package policy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Resolver asks the domain name system. *net.Resolver is one; Hosts is one in
// memory. A name or address that does not exist is a *net.DNSError with
// IsNotFound; every other error means that it can't be said now.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Crawler is how one is told.
type Crawler struct {
	Name string
	// Agents are parts of user agents, in any case, by which it names itself.
	Agents []string
	// Hosts are the domains in which its machines have names.
	Hosts []string
	// Ranges are the prefixes it publishes, and when.
	Ranges []netip.Prefix
	Date   time.Time
}

// KnownCrawlers are crawlers whose operators document in which domains their
// machines have names. Ranges are to be added from the files they publish.
// Domains in which customers have machines, as googleusercontent.com, are not
// among them: whoever rents one would pass.
func KnownCrawlers() []Crawler {
	return []Crawler{
		{Name: "Googlebot", Agents: []string{"Googlebot", "GoogleOther", "Google-InspectionTool"}, Hosts: []string{"googlebot.com", "google.com"}},
		{Name: "Bingbot", Agents: []string{"bingbot", "adidxbot", "BingPreview"}, Hosts: []string{"search.msn.com"}},
		{Name: "Applebot", Agents: []string{"Applebot"}, Hosts: []string{"applebot.apple.com"}},
		{Name: "YandexBot", Agents: []string{"YandexBot", "YandexImages", "YandexMobileBot"}, Hosts: []string{"yandex.ru", "yandex.net", "yandex.com"}},
		{Name: "Baiduspider", Agents: []string{"Baiduspider"}, Hosts: []string{"baidu.com", "baidu.jp"}},
		{Name: "PetalBot", Agents: []string{"PetalBot"}, Hosts: []string{"petalsearch.com"}},
	}
}

// Verification says whether an address is the crawler that its user agent
// names.
type Verification struct {
	Crawler  string `json:"crawler,omitempty"` // that the user agent names, or whose range it is
	Claimed  bool   `json:"claimed"`           // the user agent names it
	Verified bool   `json:"verified"`
	Reason   string `json:"reason,omitempty"`
}

// Verifier verifies crawlers. It is immutable and safe for concurrent use if
// its resolver is.
type Verifier struct {
	crawlers []Crawler
	agents   [][]string // lower case
	ranges   bart.Table[int]
	resolver Resolver
}

// NewVerifier makes a verifier. Without a resolver (nil) only published ranges
// count, and a claim outside of them can't be refuted where a crawler has none.
func NewVerifier(crawlers []Crawler, r Resolver) *Verifier {
	v := &Verifier{crawlers: crawlers, resolver: r}
	for i, c := range crawlers {
		var lower []string
		for _, a := range c.Agents {
			lower = append(lower, strings.ToLower(a))
		}
		v.agents = append(v.agents, lower)
		for _, p := range c.Ranges {
			v.ranges.Insert(p.Masked(), i)
		}
	}
	return v
}

// Verifier makes a verifier of KnownCrawlers and of the policy's: ranges of a
// known name (in any case) become that crawler's; any other name is also what
// its user agents are told by.
func (p *Policy) Verifier(r Resolver) *Verifier {
	crawlers := KnownCrawlers()
	for _, from := range p.rules.Crawlers {
		i := slices.IndexFunc(crawlers, func(c Crawler) bool { return strings.EqualFold(c.Name, from.Name) })
		if i < 0 {
			i = len(crawlers)
			crawlers = append(crawlers, Crawler{Name: from.Name, Agents: []string{from.Name}})
		}
		c := &crawlers[i]
		c.Ranges = append(c.Ranges, from.Prefixes...)
		if from.Date.After(c.Date) {
			c.Date = from.Date
		}
	}
	return NewVerifier(crawlers, r)
}

// maxNames bounds the names of one address that are looked up; an address may
// have as many as its owner likes.
const maxNames = 8

// Verify tells whether an address is the crawler that a user agent names: it
// is in a published range, or one of its names lies in the crawler's domains
// and leads back to the address. An address in a published range is verified
// whatever its user agent says. Errors: Unavailable where the resolver can't
// say; that refutes nothing.
func (v *Verifier) Verify(ctx context.Context, ip netip.Addr, userAgent string) (Verification, error) {
	ip, ok := row.Canonical(ip)
	if !ok {
		return Verification{}, fault.Field(fault.Invalid, "ip", "an address that is none, or has a zone")
	}
	claim := v.claim(userAgent)
	if i, ok := v.ranges.Lookup(ip); ok {
		c := &v.crawlers[i]
		return Verification{Crawler: c.Name, Claimed: i == claim, Verified: true, Reason: "in the published ranges of " + c.Name + dated(c.Date)}, nil
	}
	if claim < 0 {
		return Verification{}, nil
	}
	c := &v.crawlers[claim]
	out := Verification{Crawler: c.Name, Claimed: true}
	if len(c.Hosts) == 0 || v.resolver == nil {
		out.Reason = "says it is " + c.Name + "; not in its published ranges" + dated(c.Date)
		if len(c.Ranges) == 0 {
			out.Reason = "says it is " + c.Name + "; there is nothing to verify it by"
		}
		return out, nil
	}
	name, err := v.confirm(ctx, ip, c)
	if err != nil {
		return out, err
	}
	if name != "" {
		out.Verified = true
		out.Reason = "its name " + name + " leads back to it"
		return out, nil
	}
	out.Reason = "only says it is " + c.Name + ": no name of it in " + strings.Join(c.Hosts, ", ") + " leads back to it"
	if len(c.Ranges) > 0 {
		out.Reason += ", and it is not in the published ranges" + dated(c.Date)
	}
	return out, nil
}

// claim is the crawler that a user agent names, or -1.
func (v *Verifier) claim(userAgent string) int {
	lower := strings.ToLower(userAgent)
	for i, agents := range v.agents {
		for _, a := range agents {
			if strings.Contains(lower, a) {
				return i
			}
		}
	}
	return -1
}

// confirm is the name in a crawler's domains that leads back to ip, or "".
func (v *Verifier) confirm(ctx context.Context, ip netip.Addr, c *Crawler) (string, error) {
	names, err := v.resolver.LookupAddr(ctx, ip.String())
	if err = unlessNotFound(err); err != nil && len(names) == 0 {
		return "", err
	}
	tried := 0
	var failed error
	for _, name := range names {
		host := strings.ToLower(strings.TrimSuffix(name, "."))
		if !inDomains(host, c.Hosts) {
			continue
		}
		if tried++; tried > maxNames {
			break
		}
		network := "ip6"
		if ip.Is4() {
			network = "ip4"
		}
		addrs, err := v.resolver.LookupNetIP(ctx, network, host)
		if err = unlessNotFound(err); err != nil {
			failed = err
			continue
		}
		for _, a := range addrs {
			if a.Unmap() == ip {
				return host, nil
			}
		}
	}
	return "", failed
}

// inDomains wants a name beneath a domain: "x.googlebot.com" is beneath
// "googlebot.com", "notgooglebot.com" is not.
func inDomains(host string, domains []string) bool {
	for _, d := range domains {
		if strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

func unlessNotFound(err error) error {
	var dns *net.DNSError
	if err == nil || errors.As(err, &dns) && dns.IsNotFound {
		return nil
	}
	return fault.New(fault.Unavailable, "the domain name system gives no answer now; try again later")
}

// Hosts is a Resolver in memory: the addresses of names, and the names of
// addresses (by their text). A nil map is empty.
type Hosts struct {
	Addrs map[string][]netip.Addr
	Names map[string][]string
}

// LookupAddr gives the names of an address.
func (h Hosts) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if names, ok := h.Names[addr]; ok {
		return names, ctx.Err()
	}
	return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
}

// LookupNetIP gives the addresses of a name.
func (h Hosts) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if addrs, ok := h.Addrs[host]; ok {
		return addrs, ctx.Err()
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}
