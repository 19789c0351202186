package pipeline

import (
	"context"
	"fmt"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/models/scorer"
	"sluice/serve/feed"
)

// topReasons is how many contributions a feed line carries.
const topReasons = 3

// Promote puts a version in service and writes its feed.
func Promote(ctx context.Context, c Config, e registry.Entry, sink Sink) (Service, error) {
	return change(ctx, c, sink, func(r *registry.Registry) (registry.Version, func() error, error) {
		e.At = time.Now().UTC()
		v, err := r.Promotable(e)
		return v, func() error { return r.Promote(e) }, err
	})
}

// Rollback puts the version before the champion back and writes its feed.
func Rollback(ctx context.Context, c Config, e registry.Entry, sink Sink) (Service, error) {
	return change(ctx, c, sink, func(r *registry.Registry) (registry.Version, func() error, error) {
		e.At = time.Now().UTC()
		v, err := r.Before()
		return v, func() error {
			_, err := r.Rollback(e)
			return err
		}, err
	})
}

// change puts the version that choose names in service: everything that can
// fail for its own reasons comes before anything is changed.
func change(ctx context.Context, c Config, sink Sink, choose func(*registry.Registry) (v registry.Version, install func() error, err error)) (Service, error) {
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{Context: ctx})
	if err != nil {
		return Service{}, err
	}
	defer st.Close()
	v, install, err := choose(registry.Open(c.Home))
	if err != nil {
		return Service{}, err
	}
	if pseudonymised(st, sink) {
		return Service{Champion: v.Name}, install()
	}
	f, err := prepareFeed(ctx, c, st, v)
	if err != nil {
		return Service{}, err
	}
	defer f.writer.Discard()
	if err := install(); err != nil {
		return Service{}, err
	}
	return f.publish(sink)
}

// pseudonymised reports, and says, that a store can't have a feed: pseudonyms
// on a list would stop whoever has those addresses.
func pseudonymised(st *featurestore.Store, sink Sink) bool {
	if st.Manifest().Pseudonyms == "" {
		return false
	}
	sink(Event{Warning: &WarningEvent{Message: "no feed: the store holds pseudonyms, and a list of them would stop strangers"}})
	return true
}

// pendingFeed is a feed that is written and not yet in place.
type pendingFeed struct {
	feeds   *feed.Feeds
	writer  *feed.Writer
	version string
	asOf    time.Time
	begun   time.Time
}

// prepareFeed scores every row of the store's newest month, known label or
// not: one line an address, the highest of its windows. The newest month,
// whatever months the version was tested on, because what is served is what is
// known now: a version that comes back into service scores today's addresses.
func prepareFeed(ctx context.Context, c Config, st *featurestore.Store, v registry.Version) (*pendingFeed, error) {
	months := st.Months()
	if len(months) == 0 {
		return nil, fault.New(fault.NotFound, "the store has no months, so there is nothing to score; read logs with train features build")
	}
	m := months[len(months)-1]
	f := &pendingFeed{feeds: feed.Open(c.Home), version: v.Name, begun: time.Now()}
	s, err := scorer.Load(v)
	if err != nil {
		return nil, err
	}
	month, err := st.ReadMonth(m)
	if err != nil {
		return nil, fault.Wrap(err, "the feed's month %s", m)
	}
	f.asOf = lastRequest(month.Rows)
	lines, err := scoreMonth(ctx, s, windowSpans(st), month.Columns, month.Rows, f.asOf, c.expiry(), c.Threads)
	if err != nil {
		return nil, err
	}
	if err := f.feeds.Sweep(); err != nil {
		return nil, err
	}
	// Another version in service answers for the same date anew.
	if f.writer, err = f.feeds.Create(feed.DateOf(f.asOf), v.Name, feed.Options{Replace: true}); err != nil {
		return nil, err
	}
	for i := range lines {
		if err := f.writer.Write(&lines[i]); err != nil {
			f.writer.Discard()
			return nil, err
		}
	}
	return f, nil
}

// publish puts the feed in place.
func (f *pendingFeed) publish(sink Sink) (Service, error) {
	out := Service{Champion: f.version}
	d, err := f.writer.Commit(time.Now().UTC())
	if err != nil {
		return out, err
	}
	out.Feed, out.FeedRows = f.feeds.Path(d.Date), d.Rows
	sink(Event{Stage: &StageEvent{Name: "feed", Summary: fmt.Sprintf("%d addresses scored by %s as of %s in %s", out.FeedRows, f.version, f.asOf.Format(time.DateOnly), elapsed(f.begun))}})
	return out, nil
}

func (c *Config) expiry() time.Duration {
	if c.ExpiresIn > 0 {
		return c.ExpiresIn
	}
	return DefaultExpiry
}

// lastRequest is the instant of the last request among rows: what the scores
// are as of.
func lastRequest(rows []row.Row) time.Time {
	var last int64
	for i := range rows {
		last = max(last, rows[i].Last)
	}
	return time.Unix(last, 0).UTC()
}
