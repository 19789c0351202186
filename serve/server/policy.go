package server

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/featurestore/fault"
	"sluice/serve/feed"
	"sluice/serve/policy"
)

// rulings is what people say about addresses, for as long as the service runs.
// The zero value leaves every verdict to the model.
type rulings struct {
	live     *policy.Live // nil: nobody said anything
	appeal   string
	resolver policy.Resolver // nil: crawlers are verified by their ranges alone
	verifier atomic.Pointer[policyVerifier]
}

// policyVerifier is a verifier and the policy it was made of.
type policyVerifier struct {
	of *policy.Policy
	*policy.Verifier
}

// The bounds of what is remembered of the domain name system.
const (
	rememberFor  = time.Hour
	rememberMost = 100_000
)

// newRulings reads the policy's files. Errors: those of policy.Load.
func newRulings(c *Config) (*rulings, error) {
	r := &rulings{appeal: c.Appeal, resolver: c.Resolver}
	if c.Resolver != nil {
		r.resolver = policy.Remember(c.Resolver, rememberFor, rememberMost)
	}
	f := &c.Policy
	if f.Overrides == "" && len(f.Crawlers)+len(f.Shared) == 0 {
		return r, nil
	}
	var err error
	r.live, err = policy.Follow(*f, -1) // refreshPolicy looks
	return r, err
}

// refreshPolicy reads the policy's files again if they changed. What can't be
// read is reported once, and what held goes on holding.
func (s *Server) refreshPolicy() {
	r := s.service.rulings
	if r.live == nil {
		return
	}
	changed, err := r.live.Reload()
	s.reloaded("policy", changed, err)
	if changed {
		s.policyEvent()
	}
}

// policyEvent says what holds from now on.
func (s *Server) policyEvent() {
	if s.service.rulings.live == nil {
		return
	}
	p, now := s.service.rulings.live.Policy(), time.Now()
	e := &PolicyEvent{Overrides: len(p.InForce(now)), RanOut: len(p.Expired(now))}
	for _, c := range p.Rules().Crawlers {
		e.CrawlerPrefixes += len(c.Prefixes)
	}
	for _, c := range p.Rules().Shared {
		e.SharedPrefixes += len(c.Prefixes)
	}
	s.log.Info("policy", "overrides", e.Overrides, "ran_out", e.RanOut, "crawler_prefixes", e.CrawlerPrefixes, "shared_prefixes", e.SharedPrefixes)
	s.config.Events(Event{Policy: e})
}

// String is the event as a person reads it.
func (e *PolicyEvent) String() string {
	s := fmt.Sprintf("%d overrides, %d prefixes of crawlers, %d shared", e.Overrides, e.CrawlerPrefixes, e.SharedPrefixes)
	if e.RanOut > 0 {
		s += fmt.Sprintf("; %d overrides ran out and can be cleared away", e.RanOut)
	}
	return s
}

// nobody is the policy of those who say nothing.
var nobody, _ = policy.New(policy.Rules{}) // no rules, no error

// ruling is what people say, at the instant of one call.
type ruling struct {
	*rulings
	policy *policy.Policy
	now    time.Time
}

// at begins a call.
func (r *rulings) at(now time.Time) ruling {
	if r.live == nil {
		return ruling{r, nobody, now}
	}
	return ruling{r, r.live.Policy(), now}
}

// settle decides about a line and leaves in it the verdict that holds.
func (r *ruling) settle(l *feed.Line) policy.Decision {
	d := r.decide(l)
	l.Verdict = feedVerdict(d.Verdict)
	return d
}

// decide says what holds for a line.
func (r *ruling) decide(l *feed.Line) policy.Decision {
	d := policy.Decision{Verdict: policyVerdict(l.Verdict), Scored: policyVerdict(l.Verdict), Source: policy.FromModel}
	if r.policy != nobody {
		d = r.policy.Decide(l.IP, d.Scored, r.now)
	}
	if d.Source != policy.FromModel {
		return d
	}
	d.Until = l.ExpiresAt
	for i := range l.Windows {
		if t := l.Windows[i].Start; d.Since.IsZero() || t.Before(d.Since) {
			d.Since = t
		}
	}
	if d.Verdict == policy.Abusive {
		d.Reason = modelReason(l)
	}
	return d
}

