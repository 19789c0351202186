package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/aggregate"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Build reads log files into the store's months. Files without a row do not
// begin a store: an empty one stays empty. On any error, and when ctx is
// done, the store stays as it was. Errors: NotFound (a file), Invalid,
// Conflict (a month would mix rows read with different options), Corrupt,
// Exhausted, Interrupted.
func Build(ctx context.Context, store *featurestore.Store, c Config) (Result, error) {
	s, err := c.settings()
	if err != nil {
		return Result{}, err
	}
	b := &builder{settings: s, store: store, meter: &meter{report: c.Progress}}
	b.result.Rejects = map[string]int64{}
	b.result.Requests.First, b.result.Requests.Last = math.MaxInt64, math.MinInt64
	if err := b.build(ctx); err != nil {
		if ctx.Err() != nil && fault.KindOf(err) != fault.Interrupted {
			err = fault.As(fault.Interrupted, err)
		}
		return Result{}, err
	}
	if r := &b.result.Requests; r.Last < r.First {
		r.First, r.Last = 0, 0
	}
	return b.result, nil
}

type builder struct {
	*settings
	store  *featurestore.Store
	meter  *meter
	result Result
}

// input is one file that was named.
type input struct {
	path, id, name string
	size           int64
	modified       time.Time
	sha            string // "" until it is read, where only reading tells
	planned        bool   // its content was known before it was read
}

func (b *builder) build(ctx context.Context) error {
	inputs, err := b.inputs()
	if err != nil {
		return err
	}
	b.result.Files = len(inputs)
	if err := b.store.CheckPseudonyms(b.pseudonyms()); err != nil {
		return err
	}
	if err := b.hash(ctx, b.known(inputs)); err != nil {
		return err
	}
	change, toRead := b.plan(inputs)
	sources, err := b.readAll(ctx, toRead)
	if err != nil {
		return err
	}
	man := b.store.Manifest()
	for i, in := range toRead {
		if in.planned {
			continue
		}
		in.sha = sources[i].SHA256
		if in.path == "-" {
			in.id = "stdin-" + in.sha[:16]
		}
		change.Files = append(change.Files, featurestore.File{ID: in.id, Name: in.name, SHA256: in.sha})
	}
	change.Sources = dedupe(sources)
	b.count(change.Sources)
	if len(change.Files) == 0 && len(change.Sources) == 0 && (b.Later || len(b.store.Pending()) == 0) {
		b.result.Pending = b.store.Pending()
		return nil
	}
	if len(man.Sources)+len(man.Months) == 0 && !slices.ContainsFunc(change.Sources, func(src featurestore.Source) bool { return len(src.Windows) > 0 }) {
		return nil // nothing to begin a store with
	}
	for _, f := range change.Files {
		for _, old := range man.Files {
			if old.ID == f.ID && old.SHA256 != f.SHA256 {
				b.result.Replaced++
			}
			if old.ID != f.ID && old.Name == f.Name && old.SHA256 != f.SHA256 && f.Name != stdinName && !named(inputs, old.ID) {
				b.warn("%s: the store holds another file of that name from another folder; if it is the same log, remove the old one, else nothing is wrong", f.Name)
			}
		}
	}
	change.Pseudonyms = b.pseudonyms()
	change.Windows, change.Labeler, change.Threads, change.Memory, change.Later = b.windows, b.Labeler, b.Threads, b.Memory, b.Later
	change.Progress = func(m row.Month, done, total int) {
		b.meter.send(Progress{Stage: StageMerge, Done: int64(done), Total: int64(total), Detail: m.String()})
	}
	if b.Columns != nil && !b.Later {
		change.Columns, err = b.Columns(ctx, func() (*featurestore.AddressSet, error) { return b.store.Addresses(ctx, change) })
		if err != nil {
			return err
		}
	}
	months, err := b.store.Apply(ctx, *change)
	if err != nil {
		return err
	}
	b.result.Months, b.result.Pending = months, b.store.Pending()
	for _, m := range months {
		info, err := b.store.MonthInfo(m)
		if err != nil {
			continue
		}
		b.result.Rows += info.Rows
		for i := range man.Months {
			if old := &man.Months[i]; old.Month == m && old.Labels.Definition != "" && info.Labels.Definition == "" {
				b.warn("%s was labelled and is not any more, its rows having changed; label it again", m)
			}
		}
	}
	return nil
}

func named(inputs []*input, id string) bool {
	return slices.ContainsFunc(inputs, func(in *input) bool { return in.id == id })
}

// plan decides which inputs must be read, one for each content, and which
// files the store does not have as they are.
func (b *builder) plan(inputs []*input) (*featurestore.Change, []*input) {
	man := b.store.Manifest()
	files := map[string]string{}
	for _, f := range man.Files {
		files[f.ID] = f.SHA256
	}
	have := map[string]bool{} // contents that need not be read
	for _, src := range man.Sources {
		have[src.SHA256] = src.PartialFormat == aggregate.FormatVersion && src.Options == b.options && src.Reading == b.reading &&
			src.WindowsDigest == b.windows.Digest(src.Requests.First, src.Requests.Last)
	}
	change := &featurestore.Change{}
	var toRead []*input
	reading := map[string]bool{}
	for _, in := range inputs {
		in.planned = in.sha != ""
		switch {
		case in.sha == "":
			toRead = append(toRead, in)
			continue
		case reading[in.sha]:
			b.result.Same++
		case !have[in.sha]:
			reading[in.sha] = true
			toRead = append(toRead, in)
		case files[in.id] == in.sha:
			b.result.Unchanged++
		default:
			b.result.Same++
		}
		if files[in.id] != in.sha {
			change.Files = append(change.Files, featurestore.File{ID: in.id, Name: in.name, SHA256: in.sha})
		}
	}
	return change, toRead
}

