package policy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Remember makes a resolver that asks r once for what it was asked before: it
// keeps answers, and that a name does not exist, for a time, and at most so many
// of them. Failures are not kept. It is safe for concurrent use if r is.
func Remember(r Resolver, keep time.Duration, most int) Resolver {
	return &remembered{resolver: r, keep: keep, half: max(1, most/2), now: time.Now}
}

type remembered struct {
	resolver Resolver
	keep     time.Duration
	half     int
	now      func() time.Time // for tests

	mu sync.Mutex
	// Answers lie in two heaps; when the young one is full it becomes the old
	// one, and the old one is forgotten.
	young, old map[question]answer
}

// question is an address, or a name and a network.
type question struct{ network, subject string }

type answer struct {
	names []string
	addrs []netip.Addr
	none  *net.DNSError // it does not exist
	until time.Time
}

func (m *remembered) ask(q question, ask func() (answer, error)) (answer, error) {
	m.mu.Lock()
	a, ok := m.young[q]
	if !ok {
		a, ok = m.old[q]
	}
	m.mu.Unlock()
	if now := m.now(); !ok || !now.Before(a.until) {
		var err error
		a, err = ask()
		if err != nil && (!errors.As(err, &a.none) || !a.none.IsNotFound) {
			return answer{names: a.names}, err
		}
		a.until = now.Add(m.keep)
		m.put(q, a)
	}
	if a.none != nil {
		return a, a.none
	}
	return a, nil
}

func (m *remembered) put(q question, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= m.half {
		m.old, m.young = m.young, make(map[question]answer)
	}
	m.young[q] = a
}

func (m *remembered) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	a, err := m.ask(question{"", addr}, func() (a answer, err error) {
		a.names, err = m.resolver.LookupAddr(ctx, addr)
		return a, err
	})
	return a.names, err
}

func (m *remembered) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	a, err := m.ask(question{network, host}, func() (a answer, err error) {
		a.addrs, err = m.resolver.LookupNetIP(ctx, network, host)
		return a, err
	})
	return a.addrs, err
}
