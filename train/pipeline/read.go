package pipeline

import (
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// readTable reads the labelled rows of months, with earlier listings made of
// lists where names ask for them and the store has none; lists may be nil.
func readTable(st *featurestore.Store, flag string, months []row.Month, names []string, lists *reputation.Set, ids groupNumbers) (*table, error) {
	have, rows, err := monthRows(st, flag, months, lists, names)
	if err != nil {
		return nil, err
	}
	return newTable(have, rows, names, ids, true)
}

// readRows reads months that must have the same columns; flag is what named
// them.
func readRows(st *featurestore.Store, flag string, months []row.Month) (have []string, rows []row.Row, err error) {
	for _, m := range months {
		month, err := st.ReadMonth(m)
		if err != nil {
			return nil, nil, err
		}
		if have != nil && !slices.Equal(have, month.Columns) {
			return nil, nil, fault.Field(fault.Invalid, flag, "month %s has other columns than the months before it; build them alike", m)
		}
		have = month.Columns
		rows = append(rows, month.Rows...)
	}
	return have, rows, nil
}

// monthRows is readRows with columns enough for names: those of earlier
// listings are made anew, of what lists knew before each row's window, where
// the months were labelled without them.
func monthRows(st *featurestore.Store, flag string, months []row.Month, lists *reputation.Set, names []string) (have []string, rows []row.Row, err error) {
	if have, rows, err = readRows(st, flag, months); err != nil {
		return nil, nil, err
	}
	lacks := slices.ContainsFunc(names, func(n string) bool { return columns.IsEarlier(n) && !slices.Contains(have, n) })
	if !lacks || lists == nil || st.Manifest().Pseudonyms != "" {
		return have, rows, nil
	}
	var kept []int
	for k, n := range have {
		if !columns.IsEarlier(n) {
			kept = append(kept, k)
		}
	}
	infos := map[row.Month]featurestore.MonthInfo{}
	for _, m := range months {
		if infos[m], err = st.MonthInfo(m); err != nil {
			return nil, nil, err
		}
	}
	earlier := reputation.WithEarlier{Set: lists}
	for i := range rows {
		v := make([]float64, 0, len(kept)+columns.NumEarlier)
		for _, k := range kept {
			v = append(v, rows[i].Values[k])
		}
		info := infos[rows[i].Month]
		start, end := info.Window(rows[i].Attack)
		rows[i].Values = earlier.Enrich(v, rows[i].IP, start, end)
	}
	out := make([]string, 0, len(kept)+columns.NumEarlier)
	for _, k := range kept {
		out = append(out, have[k])
	}
	return append(out, columns.EarlierNames()...), rows, nil
}
