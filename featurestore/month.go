package featurestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Month is the rows of one month.
type Month struct {
	Month    row.Month
	Columns  []string  // the features in the order of Row.Values; the first twelve are columns.Names
	Rows     []row.Row // sorted by key
	Manifest MonthInfo
}

// ReadMonth reads a month whole, without requests per hour. Rows' Values lie
// in one array. Errors: NotFound, Corrupt.
func (s *Store) ReadMonth(m row.Month) (*Month, error) {
	out := new(Month)
	var values []float64
	err := s.scan(m, false, func(info *MonthInfo) {
		// Once more from the start where the store was written meanwhile.
		*out = Month{Month: m, Columns: slices.Clone(info.Columns), Rows: make([]row.Row, 0, info.Rows), Manifest: *info}
		values = make([]float64, 0, info.Rows*int64(len(info.Columns)))
	}, func(r *row.Row) error {
		from := len(values)
		values = append(values, r.Values...)
		c := *r
		c.Values, c.Hours = values[from:len(values):len(values)], nil
		out.Rows = append(out.Rows, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ScanMonth calls yield for each row of a month, in order of keys, in memory
// that does not depend on their number. The row and its slices are valid until
// yield returns; an error of yield ends the scan and is given back. hours asks
// for requests per hour. Errors: NotFound, Corrupt.
func (s *Store) ScanMonth(m row.Month, hours bool, yield func(*row.Row) error) error {
	return s.scan(m, hours, func(*MonthInfo) {}, yield)
}

// MonthInfo is what the manifest says of a month. Errors: NotFound.
func (s *Store) MonthInfo(m row.Month) (MonthInfo, error) {
	man := s.Manifest()
	if info, ok := man.month(m); ok {
		return *info, nil
	}
	have := "it is empty"
	if n := len(man.Months); n == 1 {
		have = "it holds " + man.Months[0].Month.String() + " only"
	} else if n > 1 {
		have = "it holds months from " + man.Months[0].Month.String() + " to " + man.Months[n-1].Month.String()
	}
	return MonthInfo{}, fault.Field(fault.NotFound, "month", "month %s is not in the store of %s; %s", m, s.home, have)
}

// scan opens a month's file, compares it with its checksum and reads it.
func (s *Store) scan(m row.Month, hours bool, begin func(*MonthInfo), yield func(*row.Row) error) error {
	info, f, err := s.openChecked(m)
	if err != nil {
		return err
	}
	defer f.Close()
	begin(&info)
	stopped := false
	err = scanMonth(f, &info, hours, func(r *row.Row) error {
		err := yield(r)
		stopped = err != nil
		return err
	})
	if err != nil && !stopped {
		return fault.New(fault.Corrupt, "month %s of %s: %w; remove its file and build again", m, s.home, err)
	}
	return err
}

// openChecked opens a month's file, which is the one that the manifest means.
func (s *Store) openChecked(m row.Month) (MonthInfo, *os.File, error) {
	info, err := s.MonthInfo(m)
	if err != nil {
		return info, nil, err
	}
	f, err := s.openMonth(&info)
	if err != nil && s.readOnly {
		// Another process may have replaced the month since this Store was
		// opened.
		man, lerr := loadManifest(s.dir)
		if lerr != nil || man == nil {
			return info, nil, err
		}
		s.mu.Lock()
		s.man = man
		s.mu.Unlock()
		if info, lerr = s.MonthInfo(m); lerr != nil {
			return info, nil, lerr
		}
		f, err = s.openMonth(&info)
	}
	return info, f, err
}

// openMonth opens the file that the manifest means: the one written last lies
// beside its place until the run that wrote it, or the next, has moved it.
func (s *Store) openMonth(info *MonthInfo) (*os.File, error) {
	var first error
	for _, path := range []string{s.pendingPath(info), s.monthPath(info.Month), s.pendingPath(info)} {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fault.Wrap(err, "month %s", info.Month)
		}
		h := sha256.New()
		n, err := io.Copy(h, f)
		if err != nil {
			f.Close()
			return nil, fault.Wrap(err, "month %s", info.Month)
		}
		if n == info.Bytes && hex.EncodeToString(h.Sum(nil)) == info.SHA256 {
			return f, nil
		}
		f.Close()
		first = fault.New(fault.Corrupt, "%s doesn't match its checksum in the manifest; restore it, or remove it and build again", path)
	}
	if first == nil {
		first = fault.New(fault.Corrupt, "month %s is in the manifest of %s but its file is gone; restore it, or build again", info.Month, s.home)
	}
	return nil, first
}

// writeMonthFile writes a month's file under its pending name. fill gives the
// rows in order of keys.
func (s *Store) writeMonthFile(ctx context.Context, m row.Month, features []string, fill func(write func(*row.Row) error) error) (*MonthInfo, error) {
	return s.writeMonthBatches(m, features, 1, func(f *monthFile) error {
		write, end := f.rowsInto()
		n := 0
		if err := fill(func(r *row.Row) error {
			if n++; n%4096 == 0 && ctx.Err() != nil {
				return fault.As(fault.Interrupted, ctx.Err())
			}
			return write(r)
		}); err != nil {
			return err
		}
		return end()
	})
}

// writeMonthBatches writes a month's file under its pending name. fill adds the
// batches in order of keys; threads encode them.
func (s *Store) writeMonthBatches(m row.Month, features []string, threads int, fill func(*monthFile) error) (_ *MonthInfo, err error) {
	// The pending name holds the checksum, which is known at the end.
	p, err := renameio.NewPendingFile(s.monthPath(m)+newSuffix, renameio.WithTempDir(s.path("months")), renameio.WithPermissions(0o640))
	if err != nil {
		return nil, DiskError("month "+m.String(), err)
	}
	defer func() {
		p.Cleanup()
		err = DiskError("month "+m.String(), err)
	}()
	h := sha256.New()
	w, err := newMonthFile(io.MultiWriter(p, h), m, features, threads)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	defer w.stop()
	if err := fill(w); err != nil {
		return nil, err
	}
	info, err := w.Close()
	if err != nil {
		return nil, err
	}
	st, err := p.Stat()
	if err != nil {
		return nil, err
	}
	info.Bytes, info.SHA256 = st.Size(), hex.EncodeToString(h.Sum(nil))
	if info.Rows == 0 {
		return nil, nil
	}
	if err := p.CloseAtomicallyReplace(); err != nil {
		return nil, err
	}
	return &info, os.Rename(s.monthPath(m)+newSuffix, s.pendingPath(&info))
}
