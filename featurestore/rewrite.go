package featurestore

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Rewritten is what Erase or Prune took out of a store.
type Rewritten struct {
	Months      []row.Month `json:"months"` // whose rows changed, ascending
	Rows        int64       `json:"rows"`
	Partials    int         `json:"partials"`     // that were written anew
	RejectLines int64       `json:"reject_lines"` // rejected lines that named the address
}

// Erase takes an address out of the store: its rows in every month, what
// partials hold of it, and rejected lines in which its text occurs. Labels of other rows
// stay. The log files are not the store's: one that still names the address
// and is read again, because it changed or is read with other options, brings
// it back. Errors: Corrupt, Exhausted, Interrupted.
func (s *Store) Erase(ctx context.Context, ip netip.Addr) (Rewritten, error) {
	ip, ok := row.Canonical(ip)
	if !ok {
		return Rewritten{}, fault.New(fault.Invalid, "no address to erase is given")
	}
	if err := s.writable(); err != nil {
		return Rewritten{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	out, err := s.rewrite(ctx, func(k row.Key) bool { return k.IP != ip }, func(row.Month) bool { return false })
	if err != nil {
		return Rewritten{}, err
	}
	out.RejectLines, err = s.eraseRejects(ctx, ip.String())
	return out, err
}

// Prune takes the months before a month out of the store. A log file whose
// rows are all gone stays known, so that it is not read again. Errors:
// Corrupt, Exhausted, Interrupted.
func (s *Store) Prune(ctx context.Context, before row.Month) (Rewritten, error) {
	if err := s.writable(); err != nil {
		return Rewritten{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.rewrite(ctx, func(k row.Key) bool { return k.Month >= before }, func(m row.Month) bool { return m >= before })
}

// rewrite leaves the rows that keep wants. whole says of a month that keep
// wants all of it, without looking.
func (s *Store) rewrite(ctx context.Context, keep func(row.Key) bool, whole func(row.Month) bool) (out Rewritten, err error) {
	if wait := s.Pending(); len(wait) > 0 {
		return Rewritten{}, fault.New(fault.Conflict, "log files that were read wait to be merged into %s; merge them first, with features build and no --later", wait[0])
	}
	next := s.Manifest().clone()
	renamed := map[string]string{}
	for i := range next.Sources {
		src := &next.Sources[i]
		if !slices.ContainsFunc(src.Windows, func(w SourceWindow) bool { return !whole(w.Month) }) {
			continue
		}
		old := src.Partial
		changed, err := s.rewritePartial(ctx, src, keep)
		if err != nil {
			return Rewritten{}, err
		}
		if changed {
			renamed[old] = src.Partial
			out.Partials++
		}
	}
	var pending []*MonthInfo
	for _, was := range s.Manifest().Months {
		info := was
		info.Partials = slices.Clone(was.Partials)
		for i, p := range info.Partials {
			if to, ok := renamed[p]; ok {
				info.Partials[i] = to
			}
		}
		slices.Sort(info.Partials)
		if !whole(was.Month) {
			written, err := s.rewriteMonth(ctx, &info, keep)
			if err != nil {
				s.discard(pending)
				return Rewritten{}, err
			}
			if rows := info.Rows - was.Rows; rows != 0 {
				out.Rows -= rows
				out.Months = append(out.Months, was.Month)
			}
			if !written {
				next.setMonth(was.Month, nil)
				continue
			}
		}
		// A partial that has no rows of the month any more is none of its.
		live := next.partialsByMonth()[was.Month]
		info.Partials = slices.DeleteFunc(info.Partials, func(p string) bool { return !slices.Contains(live, p) })
		next.setMonth(was.Month, &info)
		pending = append(pending, &info)
	}
	if out.Rows == 0 && out.Partials == 0 {
		s.discard(pending)
		return out, nil
	}
	return out, s.commit(ctx, next, pending)
}

// rewriteMonth writes a month's file without some rows and puts what it counts
// into info; it is false where none are left.
func (s *Store) rewriteMonth(ctx context.Context, info *MonthInfo, keep func(row.Key) bool) (bool, error) {
	m := info.Month
	again, stop, err := s.rollUpAgain(ctx, info)
	if err != nil {
		return false, err
	}
	defer stop()
	written, err := s.writeMonthFile(ctx, m, info.Columns, func(write func(*row.Row) error) error {
		return s.ScanMonth(m, true, func(r *row.Row) error {
			if !keep(r.Key) {
				return nil
			}
			if err := again(r); err != nil {
				return err
			}
			return write(r)
		})
	})
	if err != nil {
		return false, err
	}
	if written == nil {
		info.Rows = 0
		return false, nil
	}
	written.Labels.Definition = info.Labels.Definition
	for i := range written.Missing {
		for _, c := range info.Missing {
			if c.Column == written.Missing[i].Column {
				written.Missing[i].Reason = c.Reason
			}
		}
	}
	for i := range written.Windows {
		for _, w := range info.Windows {
			if w.Attack == written.Windows[i].Attack {
				written.Windows[i].Start, written.Windows[i].End = w.Start, w.End
			}
		}
	}
	written.Notes, written.Options, written.Partials, written.Further, written.Rules = info.Notes, info.Options, info.Partials, info.Further, info.Rules
	*info = *written
	return true, nil
}

// rewritePartial writes a source's partial without some records, under a name
// of its own; it is false where all are wanted.
func (s *Store) rewritePartial(ctx context.Context, src *Source, keep func(row.Key) bool) (changed bool, err error) {
	edited := *src
	edited.Edits++
	edited.Partial = PartialName(src.SHA256, src.Options, src.Reading, fmt.Sprintf("%s edited %d", src.WindowsDigest, edited.Edits))
	r, f, err := aggregate.OpenFile(s.PartialPath(src.Partial))
	if err != nil {
		return false, err
	}
	defer f.Close()
	p, err := s.NewPartial(edited.Partial)
	if err != nil {
		return false, err
	}
	defer func() {
		p.Cleanup()
		err = DiskError("a partial", err)
	}()
	buf := bufio.NewWriterSize(p, 256<<10)
	w := aggregate.NewWriter(buf)
	window, dropped, n := -1, false, 0
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return false, err
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return false, fault.As(fault.Interrupted, ctx.Err())
		}
		win := r.Header().Windows[rec.Window]
		if rec.Window != window {
			window = rec.Window
			if err := w.Window(win); err != nil {
				return false, err
			}
		}
		if !keep(row.Key{Month: win.Month, Attack: win.ID, IP: rec.IP}) {
			dropped = true
			continue
		}
		if err := w.Add(rec.IP, &rec.Group); err != nil {
			return false, err
		}
	}
	if !dropped {
		return false, nil
	}
	if err := w.Close(r.Header().Info); err != nil {
		return false, err
	}
	if err := buf.Flush(); err != nil {
		return false, err
	}
	st, err := p.Stat()
	if err != nil {
		return false, err
	}
	if err := p.CloseAtomicallyReplace(); err != nil {
		return false, err
	}
	edited.PartialBytes = st.Size()
	edited.Windows = []SourceWindow{}
	for _, win := range w.Header().Windows {
		edited.Windows = append(edited.Windows, SourceWindow{Attack: win.ID, Month: win.Month, Rows: win.Records})
	}
	*src = edited
	return true, nil
}

// eraseRejects takes the lines with a text out of all rejected lines.
func (s *Store) eraseRejects(ctx context.Context, text string) (lines int64, err error) {
	paths, err := filepath.Glob(s.path("rejects", "*.txt.gz"))
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		if ctx.Err() != nil {
			return lines, fault.As(fault.Interrupted, ctx.Err())
		}
		n, err := eraseLines(path, text)
		if err != nil {
			return lines, DiskError("the rejected lines", err)
		}
		lines += n
	}
	return lines, nil
}

func eraseLines(path, text string) (dropped int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, fault.New(fault.Corrupt, "rejected lines %s: %w; remove the file", filepath.Base(path), err)
	}
	p, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o600))
	if err != nil {
		return 0, err
	}
	defer p.Cleanup()
	out := gzip.NewWriter(p)
	in := bufio.NewReader(z)
	for {
		line, err := in.ReadString('\n')
		switch {
		case line == "":
		case strings.Contains(line, text):
			dropped++
		default:
			if _, err := io.WriteString(out, line); err != nil {
				return 0, err
			}
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return 0, fault.New(fault.Corrupt, "rejected lines %s: %w; remove the file", filepath.Base(path), err)
		}
	}
	if dropped == 0 {
		return 0, nil
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	return dropped, p.CloseAtomicallyReplace()
}
