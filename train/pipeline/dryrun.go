package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/accesslog"
	"sluice/featurestore/aggregate"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/models/rules/aim"
)

// What a dry run looks at to tell months and times: the first requests of so
// many of the files.
const (
	peekFiles    = 24
	peekRequests = 20_000
)

// peeked is what the beginning of a log shows.
type peeked struct {
	month    row.Month // of the first request
	months   map[row.Month]bool
	whole    bool // nothing of the log is left
	requests int
	bytes    int64 // of the file, as stored, that were read for it
	took     time.Duration
}

var errEnough = errors.New("enough seen")

// peek reads the beginning of a log.
func peek(ctx context.Context, c *Config, file string) (peeked, error) {
	p := peeked{months: map[row.Month]bool{}}
	begun := time.Now()
	l, err := accesslog.Open(file, c.Access)
	if errors.Is(err, accesslog.ErrEmpty) {
		p.whole = true
		return p, nil
	} else if err != nil {
		return p, err
	}
	defer l.Close()
	err = l.Scan(ctx, 1, func(_ int, r *webrequest.Request) error {
		m := row.MonthOf(time.Unix(r.Time, 0).In(c.zone()))
		if p.requests == 0 {
			p.month = m
		}
		p.months[m] = true
		if p.requests++; p.requests >= peekRequests {
			return errEnough
		}
		return nil
	})
	p.bytes, p.took = l.BytesRead(), time.Since(begun)
	if errors.Is(err, errEnough) {
		return p, nil
	}
	p.whole = true
	return p, err
}

// dryRun says what a run would do: files, months, time and memory, and refuses
// what the run would refuse, as far as the beginnings of the logs tell. Nothing
// is written.
func dryRun(ctx context.Context, c Config) (Result, error) {
	res := Result{World: c.World, DryRun: true}
	say := func(format string, args ...any) { res.Plan = append(res.Plan, fmt.Sprintf(format, args...)) }
	sizes, _, err := fileSizes(c.Logs)
	if err != nil {
		return res, err
	}
	known := map[string]int64{} // bytes of a file that was read under its path
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, World: c.World, Context: ctx})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return res, err
	}
	var rows int64 // of the training months, as far as is known
	if st != nil {
		defer st.Close()
		m := st.Manifest()
		size := map[string]int64{}
		for _, s := range m.Sources {
			size[s.SHA256] = s.Bytes
		}
		for _, f := range m.Files {
			known[f.ID] = size[f.SHA256]
		}
	}
	seen := peeked{months: map[row.Month]bool{}, whole: true}
	var toRead int64
	for i, f := range c.Logs {
		if n, ok := known[featurestore.FileID(f)]; ok && n == sizes[i] && n > 0 {
			say("read    %s (%s): read before at this size, so only hashed", f, bytesText(sizes[i]))
			continue
		}
		toRead += sizes[i]
		if f == "-" || i >= peekFiles {
			say("read    %s (%s)", f, bytesText(sizes[i]))
			seen.whole = false
			continue
		}
		p, err := peek(ctx, &c, f)
		switch {
		case err != nil:
			return res, err
		case p.requests == 0:
			say("read    %s (%s): no request in it", f, bytesText(sizes[i]))
		default:
			say("read    %s (%s): begins in %s", f, bytesText(sizes[i]), p.month)
		}
		maps.Copy(seen.months, p.months)
		seen.whole = seen.whole && p.whole
		seen.requests += p.requests
		seen.bytes += p.bytes
		seen.took += p.took
	}
	for _, f := range c.Labels {
		say("labels  %s", f)
	}
	lists, err := openLabels(ctx, &c, func(Event) {})
	if err != nil {
		return res, err
	}
	if lists != nil {
		say("labels  say of %s whether an address is reported: %s (%s)", monthSpan(lists.Months()), lists.Definition(), lists.Sentence())
	}
	rowsOf := map[row.Month]int64{}
	if st != nil {
		for _, m := range st.Manifest().Months {
			say("store   %s: %d rows, %d reported, %d not, %d unknown", m.Month, m.Rows, m.Labels.True, m.Labels.False, m.Labels.Unknown)
			rowsOf[m.Month] = m.Rows
		}
	}
	chosen, err := c.checkMonths(st, lists, &seen)
	if err != nil {
		return res, err
	}
	trained := monthSpan(c.Train)
	if c.LastN > 0 {
		trained = fmt.Sprintf("the last %d labelled months before the test month", c.LastN)
	}
	test := "the latest labelled month"
	if len(c.Test) > 0 {
		test = monthSpan(c.Test)
	}
	say("train   on %s: %d rounds, %d columns, seed %d; %d folds by IP for calibration and threshold", trained, c.Rounds, len(c.Columns), c.Seed, folds)
	aimed := "operating point for " + c.Aim.Words()
	if c.Aim.Kind() == aim.Precision {
		aimed = fmt.Sprintf("target precision %.2f", c.Aim.Precision)
	}
	say("test    on %s; %s", test, aimed)
	unknown := false
	for _, m := range chosen {
		rows += rowsOf[m]
		unknown = unknown || rowsOf[m] == 0
	}
	for _, line := range c.estimate(ctx, seen, toRead, rows, unknown) {
		say("%s", line)
	}
	return res, nil
}

