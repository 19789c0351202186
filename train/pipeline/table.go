package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// table is the rows of some months as a trainer wants them: rows*len(names)
// float32, row-major, NaN missing, in the order of month, attack, address.
type table struct {
	names        []string
	x            []float32
	rows         []row.Row // the rows themselves, for keys and requests
	labels       []bool    // label is True; only meaningful where it is known
	groups       []int     // the address as a number, shared by its rows
	requestCount []float64
	sizeMean     []float64
	unknown      int // rows of the months left out because their label is unknown
	filesHash    [sha256.Size]byte
}

// groupNumbers gives each address a number, in order of first sight.
type groupNumbers map[netip.Addr]int

func (g groupNumbers) of(a netip.Addr) int {
	n, ok := g[a]
	if !ok {
		n = len(g)
		g[a] = n
	}
	return n
}

// newTable selects the columns names of rows whose own columns are have.
// labelled keeps only rows with a known label.
func newTable(have []string, rows []row.Row, names []string, ids groupNumbers, labelled bool) (*table, error) {
	at := make([]int, len(names))
	for j, n := range names {
		if n == columns.Label {
			return nil, fault.Field(fault.Invalid, n, "%s is the label and never an input of a model", n)
		}
		if at[j] = slices.Index(have, n); at[j] < 0 {
			return nil, fault.Field(fault.Invalid, "columns", "the store has no column %q%s", n, lacking(n))
		}
	}
	t := &table{names: names}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", names)
	var buf []byte
	for _, r := range rows {
		if labelled && r.Label == row.Unknown {
			t.unknown++
			continue
		}
		buf = append(buf[:0], fmt.Sprintf("%s\x00%s\x00%s\x00%d", r.Month, r.Attack, r.IP, r.Label)...)
		for _, k := range at {
			v := float32(r.Values[k])
			if v != v {
				v = nan
			}
			t.x = append(t.x, v)
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		h.Write(buf)
		t.rows = append(t.rows, r)
		t.labels = append(t.labels, r.Label == row.True)
		t.groups = append(t.groups, ids.of(r.IP))
		t.requestCount = append(t.requestCount, r.Values[columns.RequestCount])
		t.sizeMean = append(t.sizeMean, r.Values[columns.ResponseSizeMean])
	}
	h.Sum(t.filesHash[:0])
	return t, nil
}

var nan = float32(math.NaN())

// len is the number of rows.
func (t *table) len() int { return len(t.rows) }

// positives is the number of rows labelled True.
func (t *table) positives() int {
	n := 0
	for _, l := range t.labels {
		if l {
			n++
		}
	}
	return n
}

// float32Labels is the label as a trainer takes it.
func (t *table) float32Labels() []float32 {
	y := make([]float32, len(t.labels))
	for i, l := range t.labels {
		if l {
			y[i] = 1
		}
	}
	return y
}

// subset is the rows where keep is true: matrix, labels and positions.
func (t *table) subset(keep func(i int) bool) (x []float32, y []float32, at []int) {
	f := len(t.names)
	for i := range t.rows {
		if !keep(i) {
			continue
		}
		x = append(x, t.x[i*f:(i+1)*f]...)
		l := float32(0)
		if t.labels[i] {
			l = 1
		}
		y = append(y, l)
		at = append(at, i)
	}
	return x, y, at
}
