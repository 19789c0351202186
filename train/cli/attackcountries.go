package cli

import (
	"cmp"
	"slices"
	"strings"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/geo"
	"sluice/featurestore/row"
)

// storedAttackCountries are the countries of each window's requests, the most
// frequent first, by window id: from the column that the home's store joined to
// its months. A home without a store, or without the column, has none.
func storedAttackCountries(home string, windows []attack.Window) (map[string][]attack.ValueCount, error) {
	st, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	sums := map[string]map[string]int64{}
	months := map[row.Month]bool{}
	for _, w := range windows {
		sums[w.ID], months[w.Month] = map[string]int64{}, true
	}
	for _, m := range st.Manifest().Months {
		at := slices.Index(m.Columns, columns.GeoGroup.Names()[columns.CountryCode])
		if at < 0 || !months[m.Month] {
			continue
		}
		err := st.ScanMonth(m.Month, false, func(r *row.Row) error {
			if of := sums[r.Attack]; of != nil {
				if c := geo.Country(r.Values[at]); c != "" {
					of[c] += int64(r.Values[columns.RequestCount])
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := map[string][]attack.ValueCount{}
	for id, of := range sums {
		for c, n := range of {
			out[id] = append(out[id], attack.ValueCount{Value: c, Requests: n})
		}
		slices.SortFunc(out[id], func(a, b attack.ValueCount) int {
			return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Value, b.Value))
		})
	}
	return out, nil
}