// readAll reads inputs, several at once.
func (b *builder) readAll(ctx context.Context, inputs []*input) ([]featurestore.Source, error) {
	parallel := max(1, min(b.Threads, len(inputs)))
	workers := max(1, b.Threads/parallel)
	memory := b.Memory / int64(parallel)
	var total int64
	for _, in := range inputs {
		total += max(0, in.size)
	}
	stop := b.meter.start(StageRead, total)
	defer stop()
	out := make([]featurestore.Source, len(inputs))
	err := each(ctx, parallel, len(inputs), func(ctx context.Context, i int) error {
		src, err := b.read(ctx, inputs[i], workers, memory)
		if err != nil {
			return err
		}
		out[i] = *src
		return nil
	})
	return out, err
}

// each calls do for 0 to n-1 from several goroutines and gives the first
// error, after which no more are begun.
func each(ctx context.Context, goroutines, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range work {
				if ctx.Err() == nil {
					if err := do(ctx, i); err != nil {
						cancel(err)
					}
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// dedupe keeps one source for each content; the standard input may have
// brought one that a file has too.
func dedupe(sources []featurestore.Source) []featurestore.Source {
	slices.SortStableFunc(sources, func(a, c featurestore.Source) int { return strings.Compare(a.SHA256, c.SHA256) })
	return slices.CompactFunc(sources, func(a, c featurestore.Source) bool { return a.SHA256 == c.SHA256 })
}

// count adds up what was read and turns notes into warnings.
func (b *builder) count(sources []featurestore.Source) {
	notes := map[string]int{}
	for i := range sources {
		src := &sources[i]
		b.result.Read++
		b.result.Bytes += src.Bytes
		b.result.Lines += src.Lines
		for reason, n := range src.Rejects {
			b.result.Rejects[reason] += n
		}
		b.result.Requests.Merge(src.Requests)
		for _, n := range src.Notes {
			notes[n]++
		}
	}
	texts := make([]string, 0, len(notes))
	for n := range notes {
		texts = append(texts, n)
	}
	slices.SortFunc(texts, func(a, c string) int { return cmp.Or(notes[c]-notes[a], strings.Compare(a, c)) })
	for _, n := range texts {
		switch {
		case len(sources) == 1:
			b.warn("%s", n)
		default:
			b.warn("%s (%d of %d files)", n, notes[n], len(sources))
		}
	}
	if r := &b.result.Requests; r.Outside > 0 {
		b.warn("%d of %d requests lie outside every attack window and are in no row", r.Outside, r.Requests)
	}
	rejected := int64(0)
	for _, n := range b.result.Rejects {
		rejected += n
	}
	if rejected > 0 && b.Pseudonyms != nil {
		b.warn("%d of %d lines are no requests (%s); they are not kept, since they may hold addresses", rejected, b.result.Lines, reasons(b.result.Rejects))
	} else if rejected > 0 {
		b.warn("%d of %d lines are no requests (%s); they are kept in %s", rejected, b.result.Lines, reasons(b.result.Rejects), filepath.Join(filepath.Base(b.store.Dir()), "rejects"))
	}
}

func reasons(m map[string]int64) string {
	names := make([]string, 0, len(m))
	for r := range m {
		names = append(names, r)
	}
	slices.SortFunc(names, func(a, c string) int { return cmp.Or(cmp.Compare(m[c], m[a]), strings.Compare(a, c)) })
	for i, r := range names {
		names[i] = fmt.Sprintf("%s %d", r, m[r])
	}
	return strings.Join(names, ", ")
}

func (b *builder) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if !slices.Contains(b.result.Warnings, w) {
		b.result.Warnings = append(b.result.Warnings, w)
	}
}

// Remove withdraws log files, by base name, and merges the months they
// touched; a content that another file has stays. Errors: NotFound (no such
// file in the store), and those of Store.Apply.
func Remove(ctx context.Context, store *featurestore.Store, names []string, c Config) (Result, error) {
	var change featurestore.Change
	for _, name := range names {
		found := false
		for _, f := range store.Manifest().Files {
			if f.Name == name || f.ID == name {
				change.Remove = append(change.Remove, f.ID)
				found = true
			}
		}
		if !found {
			return Result{}, fault.Field(fault.NotFound, "file", "the store has no log file %q; features list names them", name)
		}
	}
	if len(change.Remove) == 0 {
		return Result{}, fault.New(fault.Usage, "no log file to remove is named")
	}
	change.Labeler, change.Threads = c.Labeler, max(1, c.Threads)
	months, err := store.Apply(ctx, change)
	if err != nil {
		return Result{}, err
	}
	r := Result{Files: len(change.Remove), Months: months}
	for _, m := range months {
		if info, err := store.MonthInfo(m); err == nil {
			r.Rows += info.Rows
		}
	}
	return r, nil
}

var _ aggregate.Deriver = derived{}

// errChanged is for a file whose content differs between two readings.
var errChanged = errors.New("it changed while it was read; run again when nothing writes to it")
