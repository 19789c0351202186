package drift

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"sluice/featurestore/fault"
)

// SchemaVersion is the version of a profile's JSON form.
const SchemaVersion = 1

// Bins is how many bins of equal size a profile has at most.
const Bins = 10

// maxBins bounds what Parse accepts.
const maxBins = 1000

// Profile is the histograms of the rows a model was trained on.
type Profile struct {
	SchemaVersion int         `json:"schema_version"`
	Columns       []Histogram `json:"columns"`
}

// Histogram counts the values of one column. Bin i holds values in
// (Edges[i-1], Edges[i]]; the first is open below, the last above, so that
// there is one bin more than edges.
type Histogram struct {
	Name    string    `json:"name"`
	Edges   []float64 `json:"edges"`
	Counts  []int64   `json:"counts"`
	Missing int64     `json:"missing"` // NaN
}

// NewHistogram bins values at their own quantiles: at most bins bins of nearly
// equal size, fewer where values repeat.
func NewHistogram(name string, values []float64, bins int) Histogram {
	v := make([]float64, 0, len(values))
	for _, x := range values {
		if !math.IsNaN(x) {
			v = append(v, x)
		}
	}
	slices.Sort(v)
	h := Histogram{Name: name, Edges: []float64{}}
	for b := 1; b < bins && len(v) > 0; b++ {
		e := v[(len(v)*b+bins-1)/bins-1]
		if math.IsInf(e, 0) || e == v[len(v)-1] || len(h.Edges) > 0 && e <= h.Edges[len(h.Edges)-1] {
			continue
		}
		h.Edges = append(h.Edges, e)
	}
	h.Counts = make([]int64, len(h.Edges)+1)
	for _, x := range values {
		h.Add(x)
	}
	return h
}

// Add counts one value.
func (h *Histogram) Add(x float64) {
	if math.IsNaN(x) {
		h.Missing++
		return
	}
	i, _ := slices.BinarySearch(h.Edges, x) // first edge >= x
	h.Counts[i]++
}

// Empty is a histogram of the same bins with nothing counted.
func (h Histogram) Empty() Histogram {
	return Histogram{Name: h.Name, Edges: h.Edges, Counts: make([]int64, len(h.Counts))}
}

// Total is the number of values counted, missing ones included.
func (h Histogram) Total() int64 {
	n := h.Missing
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// NewProfile bins each column of values; columns[i] names values[i].
func NewProfile(columns []string, values [][]float64) (Profile, error) {
	if len(columns) != len(values) {
		return Profile{}, fault.New(fault.Invalid, "drift: %d names for %d columns", len(columns), len(values))
	}
	p := Profile{SchemaVersion: SchemaVersion}
	for i, name := range columns {
		p.Columns = append(p.Columns, NewHistogram(name, values[i], Bins))
	}
	return p, nil
}

// Count bins other rows over the profile's bins; values are its columns in
// order.
func (p Profile) Count(values [][]float64) (Profile, error) {
	if len(values) != len(p.Columns) {
		return Profile{}, fault.New(fault.Invalid, "drift: %d columns, the profile has %d", len(values), len(p.Columns))
	}
	out := Profile{SchemaVersion: SchemaVersion}
	for i, h := range p.Columns {
		n := h.Empty()
		for _, x := range values[i] {
			n.Add(x)
		}
		out.Columns = append(out.Columns, n)
	}
	return out, nil
}

// MarshalIndent is the profile's JSON form: the same bytes for the same counts.
func (p Profile) MarshalIndent() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	return append(b, '\n'), err
}

// Parse reads a profile and refuses one whose bins do not fit together.
func Parse(b []byte) (Profile, error) {
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Profile{}, fault.New(fault.Corrupt, "drift profile: %w", err)
	}
	if head.SchemaVersion > SchemaVersion {
		return Profile{}, fault.New(fault.Version, "drift profile has schema version %d, this program reads up to %d: use a newer sluice", head.SchemaVersion, SchemaVersion)
	}
	if head.SchemaVersion < 1 {
		return Profile{}, fault.Field(fault.Corrupt, "schema_version", "drift profile: schema_version %d: want 1", head.SchemaVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var p Profile
	if err := dec.Decode(&p); err != nil {
		return Profile{}, fault.New(fault.Corrupt, "drift profile: %w", err)
	}
	for i, h := range p.Columns {
		if len(h.Counts) != len(h.Edges)+1 || len(h.Edges) > maxBins {
			return Profile{}, fault.Field(fault.Corrupt, h.Name, "drift profile: column %d has %d counts for %d edges: want one more, and at most %d", i, len(h.Counts), len(h.Edges), maxBins+1)
		}
		for k := 1; k < len(h.Edges); k++ {
			if !(h.Edges[k] > h.Edges[k-1]) {
				return Profile{}, fault.Field(fault.Corrupt, h.Name, "drift profile: edges of column %d do not rise", i)
			}
		}
		if h.Missing < 0 || slices.ContainsFunc(h.Counts, func(c int64) bool { return c < 0 }) {
			return Profile{}, fault.Field(fault.Corrupt, h.Name, "drift profile: column %d has a negative count", i)
		}
	}
	return p, nil
}
