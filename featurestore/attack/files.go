package attack

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// Search says where attacks are looked for.
type Search struct {
	Files  []string // logs; none may be the standard input, they are read twice
	Access accesslog.Options
	// Filter says which requests bust the cache: those it keeps.
	Filter  webrequest.Filter
	Zone    *time.Location // decides a window's month; nil is UTC
	Options DetectOptions
	Threads int
	// Progress is told of files read, of both passes; may be nil.
	Progress func(done, total int)
}

// Found is what a Search came to.
type Found struct {
	Set        *Set            // nil where nothing was found
	Attacks    []Detected      // in the order of Set.Windows
	Signatures []Signature     // of each
	Hours      []row.HourCount // cache-busting requests of each hour with any, ascending
}

// Find detects the attacks in log files and says what each is like. The
// outcome depends neither on Threads nor on the order of lines within a file
// (Signature.Missed aside). Errors: those of accesslog, Interrupted.
func Find(ctx context.Context, s Search) (Found, error) {
	for _, f := range s.Files {
		if f == "-" {
			return Found{}, fault.Field(fault.Usage, "logs", "attacks are detected in a first reading of the logs, which the standard input doesn't allow twice; give files")
		}
	}
	lines := make([]Timeline, len(s.Files))
	err := s.each(ctx, 0, func(i int, r *webrequest.Request) { lines[i].Add(r.Time) })
	if err != nil {
		return Found{}, err
	}
	var all Timeline
	for i := range lines {
		all.Merge(&lines[i])
		lines[i] = Timeline{}
	}
	found := Found{Attacks: all.Detect(s.Options), Hours: all.Hours()}
	if len(found.Attacks) == 0 {
		return found, nil
	}
	windows := make([]Window, len(found.Attacks))
	for i := range windows {
		windows[i] = found.Attacks[i].Window
	}
	if found.Set, err = New(windows, s.Zone); err != nil {
		return Found{}, err
	}
	// Names hold the start, so a Set's order is that of time.
	for i, w := range found.Set.windows {
		found.Attacks[i].Window = w
	}
	signers := make([]*Signer, len(s.Files))
	for i := range signers {
		signers[i] = found.Set.Signer()
	}
	err = s.each(ctx, len(s.Files), func(i int, r *webrequest.Request) { signers[i].Add(r) })
	if err != nil {
		return Found{}, err
	}
	for _, o := range signers[1:] {
		signers[0].Merge(o)
	}
	found.Signatures = signers[0].Signatures()
	return found, nil
}

// each reads every file, several at once and each in its order, and hands over
// the requests that bust the cache.
func (s *Search) each(ctx context.Context, before int, add func(i int, r *webrequest.Request)) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, s.Threads))
	done := make(chan struct{}, len(s.Files))
	for i, path := range s.Files {
		g.Go(func() error {
			defer func() { done <- struct{}{} }()
			log, err := accesslog.Open(path, s.Access)
			if errors.Is(err, accesslog.ErrEmpty) {
				return nil
			} else if err != nil {
				return err
			}
			defer log.Close()
			return log.Scan(gctx, 1, func(_ int, r *webrequest.Request) error {
				if r.IP.IsValid() && r.Time >= 0 && s.Filter.KeepCache(r) {
					add(i, r)
				}
				return nil
			})
		})
	}
	if s.Progress != nil {
		for n := range s.Files {
			<-done
			s.Progress(before+n+1, 2*len(s.Files))
		}
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return fault.As(fault.Interrupted, err)
		}
		return err
	}
	return nil
}
