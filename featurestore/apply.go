package featurestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Change is what Apply does to a store: files are set and removed by their ID,
// then the contents that no file has any more are dropped.
type Change struct {
	// Files are added, or replace those with their ID. Their contents are in
	// the store or in Sources.
	Files []File
	// Remove are IDs of files to withdraw.
	Remove []string
	// Sources are contents whose partials lie in PartialPath; they replace those
	// with their checksum.
	Sources []Source
	// Windows are what Sources were matched with. Other sources of a month that
	// is touched must give the same under them, else the change is refused.
	// nil skips that check.
	Windows *attack.Set
	// Labeler labels the months that change; without one their labels are
	// unknown.
	Labeler Labeler
	// Columns are what months that change get from elsewhere than the logs, at
	// most one source for each group; see Enrich for months that don't.
	Columns []ColumnSource
	// Threads is the number of goroutines that merge months; at least 1.
	Threads int
	// Memory bounds the rows on their way into months' files, in bytes, as far as
	// one row group at a time allows; 0 doesn't.
	Memory int64
	// Later leaves months as they are: what changed waits for the next change
	// without it, which merges every month of which Pending says so.
	Later bool
	// Pseudonyms is what Manifest.Pseudonyms is or becomes; see CheckPseudonyms.
	// A change that brings no rows leaves it empty.
	Pseudonyms string
	// Progress is told of months merged, from one goroutine at a time; may be
	// nil.
	Progress func(m row.Month, done, total int)
}

// PartialName is the name of the partial of a content, read with options and
// reading, and matched with the attack windows of a digest.
func PartialName(sha, options, reading, windows string) string {
	// Another format is another file: a month whose partials changed is merged.
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d", options, reading, windows, aggregate.FormatVersion))
	return sha + "-" + hex.EncodeToString(sum[:8]) + ".partial"
}

// PartialPath is where a partial lies.
func (s *Store) PartialPath(name string) string { return s.path("partials", name) }

// TempDir is a folder on the store's disk for files that don't last.
func (s *Store) TempDir() string { return s.path("partials") }

// RejectsPath is where the lines of a content that are no request lie; ext is
// as in ".txt.gz".
func (s *Store) RejectsPath(sha256, ext string) string { return s.path("rejects", sha256+ext) }

// Apply changes what the store is made of and merges the months that are
// touched: all of it, or on any error nothing. It gives those months,
// ascending; some may have no rows any more. Errors: Conflict (a source of a
// touched month was read with other options), Corrupt, Exhausted, Interrupted,
// Denied.
func (s *Store) Apply(ctx context.Context, c Change) ([]row.Month, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old := s.Manifest()
	next := old.clone()
	if len(c.Files)+len(c.Sources) > 0 {
		if err := s.CheckPseudonyms(c.Pseudonyms); err != nil {
			return nil, err
		}
		next.Pseudonyms = c.Pseudonyms
	}
	if err := next.apply(&c); err != nil {
		return nil, err
	}
	want := next.partialsByMonth()
	touched := next.pending(want)
	for _, m := range touched {
		if err := next.agree(m, c.Windows); err != nil {
			return nil, err
		}
	}
	if c.Later {
		return nil, s.commit(ctx, next, nil)
	}
	infos, err := s.mergeMonths(ctx, next, touched, want, &c)
	if err != nil {
		return nil, err
	}
	for i, m := range touched {
		next.setMonth(m, infos[i])
	}
	return touched, s.commit(ctx, next, infos)
}

// pending are the months whose rows are not the merge of the partials that the
// manifest has for them, ascending.
func (m *Manifest) pending(want map[row.Month][]string) []row.Month {
	var out []row.Month
	for month, partials := range want {
		if info, ok := m.month(month); !ok || !slices.Equal(info.Partials, partials) {
			out = append(out, month)
		}
	}
	for i := range m.Months {
		if month := m.Months[i].Month; want[month] == nil && len(m.Months[i].Partials) > 0 {
			out = append(out, month)
		}
	}
	slices.Sort(out)
	return out
}

// Pending are the months that a Change with Later touched and that were not
// merged since: their rows, if any, are those of before. Ascending.
func (s *Store) Pending() []row.Month {
	m := s.Manifest()
	return m.pending(m.partialsByMonth())
}

func (s *Store) writable() error {
	if s.readOnly || s.lock == nil {
		return fault.New(fault.Conflict, "the store of %s is open for reading only", s.home)
	}
	return nil
}

