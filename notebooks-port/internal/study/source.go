package study

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// Source is the logs, ready to be read as often as needed.
type Source struct {
	Files  []string
	Access accesslog.Options
	Filter webrequest.Filter

	web      webrequest.Options
	derivers chan *webrequest.Deriver // one a thread
	threads  int
	progress func(done, total int64)
	about    About
	spans    [][2]int64 // of each file's requests, once it was read
}

// About is what a report says of its input.
type About struct {
	Simulated bool     `json:"simulated"`
	Files     []string `json:"files"` // base names
	Requests  int64    `json:"requests"`
	Rejected  []Reject `json:"rejected"`
	First     string   `json:"first"` // RFC 3339, of all requests
	Last      string   `json:"last"`
	Zone      string   `json:"zone"`
	Profile   string   `json:"profile"`
	Filter    string   `json:"filter"` // which requests count
	Notes     []string `json:"notes"`  // what the logs lack
}

// Reject counts lines that are no request.
type Reject struct {
	Reason string `json:"reason"`
	Lines  int64  `json:"lines"`
}

// OpenLogs makes the source of the logs that were given.
func (in *Input) OpenLogs() (*Source, error) {
	access, err := in.access()
	if err != nil {
		return nil, err
	}
	web, filter, err := in.web(access)
	if err != nil {
		return nil, err
	}
	s := &Source{Files: in.logs, Access: access, Filter: filter, web: web, threads: in.Threads, progress: in.progress}
	s.about = About{Simulated: in.simulated(), Zone: in.Zone.String(), Profile: string(web.Profile), Filter: filter.String(), Rejected: []Reject{}, Notes: []string{}}
	for _, f := range s.Files {
		s.about.Files = append(s.about.Files, filepath.Base(f))
	}
	d, err := webrequest.New(web)
	if err != nil {
		return nil, err
	}
	s.derivers = make(chan *webrequest.Deriver, s.threads)
	s.derivers <- d
	for range s.threads - 1 {
		s.derivers <- d.Fork()
	}
	return s, nil
}

// About is known after the first Each.
func (s *Source) About() About { return s.about }

// Request is one request with its derived columns, which are computed when they
// are first asked for. It is valid until the callback returns.
type Request struct {
	*webrequest.Request
	deriver *webrequest.Deriver
	derived webrequest.Derived
	known   bool
}

// Derived are the columns that follow from the others.
func (r *Request) Derived() *webrequest.Derived {
	if !r.known {
		r.derived, r.known = r.deriver.Derive(r.Request), true
	}
	return &r.derived
}

// API reports whether it is an API request.
func (r *Request) API() bool { return r.Derived().IsAPIRequest == webrequest.Yes }

// Counts reports whether the filter keeps it.
func (s *Source) Counts(r *Request) bool {
	return s.Filter.KeepCache(r.Request) && (!s.Filter.ExcludeAPI || !r.API())
}

// Each reads every file, several at once and each in its order. begin is called
// once a file, by its number, and gives what takes its requests; requests
// without an address are left out. So what is gathered by file and merged in
// order of files does not depend on threads.
//
// What was read once need not be read again for times that it does not hold:
// once says when, in Unix seconds, and nil is always.
func (s *Source) Each(ctx context.Context, once func(first, last int64) bool, begin func(file int) func(r *Request)) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, s.threads))
	found := make([]seen, len(s.Files))
	var done atomic.Int64
	for i, path := range s.Files {
		if once != nil && s.spans != nil && !once(s.spans[i][0], s.spans[i][1]) {
			continue
		}
		g.Go(func() error {
			log, err := accesslog.Open(path, s.Access)
			if errors.Is(err, accesslog.ErrEmpty) {
				return nil
			} else if err != nil {
				return err
			}
			defer log.Close()
			deriver := <-s.derivers
			defer func() { s.derivers <- deriver }()
			take, req, n := begin(i), Request{deriver: deriver}, 0
			err = log.Scan(gctx, 1, func(_ int, r *webrequest.Request) error {
				if n++; n&0xffff == 0 && s.progress != nil {
					s.progress(done.Load()+log.BytesRead(), 0)
				}
				if r.IP.IsValid() {
					req.Request, req.known = r, false
					take(&req)
				}
				return nil
			})
			done.Add(log.BytesRead())
			found[i] = seen{log.Stats(), log.Available()}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return fault.As(fault.Interrupted, err)
		}
		return err
	}
	if s.spans == nil {
		s.spans = make([][2]int64, len(found))
		for i := range found {
			s.spans[i] = [2]int64{found[i].First, found[i].Last}
		}
		s.describe(found)
	}
	return nil
}

// seen is what one file held.
type seen struct {
	accesslog.Stats
	available webrequest.Field
}

func (s *Source) describe(files []seen) {
	a := &s.about
	a.Requests, a.Rejected, a.Notes = 0, []Reject{}, []string{}
	rejected := map[accesslog.Reason]int64{}
	var first, last int64
	uncached, unfiltered, untold := 0, 0, 0
	for _, f := range files {
		if f.Lines == 0 {
			continue
		}
		if a.Requests == 0 || f.First < first {
			first = f.First
		}
		last = max(last, f.Last)
		a.Requests += f.Good
		for k, n := range f.Rejected {
			rejected[k] += n
		}
		if !s.Filter.CacheApplied(f.available) && len(s.Filter.CacheStatus) > 0 {
			uncached++
		}
		if s.Filter.ExcludeAPI && !s.Filter.APIApplied(s.web, f.available) {
			unfiltered++
		}
		if !f.available.Has(webrequest.FieldUserAgent) {
			untold++
		}
	}
	for _, k := range slices.Sorted(maps.Keys(rejected)) {
		if rejected[k] > 0 {
			a.Rejected = append(a.Rejected, Reject{k.String(), rejected[k]})
		}
	}
	if a.Requests > 0 {
		a.First, a.Last = time.Unix(first, 0).UTC().Format(time.RFC3339), time.Unix(last, 0).UTC().Format(time.RFC3339)
	}
	for _, x := range []struct {
		files int
		text  string
	}{
		{uncached, "No cache_status in the logs: cache hits count too, so counts of requests mean something else than the study's."},
		{unfiltered, "API requests are not left out: no path prefix or host of an API is known (--api-prefixes)."},
		{untold, "No user_agent in the logs: agents can't be told."},
	} {
		if x.files > 0 {
			a.Notes = append(a.Notes, x.text)
		}
	}
}
