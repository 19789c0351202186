package study

import (
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Table is the labelled rows of some months, in the order of month, attack and
// address: one element, or one row of X, a row.
type Table struct {
	Names        []string
	X            []float32 // len(Names) values a row, NaN missing
	Labels       []bool
	Groups       []int     // the address as a number
	RequestCount []float64 // requests
	SizeMean     []float64 // response_size_mean, bytes
	Rows         []row.Row
	Unknown      int // rows left out because their label is unknown
}

// Table reads the labelled rows of months with these columns; ids numbers the
// addresses, so that tables of one ids can be held side by side. Errors:
// NotFound, Invalid (a column that the store lacks, months built differently).
func (r *Rows) Table(months []row.Month, names []string, ids Numbers) (*Table, error) {
	t := &Table{Names: names}
	at := make([]int, len(names))
	for _, m := range months {
		month, err := r.Store.ReadMonth(m)
		if err != nil {
			return nil, err
		}
		for j, n := range names {
			if n == columns.Label {
				return nil, fault.Field(fault.Usage, "columns", "%s is the label and never an input", n)
			}
			if at[j] = slices.Index(month.Columns, n); at[j] < 0 {
				return nil, fault.Field(fault.Invalid, "columns", "month %s has no column %q", m, n)
			}
		}
		for i := range month.Rows {
			x := &month.Rows[i]
			if x.Label == row.Unknown {
				t.Unknown++
				continue
			}
			for _, j := range at {
				t.X = append(t.X, float32(x.Values[j]))
			}
			t.Labels = append(t.Labels, x.Label == row.True)
			t.Groups = append(t.Groups, ids.Of(x.IP))
			t.RequestCount = append(t.RequestCount, x.Values[columns.RequestCount])
			t.SizeMean = append(t.SizeMean, x.Values[columns.ResponseSizeMean])
			t.Rows = append(t.Rows, *x)
		}
	}
	return t, nil
}

// Positives are the rows labelled True.
func (t *Table) Positives() int {
	n := 0
	for _, l := range t.Labels {
		if l {
			n++
		}
	}
	return n
}

// Targets are the labels as a trainer takes them.
func (t *Table) Targets() []float32 {
	y := make([]float32, len(t.Labels))
	for i, l := range t.Labels {
		if l {
			y[i] = 1
		}
	}
	return y
}

// Seen says of each row of test whether its address is in t. Both tables were
// read with one ids.
func (t *Table) Seen(test *Table) []bool {
	known := map[int]bool{}
	for _, g := range t.Groups {
		known[g] = true
	}
	out := make([]bool, len(test.Groups))
	for i, g := range test.Groups {
		out[i] = known[g]
	}
	return out
}
