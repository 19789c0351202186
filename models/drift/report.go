package drift

import (
	"encoding/json"
	"math"
)

// Report is the drift of each column in each month against the training rows.
type Report struct {
	Columns []string `json:"columns"`
	Months  []Month  `json:"months"`
	// Trained is what the months are held against.
	Trained Profile `json:"-"`
}

// Of finds a month by its name; nil where it was not measured.
func (r *Report) Of(month string) *Month {
	for i := range r.Months {
		if r.Months[i].Month == month {
			return &r.Months[i]
		}
	}
	return nil
}

// Month is one month's drift; PSI and KS follow Report.Columns.
type Month struct {
	Month string    `json:"month"`
	Rows  int64     `json:"rows"`
	PSI   []float64 `json:"psi"` // NaN where the month or the profile is empty
	KS    []float64 `json:"ks"`  // binned
	// Counted is the month's rows over the bins of the training rows.
	Counted Profile `json:"-"`
}

// NewReport starts a report against a profile.
func NewReport(p Profile) *Report {
	r := &Report{Trained: p}
	for _, h := range p.Columns {
		r.Columns = append(r.Columns, h.Name)
	}
	return r
}

// Add measures one month, counted over the profile's bins.
func (r *Report) Add(month string, trained, counted Profile) error {
	m := Month{Month: month, Counted: counted}
	for i, h := range trained.Columns {
		var other Histogram
		if i < len(counted.Columns) {
			other = counted.Columns[i]
		}
		psi, err := PSI(h, other)
		if err != nil {
			return err
		}
		m.PSI = append(m.PSI, psi)
		m.KS = append(m.KS, BinnedKS(h, other))
		m.Rows = max(m.Rows, other.Total())
	}
	r.Months = append(r.Months, m)
	return nil
}

// Max is the greatest PSI of a month and its column; NaN and "" where there is
// none.
func (m Month) Max(columns []string) (psi float64, column string) {
	psi = math.NaN()
	for i, v := range m.PSI {
		if !math.IsNaN(v) && (math.IsNaN(psi) || v > psi) {
			psi, column = v, columns[i]
		}
	}
	return psi, column
}

// MarshalJSON writes NaN as null.
func (m Month) MarshalJSON() ([]byte, error) {
	null := func(v []float64) []*float64 {
		out := make([]*float64, len(v))
		for i := range v {
			if !math.IsNaN(v[i]) {
				out[i] = &v[i]
			}
		}
		return out
	}
	return json.Marshal(struct {
		Month string     `json:"month"`
		Rows  int64      `json:"rows"`
		PSI   []*float64 `json:"psi"`
		KS    []*float64 `json:"ks"`
	}{m.Month, m.Rows, null(m.PSI), null(m.KS)})
}

// UnmarshalJSON reads null as NaN.
func (m *Month) UnmarshalJSON(b []byte) error {
	var in struct {
		Month string     `json:"month"`
		Rows  int64      `json:"rows"`
		PSI   []*float64 `json:"psi"`
		KS    []*float64 `json:"ks"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	values := func(v []*float64) []float64 {
		out := make([]float64, len(v))
		for i, p := range v {
			out[i] = math.NaN()
			if p != nil {
				out[i] = *p
			}
		}
		return out
	}
	*m = Month{Month: in.Month, Rows: in.Rows, PSI: values(in.PSI), KS: values(in.KS)}
	return nil
}