// modelReason says in words for what the model flags a line.
func modelReason(l *feed.Line) string {
	var b strings.Builder
	b.Grow(160) // as a rule all of it
	b.WriteString("its requests are like those of addresses that were reported as abusive")
	sep := ": "
	for i := range l.Reasons {
		if l.Reasons[i].Contribution > 0 {
			b.WriteString(sep)
			b.WriteString(l.Reasons[i].Feature)
			sep = ", "
		}
	}
	return b.String()
}

// unscored decides about an address that the feed does not hold; said tells
// whether anybody spoke of it. A crawler's range alone says nothing about an
// address that nothing is held against.
func (r *ruling) unscored(ip netip.Addr) (d policy.Decision, said bool) {
	d = r.policy.Decide(ip, "", r.now)
	if d.Source == policy.FromOverride {
		return d, true
	}
	return policy.Decision{Shared: d.Shared}, false
}

// maxUserAgent bounds a caller's user agent, in bytes.
const maxUserAgent = 4096

// checkAgent refuses a user agent that can't be one.
func checkAgent(field, agent string) error {
	if len(agent) > maxUserAgent {
		return fault.Field(fault.Invalid, field, "%s: %d bytes; want at most %d", field, len(agent), maxUserAgent)
	}
	return nil
}

// checkAgents refuses user agents that don't belong to n addresses.
func checkAgents(agents []string, n int) error {
	if len(agents) != 0 && len(agents) != n {
		return fault.Field(fault.Invalid, "user_agents", "user_agents: %d for %d addresses; want none, or one per address (empty where it is not known)", len(agents), n)
	}
	for i, agent := range agents {
		if err := checkAgent(indexed("user_agents", i), agent); err != nil {
			return err
		}
	}
	return nil
}

// verify asks whether an address is the crawler that a user agent names, or in
// whose range it is. No answer from the domain name system refutes nothing.
func (r *ruling) verify(ctx context.Context, ip netip.Addr, agent string) policy.Verification {
	v := r.verifier.Load()
	if v == nil || v.of != r.policy {
		v = &policyVerifier{r.policy, r.policy.Verifier(r.resolver)}
		r.verifier.Store(v)
	}
	out, err := v.Verify(ctx, ip, agent)
	if err != nil {
		out.Reason = "says it is " + out.Crawler + ", which can't be verified now: the domain name system gives no answer"
	}
	return out
}

// The bounds of the questions that one call asks the domain name system.
const (
	verifyAtOnce = 16
	verifyWithin = 2 * time.Second
)

// checkAll checks addresses, with the user agents with which they came where
// there are any. What is no address is left out.
func (r ruling) checkAll(ctx context.Context, ips []netip.Addr, agents []string) []policy.Verification {
	out := make([]policy.Verification, len(ips))
	if len(agents) == 0 || r.resolver == nil {
		for i, ip := range ips {
			agent := ""
			if len(agents) > 0 {
				agent = agents[i]
			}
			if ip.IsValid() {
				out[i] = r.check(ctx, ip, agent)
			}
		}
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	var wait sync.WaitGroup
	turns := make(chan struct{}, verifyAtOnce)
	for i, ip := range ips {
		if !ip.IsValid() {
			continue
		}
		turns <- struct{}{}
		wait.Go(func() {
			out[i] = r.check(ctx, ip, agents[i])
			<-turns
		})
	}
	wait.Wait()
	return out
}

// spiderShare is the share of requests with a crawler's user agent from which an
// address calls itself one.
const spiderShare = 0.5

// claimed completes a check by what the model saw: most of the requests said
// that they are a crawler's.
func (r *ruling) claimed(l *feed.Line, v *policy.Verification) {
	if v.Crawler != "" {
		return
	}
	i := slices.IndexFunc(l.Reasons, func(x feed.Reason) bool { return x.Feature == "spider_ratio" })
	if i < 0 || !(l.Reasons[i].Value >= spiderShare) {
		return
	}
	v.Claimed = true
	v.Reason = "most of its requests say that they are a crawler's; no published ranges are known here to verify that by"
	if len(r.policy.Rules().Crawlers) > 0 {
		v.Reason = "most of its requests say that they are a crawler's; it is in none of the published ranges"
	}
}