// CheckPseudonyms refuses to mix addresses and pseudonyms, or pseudonyms of two
// keys: with what the store holds, want (pseudonym.Key.Check, "" for
// addresses) must agree. A store without rows takes either. Error: Conflict.
func (s *Store) CheckPseudonyms(want string) error {
	m := s.Manifest()
	switch have := m.Pseudonyms; {
	case have == want || len(m.Months)+len(m.Sources) == 0:
		return nil
	case have == "":
		return fault.Field(fault.Conflict, "pseudonymise", "%s holds addresses, and the two never share a home: give another one for pseudonyms", s.home)
	case want == "":
		return fault.Field(fault.Conflict, "pseudonymise", "%s holds pseudonyms (%s): give their key, or another home", s.home, have)
	default:
		return fault.Field(fault.Conflict, "pseudonymise", "%s holds pseudonyms of another key (%s, this one is %s): give theirs, or another home", s.home, have, want)
	}
}

// apply changes files and sources.
func (m *Manifest) apply(c *Change) error {
	for _, src := range c.Sources {
		if !hexName.MatchString(src.SHA256) || !partialName.MatchString(src.Partial) {
			return fmt.Errorf("featurestore: source %q is not named after its content", src.Name)
		}
		if src.OptionsText != nil {
			if m.Options == nil {
				m.Options = map[string]json.RawMessage{}
			}
			m.Options[src.Options] = src.OptionsText
			src.OptionsText = nil
		}
		i, ok := slices.BinarySearchFunc(m.Sources, src.SHA256, func(a Source, b string) int { return strings.Compare(a.SHA256, b) })
		if ok {
			m.Sources[i] = src
		} else {
			m.Sources = slices.Insert(m.Sources, i, src)
		}
	}
	byID := func(a File, id string) int { return strings.Compare(a.ID, id) }
	for _, f := range c.Files {
		if _, ok := m.source(f.SHA256); !ok {
			return fmt.Errorf("featurestore: the content of %s is not in the store", f.Name)
		}
		i, ok := slices.BinarySearchFunc(m.Files, f.ID, byID)
		if ok {
			m.Files[i] = f
		} else {
			m.Files = slices.Insert(m.Files, i, f)
		}
	}
	for _, id := range c.Remove {
		if i, ok := slices.BinarySearchFunc(m.Files, id, byID); ok {
			m.Files = slices.Delete(m.Files, i, i+1)
		}
	}
	live := map[string]bool{}
	for _, f := range m.Files {
		live[f.SHA256] = true
	}
	m.Sources = slices.DeleteFunc(m.Sources, func(s Source) bool { return !live[s.SHA256] })
	maps.DeleteFunc(m.Options, func(options string, _ json.RawMessage) bool {
		return !slices.ContainsFunc(m.Sources, func(s Source) bool { return s.Options == options })
	})
	return nil
}

// partialsByMonth are the partials with rows in each month, ascending.
func (m *Manifest) partialsByMonth() map[row.Month][]string {
	out := map[row.Month][]string{}
	for i := range m.Sources {
		for _, month := range m.Sources[i].months() {
			out[month] = append(out[month], m.Sources[i].Partial)
		}
	}
	for _, p := range out {
		slices.Sort(p)
	}
	return out
}

// sourcesOf are the sources with rows in a month.
func (m *Manifest) sourcesOf(month row.Month) []*Source {
	var out []*Source
	for i := range m.Sources {
		if slices.Contains(m.Sources[i].months(), month) {
			out = append(out, &m.Sources[i])
		}
	}
	return out
}

// agree wants all sources of a month read alike.
func (m *Manifest) agree(month row.Month, set *attack.Set) error {
	sources := m.sourcesOf(month)
	for _, src := range sources {
		if src.Options != sources[0].Options {
			return fault.New(fault.Conflict, "month %s would mix rows of %s and %s, which were read with different options; give both files again, or remove one", month, sources[0].Name, src.Name)
		}
		if set != nil && set.Digest(src.Requests.First, src.Requests.Last) != src.WindowsDigest {
			return fault.New(fault.Conflict, "month %s holds rows of %s, which was read with other attack windows; give that file again, or remove it", month, src.Name)
		}
	}
	return nil
}

