package policy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// tally counts the questions that reach it.
type tally struct {
	Resolver
	mu sync.Mutex
	n  int
}

func (r *tally) count() {
	r.mu.Lock()
	r.n++
	r.mu.Unlock()
}

func (r *tally) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	r.count()
	return r.Resolver.LookupAddr(ctx, addr)
}

func (r *tally) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	r.count()
	return r.Resolver.LookupNetIP(ctx, network, host)
}

func TestRemember(t *testing.T) {
	ctx := context.Background()
	asked := &tally{Resolver: world}
	m := Remember(asked, time.Hour, 1000).(*remembered)
	clock := time.Now()
	m.now = func() time.Time { return clock }
	both := func() {
		t.Helper()
		names, err := m.LookupAddr(ctx, "192.0.2.1")
		if err != nil || !slices.Equal(names, world.Names["192.0.2.1"]) {
			t.Fatalf("%v, %v", names, err)
		}
		got, err := m.LookupNetIP(ctx, "ip6", "crawl-v6.googlebot.com")
		if err != nil || !slices.Equal(got, world.Addrs["crawl-v6.googlebot.com"]) {
			t.Fatalf("%v, %v", got, err)
		}
		// That it does not exist is an answer too, and stays one.
		_, err = m.LookupAddr(ctx, "192.0.2.99")
		if dns, ok := err.(*net.DNSError); !ok || !dns.IsNotFound {
			t.Fatalf("%v", err)
		}
	}
	both()
	both()
	if asked.n != 3 {
		t.Errorf("%d questions, want 3", asked.n)
	}
	clock = clock.Add(time.Hour)
	both()
	if asked.n != 6 {
		t.Errorf("%d questions after an hour, want 6", asked.n)
	}

	// Failures are asked again.
	asked = &tally{Resolver: broken{world, false}}
	m = Remember(asked, time.Hour, 1000).(*remembered)
	for range 2 {
		if _, err := m.LookupAddr(ctx, "192.0.2.1"); err == nil {
			t.Error("no error")
		}
	}
	if asked.n != 2 {
		t.Errorf("%d questions, want 2", asked.n)
	}
}

// TestRememberIsBounded: whoever makes up addresses does not fill the memory.
func TestRememberIsBounded(t *testing.T) {
	m := Remember(Hosts{}, time.Hour, 100).(*remembered)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				_, _ = m.LookupAddr(context.Background(), fmt.Sprint(w, i))
			}
		})
	}
	wg.Wait()
	if n := len(m.young) + len(m.old); n > 100 {
		t.Errorf("%d answers are kept, want at most 100", n)
	}
}
