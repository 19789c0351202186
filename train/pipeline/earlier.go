package pipeline

import (
	"sluice/featurestore"
	"sluice/featurestore/build"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
)

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
