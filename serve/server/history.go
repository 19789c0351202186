package server

import (
	"context"
	"slices"
	"sync"

	"sluice/featurestore/fault"
	"sluice/serve/feed"
)

// maxMonths is how many months the page looks back.
const maxMonths = 13

// history keeps the last feed of each month open for the page. Opening one reads
// it whole, to verify it; after that a lookup touches a few pages of it.
type history struct {
	feeds *feedStore

	mu   sync.Mutex
	open map[feed.Date]*pastFeed
}

type pastFeed struct {
	*loadedFeed
	stamp stamp // of the index that is open
}

func newHistory(s *feedStore) *history {
	return &history{feeds: s, open: map[feed.Date]*pastFeed{}}
}

// monthFeed is a month and the date of its last feed.
type monthFeed struct {
	month string
	date  feed.Date
}

// months are those that have a feed, the newest first.
func (h *history) months() ([]monthFeed, error) {
	dates, err := h.feeds.feeds.Dates()
	if err != nil {
		return nil, err
	}
	var out []monthFeed
	for _, d := range slices.Backward(dates) {
		if m := string(d[:7]); len(out) == 0 || out[len(out)-1].month != m {
			out = append(out, monthFeed{m, d})
		}
		if len(out) == maxMonths {
			break
		}
	}
	return out, nil
}

// feed gives the last feed of a month, which the caller releases; "" is the
// loaded feed. Errors: NotFound, Unavailable while no feed is loaded, Corrupt.
func (h *history) feed(ctx context.Context, month string, all []monthFeed) (*loadedFeed, error) {
	now, err := h.feeds.acquire()
	if err != nil || month == "" {
		return now, err
	}
	i := slices.IndexFunc(all, func(m monthFeed) bool { return m.month == month })
	if i < 0 {
		now.release()
		return nil, fault.Field(fault.NotFound, "month", "there is no feed of %s", month)
	}
	d := all[i].date
	if d == now.Date() {
		return now, nil
	}
	now.release()
	h.mu.Lock()
	defer h.mu.Unlock()
	at, err := stampOf(h.feeds.feeds.IndexPath(d))
	if have := h.open[d]; have != nil {
		if err == nil && at == have.stamp && have.use() {
			return have.loadedFeed, nil
		}
		have.release()
		delete(h.open, d)
	}
	x, err := h.feeds.feeds.OpenIndex(ctx, d)
	if err != nil {
		return nil, err
	}
	if at, err = stampOf(h.feeds.feeds.IndexPath(d)); err != nil {
		_ = x.Close()
		return nil, err
	}
	l := &pastFeed{newLoadedFeed(x, feed.Descriptor{Date: d, Rows: x.Len()}), at}
	for old, p := range h.open { // months that have gone by
		if !slices.ContainsFunc(all, func(m monthFeed) bool { return m.date == old }) {
			p.release()
			delete(h.open, old)
		}
	}
	h.open[d] = l
	l.refs.Add(1)
	return l.loadedFeed, nil
}

// close lets go of all feeds; those in use close with their last user.
func (h *history) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for d, p := range h.open {
		p.release()
		delete(h.open, d)
	}
}
