package study

import (
	"context"
	"net/netip"
	"os"
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/pipeline"
)

// Rows is a home whose store has the months.
type Rows struct {
	Home  string
	Store *featurestore.Store
	built bool
}

// OpenRows opens the home that was given, or builds one of the logs in a folder
// that Close removes. Errors: NotFound, Invalid, Corrupt, Interrupted.
func (in *Input) OpenRows(ctx context.Context) (*Rows, error) {
	r := &Rows{Home: in.home}
	if in.home == "" {
		dir, err := os.MkdirTemp("", "sluice-study-")
		if err != nil {
			return nil, fault.As(fault.Exhausted, err)
		}
		r.Home, r.built = dir, true
		if err := in.build(ctx, dir); err != nil {
			r.Close()
			return nil, err
		}
	}
	var err error
	if r.Store, err = featurestore.Open(r.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx}); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (in *Input) build(ctx context.Context, dir string) error {
	s, err := in.OpenLogs()
	if err != nil {
		return err
	}
	windows, err := in.OpenAttacks(ctx, s)
	if err != nil {
		return err
	}
	c := pipeline.Config{
		Home: dir, World: featurestore.Real, Logs: in.logs, Labels: in.labels, LabelDefinition: in.definition,
		Windows: windows, Zone: in.Zone, Access: s.Access, Web: s.web, Filter: s.Filter, Threads: in.Threads,
	}
	if in.simulated() {
		c.World = featurestore.Simulated
	}
	_, err = pipeline.Build(ctx, c, func(e pipeline.Event) {
		if p := e.Progress; p != nil && p.Unit == "bytes" && in.progress != nil {
			in.progress(p.Done, p.Total)
		}
	})
	return err
}

// Close closes the store and removes it if it was built for the occasion.
func (r *Rows) Close() {
	if r.Store != nil {
		r.Store.Close()
	}
	if r.built {
		os.RemoveAll(r.Home)
	}
}

// Simulated reports whether the months are a simulated world's.
func (r *Rows) Simulated() bool { return r.Store.World() == featurestore.Simulated }

// Filter says which requests the rows of a month count, as far as the store
// tells, and what its logs lack.
func (r *Rows) Filter(m row.Month) (notes []string, err error) {
	info, err := r.Store.MonthInfo(m)
	if err != nil {
		return nil, err
	}
	return info.Notes, nil
}

// Labelled are the months that have labelled rows of both classes, ascending.
func (r *Rows) Labelled() ([]row.Month, error) {
	var out []row.Month
	for _, m := range r.Store.Months() {
		info, err := r.Store.MonthInfo(m)
		if err != nil {
			return nil, err
		}
		if info.Labels.True > 0 && info.Labels.False > 0 {
			out = append(out, m)
		}
	}
	return out, nil
}

// ParseMonths reads months as "2024-06,2024-07", ascending. Errors: Usage.
func ParseMonths(name string, values []string) ([]row.Month, error) {
	var out []row.Month
	for _, v := range values {
		m, err := row.ParseMonth(v)
		if err != nil {
			return nil, fault.Field(fault.Usage, name, "--%s: %w", name, err)
		}
		if slices.Contains(out, m) {
			return nil, fault.Field(fault.Usage, name, "--%s names %s twice", name, m)
		}
		out = append(out, m)
	}
	slices.Sort(out)
	return out, nil
}

// Numbers gives addresses small numbers, in order of first sight, as the
// project's statistics want them.
type Numbers map[netip.Addr]int

// Of is an address's number.
func (n Numbers) Of(a netip.Addr) int {
	k, ok := n[a]
	if !ok {
		k = len(n)
		n[a] = k
	}
	return k
}
