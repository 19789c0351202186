package pipeline

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/build"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/serve/feed"
)

// Withdrawn is what remove, prune and erase took away.
type Withdrawn struct {
	Files  []string                `json:"files,omitempty"`
	Build  *build.Result           `json:"build,omitempty"`
	Store  *featurestore.Rewritten `json:"store,omitempty"`
	Feeds  []feed.Date             `json:"feeds,omitempty"` // rewritten without the address
	Before string                  `json:"before,omitempty"`
}

// openExisting opens a store to change it, and makes none: who names the wrong
// home must not be told that nothing of an address was there.
func openExisting(ctx context.Context, home string) (*featurestore.Store, error) {
	st, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Field(fault.NotFound, "dir", "there is no store in %s, so nothing to take out; say with --dir which home is meant", home)
	}
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, err
	}
	return featurestore.Open(home, featurestore.OpenOptions{Context: ctx})
}

// Remove withdraws log files, by base name, and merges the months they touched,
// whose remaining rows keep their labels.
func Remove(ctx context.Context, c Config, names []string) (Withdrawn, error) {
	st, err := openExisting(ctx, c.Home)
	if err != nil {
		return Withdrawn{}, err
	}
	defer st.Close()
	labeler, _ := keepLabels(st, nil, nil)
	res, err := build.Remove(ctx, st, names, build.Config{Threads: c.Threads, Labeler: labeler})
	return Withdrawn{Files: names, Build: &res}, err
}

// Prune takes the months out of the store that ended before an instant.
func Prune(ctx context.Context, c Config, before time.Time) (Withdrawn, error) {
	st, err := openExisting(ctx, c.Home)
	if err != nil {
		return Withdrawn{}, err
	}
	defer st.Close()
	// A month goes when its last instant lies before the limit.
	m := row.MonthOf(before.UTC())
	out, err := st.Prune(ctx, m)
	return Withdrawn{Store: &out, Before: m.String()}, err
}

// Erase takes one address out of partials, months, rejects and feeds. Models
// hold no address; their reports hold masked ones.
func Erase(ctx context.Context, c Config, ip netip.Addr) (Withdrawn, error) {
	feeds := feed.Open(c.Home)
	dates, err := feeds.Dates()
	if err != nil {
		return Withdrawn{}, err
	}
	w := Withdrawn{Store: &featurestore.Rewritten{}}
	st, err := openExisting(ctx, c.Home)
	switch {
	case fault.Is(err, fault.NotFound) && len(dates) > 0: // a home that only serves
	case err != nil:
		return Withdrawn{}, err
	default:
		defer st.Close()
		out, err := st.Erase(ctx, ip)
		w.Store = &out
		if err != nil {
			return w, err
		}
	}
	for _, d := range dates {
		if err := ctx.Err(); err != nil {
			return w, err
		}
		found, err := eraseFromFeed(feeds, d, ip)
		if err != nil {
			return w, err
		}
		if found {
			w.Feeds = append(w.Feeds, d)
		}
	}
	return w, nil
}

func eraseFromFeed(feeds *feed.Feeds, d feed.Date, ip netip.Addr) (found bool, err error) {
	r, err := feeds.OpenReader(d)
	if err != nil {
		return false, err
	}
	defer r.Close()
	var w *feed.Writer
	for {
		var l feed.Line
		err := r.Next(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		if w == nil {
			if w, err = feeds.Create(d, l.ModelVersion, feed.Options{Replace: true}); err != nil {
				return false, err
			}
			defer w.Discard()
		}
		if l.IP == ip {
			found = true
			continue
		}
		if err := w.Write(&l); err != nil {
			return false, err
		}
	}
	if !found {
		return false, nil
	}
	_, err = w.Commit(time.Now().UTC())
	return true, err
}
