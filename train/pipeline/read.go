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
func readTable(c *Config, st *featurestore.Store, flag string, months []row.Month, names []string, lists *reputation.Set, ids groupNumbers) (*table, error) {
	have, rows, err := monthRows(c, st, flag, months, lists, names)
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
// listings are made of lists where the months were labelled without them and it
// can be told; lists may be nil.
func monthRows(c *Config, st *featurestore.Store, flag string, months []row.Month, lists *reputation.Set, names []string) (have []string, rows []row.Row, err error) {
	if have, rows, err = readRows(st, flag, months); err != nil {
		return nil, nil, err
	}
	lacks := slices.ContainsFunc(names, func(n string) bool { return columns.IsEarlier(n) && !slices.Contains(have, n) })
	if !lacks || lists == nil || st.Manifest().Pseudonyms != "" && c.Pseudonyms == nil {
		return have, rows, nil
	}
	return withEarlier(c, st, lists, have, rows)
}
