package attackagents

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"sluice/serve/policy"
)

// robotWord is the word by which a robot names itself, not the address of a
// page about it.
var robotWord = regexp.MustCompile(`(?i)(?:^|[\s;(,])([a-z][a-z0-9_.-]*(?:bot|spider|crawler|slurp)[a-z0-9_-]*|[a-z0-9_.-]*(?:bot|spider|crawler|slurp))(?:[/\s;),(+]|$)`)

// robotName is what an agent that is no browser's calls itself: its word with
// "bot" or the like, else its first product.
func robotName(agent string) string {
	if m := robotWord.FindStringSubmatch(agent); m != nil {
		return m[1]
	}
	name, _, _ := strings.Cut(agent, "/")
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	if name == "" {
		return "(no name)"
	}
	return name
}

// verifier is a policy.Verifier that says whether it could have told.
type verifier struct {
	*policy.Verifier
	crawlers []policy.Crawler
	resolves bool
}

// The answers on a crawler's address.
const (
	verified = "verified"
	refuted  = "refuted"
	untold   = "can't be told"
)

// ask tells whether an address is the crawler that its agent names. Where the
// domain name system gives no answer, it can't be told.
func (v *verifier) ask(ctx context.Context, ip netip.Addr, agent string) string {
	got, err := v.Verify(ctx, ip, agent)
	switch {
	case err != nil || got.Crawler == "":
		return untold
	case got.Verified:
		return verified
	}
	i := slices.IndexFunc(v.crawlers, func(c policy.Crawler) bool { return c.Name == got.Crawler })
	if c := v.crawlers[i]; len(c.Ranges) > 0 || v.resolves && len(c.Hosts) > 0 {
		return refuted
	}
	return untold
}