// checkMonths refuses months as chooseMonths will once the logs are read. What
// is left of a log may hold any month; a label is only where an export speaks.
// It returns the months to train on, as far as can be told.
func (c Config) checkMonths(st *featurestore.Store, lists *reputation.Set, seen *peeked) ([]row.Month, error) {
	have, labelled := maps.Clone(seen.months), map[row.Month]bool{}
	if st != nil {
		for _, m := range st.Manifest().Months {
			have[m.Month] = true
			labelled[m.Month] = m.Labels.True+m.Labels.False > 0
		}
	}
	var spoken []row.Month
	if lists != nil {
		spoken = lists.Months()
	}
	for _, m := range spoken {
		labelled[m] = true
	}
	if seen.whole && len(have) == 0 && len(c.Logs) > 0 {
		return nil, fault.Field(fault.Invalid, "logs", "no request was found in %s: nothing to learn from", strings.Join(fewNames(c.Logs), ", "))
	}
	if !seen.whole {
		for _, m := range slices.Concat(spoken, c.Train, c.Test) {
			have[m] = true
		}
	}
	err := c.chooseAmong(slices.Sorted(maps.Keys(have)), labelled)
	return c.Train, err
}

// estimate tells time and memory from what this machine just did: the pace of
// reading from the files' beginnings, that of training from a trial.
func (c *Config) estimate(ctx context.Context, seen peeked, toRead, rows int64, unknown bool) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if toRead > 0 && seen.took > 0 && seen.bytes > 0 {
		pace := float64(seen.bytes) / seen.took.Seconds() * float64(max(1, c.Threads))
		say("time    about %s to read %s of logs at the pace of their beginnings, on %d threads", about(float64(toRead)/pace), bytesText(toRead), max(1, c.Threads))
	}
	fits := 1 + folds
	if c.Tune || c.Review {
		fits += len(search(c.Params, c.Rounds)) * folds
	}
	if c.Review {
		fits += 12 * (1 + folds)
	}
	if c.Grid {
		fits += 6*gridDraws + 2
	}
	pace, err := c.pace(ctx)
	switch {
	case err != nil || pace == 0:
	case rows == 0 || unknown:
		say("time    about %s for each 100,000 training rows: %d trainings of %d rounds at the pace of a trial on this machine", about(float64(fits)*1e5*float64(c.Rounds)/pace), fits, c.Rounds)
	default:
		say("time    about %s to train on %d rows: %d trainings of %d rounds at the pace of a trial on this machine", about(float64(fits)*float64(rows)*float64(c.Rounds)/pace), rows, fits, c.Rounds)
	}
	logs := fmt.Sprintf("at most %s for the groups of the logs", bytesText(aggregate.DefaultMemory))
	if c.Memory > 0 {
		logs = fmt.Sprintf("at most %s while logs are read and months made (--memory)", bytesText(c.Memory))
	}
	// A row is held with all its stored columns and once as the trainer's matrix,
	// the values as float32 and the bins as bytes.
	perRow := int64(8*(columns.NumFeatures+columns.NumBehaviour) + 5*len(c.Columns) + 128)
	if rows > 0 && !unknown {
		say("memory  %s, then about %s for %d training rows", logs, bytesText(rows*perRow), rows)
	} else {
		say("memory  %s, then about %s for each 100,000 rows", logs, bytesText(1e5*perRow))
	}
	return out
}

// pace is the rows times rounds a second of a short training on drawn rows of
// as many columns.
func (c *Config) pace(ctx context.Context) (float64, error) {
	const rows, rounds = 4000, 10
	f := len(c.Columns)
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := make([]float32, rows*f), make([]float32, rows)
	for i := range y {
		for j := range f {
			x[i*f+j] = rng.Float32()
		}
		if x[i*f]+0.3*rng.Float32() > 0.8 {
			y[i] = 1
		}
	}
	begun := time.Now()
	if _, _, err := fit(ctx, c, c.Params, rounds, c.Columns, x, y, nil); err != nil {
		return 0, err
	}
	return rows * rounds / time.Since(begun).Seconds(), nil
}

// zone is where months begin.
func (c *Config) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// about is a duration as rough as it is known.
func about(seconds float64) string {
	switch {
	case seconds < 1.5:
		return "a second"
	case seconds < 90:
		return fmt.Sprintf("%.0f seconds", seconds)
	case seconds < 5400:
		return fmt.Sprintf("%.0f minutes", seconds/60)
	}
	return fmt.Sprintf("%.1f hours", seconds/3600)
}
