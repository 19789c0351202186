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
	return change(ctx, c, sink, func(r *registry.Registry) (string, error) {
		e.At = time.Now().UTC()
		return e.Version, r.Promote(e)
	})
}

// Rollback puts the version before the champion back and writes its feed.
func Rollback(ctx context.Context, c Config, e registry.Entry, sink Sink) (Service, error) {
	return change(ctx, c, sink, func(r *registry.Registry) (string, error) {
		e.At = time.Now().UTC()
		return r.Rollback(e)
	})
}

func change(ctx context.Context, c Config, sink Sink, install func(*registry.Registry) (string, error)) (Service, error) {
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{Context: ctx})
	if err != nil {
		return Service{}, err
	}
	defer st.Close()
	r := registry.Open(c.Home)
	name, err := install(r)
	if err != nil {
		return Service{}, err
	}
	v, err := r.Get(name)
	if err != nil {
		return Service{}, err
	}
	return writeFeed(ctx, c, st, v, sink)
}

// writeFeed scores every row of the latest month that the version was tested
// on, known label or not, and publishes the outcome: one line an address, the
// highest of its windows.
func writeFeed(ctx context.Context, c Config, st *featurestore.Store, v registry.Version, sink Sink) (Service, error) {
	out := Service{Champion: v.Name}
	if len(v.Manifest.Test) == 0 {
		return out, fault.New(fault.Corrupt, "version %s names no test month", v.Name)
	}
	m := v.Manifest.Test[len(v.Manifest.Test)-1]
	begun := time.Now()
	s, err := scorer.Load(v)
	if err != nil {
		return out, err
	}
	month, err := st.ReadMonth(m)
	if err != nil {
		return out, fault.Wrap(err, "the feed's month %s", m)
	}
	asOf := lastRequest(month.Rows)
	lines, err := scoreMonth(ctx, s, windowSpans(st), month.Columns, month.Rows, asOf, c.expiry(), c.Threads)
	if err != nil {
		return out, err
	}
	feeds := feed.Open(c.Home)
	if err := feeds.Sweep(); err != nil {
		return out, err
	}
	// Another version in service answers for the same date anew.
	w, err := feeds.Create(feed.DateOf(asOf), v.Name, feed.Options{Replace: true})
	if err != nil {
		return out, err
	}
	defer w.Discard()
	for i := range lines {
		if err := w.Write(&lines[i]); err != nil {
			return out, err
		}
	}
	d, err := w.Commit(time.Now().UTC())
	if err != nil {
		return out, err
	}
	out.Feed, out.FeedRows = feeds.Path(d.Date), d.Rows
	sink(Event{Stage: &StageEvent{Name: "feed", Summary: fmt.Sprintf("%d addresses scored by %s as of %s in %s", out.FeedRows, v.Name, asOf.Format(time.DateOnly), elapsed(begun))}})
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
