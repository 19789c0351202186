package pipeline

import (
	"net/netip"

	"sluice/featurestore"
	"sluice/featurestore/build"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// behind gives the address that stands behind one of the store's rows, which is
// what exports name; nil where that is a pseudonym whose key is not at hand.
func behind(c *Config, st *featurestore.Store) func(netip.Addr) netip.Addr {
	switch made := st.Manifest().Pseudonyms; {
	case made == "":
		return func(ip netip.Addr) netip.Addr { return ip }
	case c.Pseudonyms != nil && c.Pseudonyms.Check() == made:
		return c.Pseudonyms.Address
	}
	return nil
}

// earlierOf is what lists knew before a row's window. In a store of pseudonyms
// they are asked about the addresses behind them, for which their key is
// needed.
func earlierOf(c *Config, st *featurestore.Store, lists *reputation.Set) (featurestore.Enricher, error) {
	earlier := reputation.WithEarlier{Set: lists}
	if st.Manifest().Pseudonyms == "" {
		return earlier, nil
	}
	if c.Pseudonyms == nil {
		return nil, fault.Field(fault.Usage, "pseudonymise", "%s holds pseudonyms, which label exports don't name: give their key with --pseudonymise", c.Home)
	}
	if err := st.CheckPseudonyms(c.Pseudonyms.Check()); err != nil {
		return nil, err
	}
	return build.Relabel(earlier, c.Pseudonyms).(featurestore.Enricher), nil
}

// withEarlier makes the columns of earlier listings of rows anew, of what lists
// knew before each row's window; they come last. have are the rows' columns.
func withEarlier(c *Config, st *featurestore.Store, lists *reputation.Set, have []string, rows []row.Row) ([]string, []row.Row, error) {
	earlier, err := earlierOf(c, st, lists)
	if err != nil {
		return nil, nil, err
	}
	var kept []int
	var names []string
	for k, n := range have {
		if !columns.IsEarlier(n) {
			kept, names = append(kept, k), append(names, n)
		}
	}
	spans := windowSpans(st)
	for i := range rows {
		v := make([]float64, 0, len(kept)+columns.NumEarlier)
		for _, k := range kept {
			v = append(v, rows[i].Values[k])
		}
		s := spans.of(rows[i].Key)
		rows[i].Values = earlier.Enrich(v, rows[i].IP, s.Start, s.End)
	}
	return append(names, columns.EarlierNames()...), rows, nil
}
