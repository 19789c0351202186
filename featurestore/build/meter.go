package build

import (
	"sync"
	"sync/atomic"
	"time"
)

// meter reports progress a few times a second.
type meter struct {
	report func(Progress)

	sending sync.Mutex // one report at a time

	mu     sync.Mutex
	done   int64 // of files that are finished
	detail string
	active map[*atomic.Int64]string
}

const interval = 200 * time.Millisecond

func (m *meter) send(p Progress) {
	if m.report == nil {
		return
	}
	m.sending.Lock()
	defer m.sending.Unlock()
	m.report(p)
}

// start begins a stage; what it gives ends it.
func (m *meter) start(stage string, total int64) (stop func()) {
	m.mu.Lock()
	m.done, m.detail, m.active = 0, "", map[*atomic.Int64]string{}
	m.mu.Unlock()
	if m.report == nil {
		return func() {}
	}
	now := func() Progress {
		m.mu.Lock()
		defer m.mu.Unlock()
		p := Progress{Stage: stage, Done: m.done, Total: total, Detail: m.detail}
		for n := range m.active {
			p.Done += n.Load()
		}
		return p
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				m.send(now())
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
		m.send(now())
	}
}

// file counts the bytes of one file; finish ends it.
func (m *meter) file(name string) (done *atomic.Int64, finish func()) {
	n := new(atomic.Int64)
	m.mu.Lock()
	m.active[n] = name
	m.detail = name
	m.mu.Unlock()
	return n, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.active, n)
		m.done += n.Load()
	}
}