// mergeMonths writes the files of months under their pending names; a month
// without rows gives nil.
func (s *Store) mergeMonths(ctx context.Context, next *Manifest, months []row.Month, partials map[row.Month][]string, c *Change) ([]*MonthInfo, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	infos := make([]*MonthInfo, len(months))
	var mu sync.Mutex
	done := 0
	var wg sync.WaitGroup
	work := make(chan int)
	side := min(max(1, c.Threads), max(1, len(months)))
	for range side {
		wg.Go(func() {
			for i := range work {
				info, err := s.mergeMonth(ctx, next, months[i], partials[months[i]], c, max(1, c.Threads/side), c.Memory/int64(side))
				if err != nil {
					cancel(err)
					continue
				}
				infos[i] = info
				mu.Lock()
				done++
				if c.Progress != nil {
					c.Progress(months[i], done, len(months))
				}
				mu.Unlock()
			}
		})
	}
	for i := range months {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		s.discard(infos)
		if errors.Is(err, context.Canceled) {
			return nil, fault.As(fault.Interrupted, err)
		}
		return nil, err
	}
	return infos, nil
}

func (s *Store) discard(infos []*MonthInfo) {
	for _, info := range infos {
		if info != nil {
			os.Remove(s.pendingPath(info))
		}
	}
}

// missingReason says which log column some sources lack.
func missingReason(column string, sources []*Source) string {
	switch column {
	case "interarrival_median", "interarrival_spread":
		return "these rows have a single request"
	}
	if columns.IsEarlier(column) {
		return "no export was known before these rows' windows, or none names their addresses"
	}
	if g, ok := columns.FurtherOf(column); ok {
		return "the " + g.From + " given say nothing of these rows"
	}
	if i := slices.Index(columns.BehaviourNames(), column); i >= columns.RobotsTxtRatio {
		old := 0
		for _, src := range sources {
			if src.PartialFormat < measuredFormat {
				old++
			}
		}
		if old > 0 {
			return fmt.Sprintf("%d of %d log files were read before this column was known; give them to the build again", old, len(sources))
		}
	}
	c, _ := columns.ByName(column)
	for _, need := range c.Source {
		lack := 0
		for _, src := range sources {
			if !slices.Contains(src.Available, need) {
				lack++
			}
		}
		switch {
		case lack == 0:
		case lack == len(sources):
			return "the logs have no " + need
		default:
			return fmt.Sprintf("%d of %d log files have no %s", lack, len(sources), need)
		}
	}
	return "no request of these rows has a value"
}

// commit makes next the store: months lie under their pending names, the
// manifest is replaced, and what follows can be completed by the next run.
func (s *Store) commit(ctx context.Context, next *Manifest, pending []*MonthInfo) error {
	if ctx.Err() != nil {
		s.discard(pending)
		return fault.As(fault.Interrupted, ctx.Err())
	}
	next.ManifestVersion, next.WrittenAt = ManifestVersion, time.Now().UTC().Truncate(time.Second)
	if next.World == "" {
		next.World = s.world
		if next.World == "" {
			next.World = Real
		}
	}
	if err := next.save(s.dir); err != nil {
		s.discard(pending)
		return err
	}
	s.mu.Lock()
	s.man, s.world = next, next.World
	s.mu.Unlock()
	return s.tidy(next)
}

// WriteMonth puts given rows in the place of a month, sorted by key, with the
// columns of m.Columns (the twelve first). They are withdrawn by writing the
// month without rows. A month that sources have rows in is refused.
// m.Manifest.Notes and its label definition are recorded. Errors: Conflict,
// Invalid, Exhausted, Interrupted.
func (s *Store) WriteMonth(ctx context.Context, m *Month) error {
	if err := s.writable(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	next := s.Manifest().clone()
	if from := next.sourcesOf(m.Month); len(from) > 0 {
		return fault.New(fault.Conflict, "month %s holds rows of %s and others; remove those first", m.Month, from[0].Name)
	}
	info, err := s.writeMonthFile(ctx, m.Month, m.Columns, func(write func(*row.Row) error) error {
		for i := range m.Rows {
			if err := write(&m.Rows[i]); err != nil {
				return fault.As(fault.Invalid, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if info != nil {
		info.Labels.Definition = m.Manifest.Labels.Definition
		info.Notes, info.Rules = m.Manifest.Notes, rowRules
		for i := range info.Missing {
			info.Missing[i].Reason = "no value was given"
		}
	}
	next.setMonth(m.Month, info)
	return s.commit(ctx, next, []*MonthInfo{info})
}

// NewPartial begins the file of a partial; what is written appears with
// CloseAtomicallyReplace, or goes with Cleanup.
func (s *Store) NewPartial(name string) (*renameio.PendingFile, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	p, err := renameio.NewPendingFile(s.PartialPath(name), renameio.WithTempDir(s.path("partials")), renameio.WithPermissions(0o640))
	return p, DiskError("a partial", err)
}
