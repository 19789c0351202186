package server

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/featurestore/fault"
	"sluice/serve/feed"
)

// loadedFeed is a feed's index while somebody uses it.
type loadedFeed struct {
	*feed.Index
	// desc is latest.json's descriptor, or for an older feed what its index
	// tells.
	desc feed.Descriptor
	// expiresAt is when the last of its scores runs out. A feed of none, which
	// says that nobody is abusive, runs out as one of scores would.
	expiresAt time.Time
	// refs counts users, the store among them; the index is closed at 0.
	refs atomic.Int64
}

func newLoadedFeed(x *feed.Index, d feed.Descriptor) *loadedFeed {
	l := &loadedFeed{Index: x, desc: d, expiresAt: x.ExpiresAt()}
	if x.Len() == 0 && !d.GeneratedAt.IsZero() {
		l.expiresAt = d.GeneratedAt.Add(feed.DefaultTTL)
	}
	l.refs.Store(1)
	return l
}

// use counts a user in, unless the index is closed already.
func (l *loadedFeed) use() bool {
	for {
		n := l.refs.Load()
		if n == 0 {
			return false
		}
		if l.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release counts a user out.
func (l *loadedFeed) release() {
	if l.refs.Add(-1) == 0 {
		_ = l.Close()
	}
}

// keptFeeds is how many older feeds stay open for differences and for pages
// that were begun on them.
const keptFeeds = 4

// feedStore hands out feeds: the newest, and older ones by date.
type feedStore struct {
	feeds   *feed.Feeds
	current atomic.Pointer[loadedFeed]

	mu    sync.Mutex
	older []*loadedFeed // the last used last
}

func newFeedStore(home string) *feedStore { return &feedStore{feeds: feed.Open(home)} }

// acquire gives the newest feed, which the caller releases. Errors: Unavailable
// while none is loaded.
func (s *feedStore) acquire() (*loadedFeed, error) {
	for {
		l := s.current.Load()
		if l == nil {
			return nil, fault.New(fault.Unavailable, "no feed is loaded; train run writes one, and it is loaded as soon as it is there")
		}
		if l.use() {
			return l, nil
		}
	}
}

// dated gives the feed of a date, which the caller releases. Errors:
// Unavailable while no feed is loaded at all, NotFound, Corrupt.
func (s *feedStore) dated(ctx context.Context, d feed.Date) (*loadedFeed, error) {
	now, err := s.acquire()
	if err != nil || now.Date() == d {
		return now, err
	}
	now.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range s.older {
		if l.Date() == d && l.use() {
			s.older = append(slices.Delete(s.older, i, i+1), l)
			return l, nil
		}
	}
	x, err := s.feeds.OpenIndex(ctx, d)
	if err != nil {
		return nil, err
	}
	desc := feed.Descriptor{
		Location: string(d) + ".jsonl.gz", Date: d, SHA256: x.FeedSHA256(), Rows: x.Len(),
		SchemaVersion: feed.SchemaVersion,
	}
	if models := x.ModelVersions(); len(models) > 0 {
		desc.ModelVersion = models[0]
	}
	l := newLoadedFeed(x, desc)
	l.refs.Add(1)
	s.older = append(s.older, l)
	if len(s.older) > keptFeeds {
		s.older[0].release()
		s.older = slices.Delete(s.older, 0, 1)
	}
	return l, nil
}

// named gives the feed of a resource name, "feeds/latest" or "feeds/{date}".
func (s *feedStore) named(ctx context.Context, name string) (*loadedFeed, error) {
	id, err := resource("name", name, feedsPrefix)
	if err != nil {
		return nil, err
	}
	if id == "latest" {
		return s.acquire()
	}
	d, err := feed.ParseDate(id)
	if err != nil {
		return nil, fault.Field(fault.Invalid, "name", `name: want "feeds/latest" or "feeds/" and a date, as in feeds/2024-08-31`)
	}
	return s.dated(ctx, d)
}

// refresh loads the newest feed if it is not the one that serves; changed tells
// whether it did. Where it fails, what served goes on serving. Errors: NotFound
// where there is no feed at all.
func (s *feedStore) refresh(ctx context.Context) (changed bool, err error) {
	d, err := s.feeds.Latest()
	if err != nil {
		return false, err
	}
	if now := s.current.Load(); now != nil && now.Date() == d.Date && now.FeedSHA256() == d.SHA256 {
		return false, nil
	}
	x, err := s.feeds.OpenIndex(ctx, d.Date)
	if err != nil {
		return false, err
	}
	if x.FeedSHA256() != d.SHA256 || x.Len() != d.Rows {
		_ = x.Close()
		return false, fault.New(fault.Corrupt, "the feed of %s is not the one that latest.json speaks of (%d rows, it says %d); write the feed again", d.Date, x.Len(), d.Rows)
	}
	if old := s.current.Swap(newLoadedFeed(x, d)); old != nil {
		old.release()
	}
	// A feed that was replaced must not live on among the older ones.
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.older {
		l.release()
	}
	s.older = nil
	return true, nil
}

// close lets go of all feeds; those in use close with their last user.
func (s *feedStore) close() {
	if l := s.current.Swap(nil); l != nil {
		l.release()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.older {
		l.release()
	}
	s.older = nil
}
