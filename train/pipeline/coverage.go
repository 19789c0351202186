package pipeline

import (
	"sluice/featurestore"
	"sluice/featurestore/row"
	"sluice/train/report"
)

// reportDays are the days of a month that the store has; none where its rows
// can't be read, which other parts of the report say.
func reportDays(st *featurestore.Store, m row.Month) []report.Day {
	c, err := st.CoverageOf(m)
	if err != nil {
		return nil
	}
	days := make([]report.Day, len(c.Days))
	for i, d := range c.Days {
		days[i] = report.Day{Date: d.Date, Requests: d.Requests, Hours: d.Hours}
	}
	return days
}
