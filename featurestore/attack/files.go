package attack

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// Search says where attacks are looked for.
type Search struct {
	Files  []string // logs; none may be the standard input, Find reads them three times
	Access accesslog.Options
	// Filter says which requests bust the cache: those it keeps.
	Filter  webrequest.Filter
	Zone    *time.Location // decides a window's month; nil is UTC
	Options DetectOptions
	Threads int
	// Country tells the ISO code of an address's country at an instant, for the
	// signatures; nil leaves countries out.
	Country func(netip.Addr, time.Time) string
	// Progress is told of files read, of all passes; may be nil.
	Progress func(done, total int)

	passes int // readings of the files in all
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
			return Found{}, fault.Field(fault.Usage, "logs", "attacks are detected in a first reading of the logs, and the standard input can be read once only; give files")
		}
	}
	s.passes = 3
	// A file that has no request near a window need not be read again.
	spans := make([]span, len(s.Files))
	lines := make([]Timeline, len(s.Files))
	err := s.each(ctx, 0, nil, func(i int, r *webrequest.Request) {
		lines[i].Add(r.Time)
		spans[i].add(r.Time)
	})
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
	crowds := make([]*Participants, len(s.Files))
	for i := range crowds {
		if crowds[i], err = NewParticipants(found.Attacks); err != nil {
			return Found{}, err
		}
	}
	err = s.each(ctx, 1, func(i int) bool { return spans[i].touches(found.Attacks, reach) },
		func(i int, r *webrequest.Request) { crowds[i].Add(r.Time, r.IP) })
	if err != nil {
		return Found{}, err
	}
	for i, o := range crowds[1:] {
		crowds[0].Merge(o)
		crowds[i+1] = nil
	}
	found.Attacks = crowds[0].Refine(&all)
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
	found.Signatures, err = s.sign(ctx, 2, found.Set, func(i int) bool { return spans[i].touches(found.Attacks, 0) }, nil)
	if err != nil {
		return Found{}, err
	}
	return found, nil
}

// Describe says what the requests in windows that are known are like, in one
// reading of the log files: a Signature of each, in the order of Set.Windows,
// and the cache-busting requests of each hour with any, ascending. Errors: those
// of accesslog, Interrupted.
func Describe(ctx context.Context, s Search, set *Set) ([]Signature, []row.HourCount, error) {
	for _, f := range s.Files {
		if f == "-" {
			return nil, nil, fault.Field(fault.Usage, "logs", "attacks are described in a reading of the logs of its own, and the standard input can be read once only; give files")
		}
	}
	s.passes = 1
	lines := make([]Timeline, len(s.Files))
	signatures, err := s.sign(ctx, 0, set, nil, func(i int, r *webrequest.Request) { lines[i].Add(r.Time) })
	if err != nil {
		return nil, nil, err
	}
	var all Timeline
	for i := range lines {
		all.Merge(&lines[i])
		lines[i] = Timeline{}
	}
	return signatures, all.Hours(), nil
}

// sign reads the files wanted for the signatures of a Set's windows; also, if
// not nil, is handed each request as well.
func (s *Search) sign(ctx context.Context, pass int, set *Set, want func(i int) bool, also func(i int, r *webrequest.Request)) ([]Signature, error) {
	signers := make([]*Signer, len(s.Files))
	for i := range signers {
		signers[i] = set.Signer()
	}
	err := s.each(ctx, pass, want, func(i int, r *webrequest.Request) {
		signers[i].Add(r)
		if also != nil {
			also(i, r)
		}
	})
	if err != nil {
		return nil, err
	}
	whole := set.Signer()
	for _, o := range signers {
		whole.Merge(o)
	}
	return whole.Signatures(s.Country), nil
}

// span is from the first to the last instant of a file.
type span struct {
	first, last int64
	any         bool
}

func (s *span) add(unix int64) {
	if !s.any {
		*s = span{unix, unix, true}
	}
	s.first, s.last = min(s.first, unix), max(s.last, unix)
}

// touches reports whether a window, with as many seconds on either side, has an
// instant of the span.
func (s *span) touches(found []Detected, around int64) bool {
	return s.any && slices.ContainsFunc(found, func(d Detected) bool {
		return d.Start-around <= s.last && d.End+around > s.first
	})
}

// each reads every file wanted (nil: all) in the pass-th reading, several at once
// and each in its order, and hands over the requests that bust the cache.
func (s *Search) each(ctx context.Context, pass int, want func(i int) bool, add func(i int, r *webrequest.Request)) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, s.Threads))
	done := make(chan struct{}, len(s.Files))
	for i, path := range s.Files {
		g.Go(func() error {
			defer func() { done <- struct{}{} }()
			if want != nil && !want(i) {
				return nil
			}
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
			s.Progress(pass*len(s.Files)+n+1, s.passes*len(s.Files))
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
