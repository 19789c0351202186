package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sluice/serve/chart"
)

// Day is how much of one day is in a month's rows.
type Day struct {
	Date     string // "2024-08-01", UTC
	Requests int64
	Hours    int // of the day with a request, 0 to 24
}

// coverageBlocks draw which days of each month the rows are made of. A day
// without requests between days with some is a gap, and named.
func coverageBlocks(months []Month) []block {
	months = slices.Clone(months)
	months = slices.DeleteFunc(months, func(m Month) bool { return len(m.Days) == 0 })
	if len(months) == 0 {
		return nil
	}
	const longest = 31
	m := chart.Matrix{RowTitle: "month", ColumnTitle: "day of the month, UTC; the darker, the more of its hours have requests"}
	for d := range longest {
		m.Columns = append(m.Columns, strconv.Itoa(d+1))
	}
	data := newTable("Days with requests", th("Month"), thNum("Days", ""), thNum("Whole days", ""), thNum("Hours", ""), thNum("Requests kept", ""), th("Days without requests"))
	var missing []string
	for _, month := range months {
		cells := make([]chart.Cell, longest)
		gaps := month.gaps()
		days, whole, hours, requests := 0, 0, 0, int64(0)
		for _, d := range month.Days {
			requests += d.Requests
			hours += d.Hours
			if d.Hours > 0 {
				days++
			}
			if d.Hours == 24 {
				whole++
			}
			at := dayOf(month.Month, d.Date)
			if at < 0 || at >= longest {
				continue // of a window that reaches beyond the month
			}
			cells[at].Shade = float64(d.Hours) / 24
			if slices.Contains(gaps, d.Date) {
				cells[at] = chart.Cell{Text: "0", Shade: 1, Bad: true}
			}
		}
		m.Rows = append(m.Rows, month.Month)
		m.Cells = append(m.Cells, cells)
		named := "none"
		if n := len(gaps); n > 0 {
			const most = 10
			named = strings.Join(gaps[:min(n, most)], ", ")
			if n > most {
				named += fmt.Sprintf(" and %d more", n-most)
			}
			missing = append(missing, fmt.Sprintf("%s in %s", plural(n, "day", "days"), month.Month))
		}
		data.add(name(month.Month), plainNum(count(days)), plainNum(count(whole)), plainNum(count(hours)), plainNum(count(requests)), prose(named))
	}
	text := "No day is missing between the first and the last with requests."
	if len(missing) > 0 {
		text = "Days without any request: " + strings.Join(missing, ", ") + "."
	}
	m.Head = chart.Head{ID: "coverage", Title: "Days with requests", Desc: text, Size: chart.Size{Width: 940, Height: 50 + 26*len(months)}}
	return []block{wide{svg: m.SVG(), caption: "Days with requests. " + text, data: data}}
}

// gaps are the days without requests between the first and the last with some.
func (m Month) gaps() (out []string) {
	from := slices.IndexFunc(m.Days, func(d Day) bool { return d.Requests > 0 })
	if from < 0 {
		return nil
	}
	var open []string
	for _, d := range m.Days[from:] {
		if d.Requests == 0 {
			open = append(open, d.Date)
			continue
		}
		out, open = append(out, open...), nil
	}
	return out
}

// dayOf is a date's place in a month, from 0; -1 where it lies in another.
func dayOf(month, date string) int {
	rest, ok := strings.CutPrefix(date, month+"-")
	n, err := strconv.Atoi(rest)
	if !ok || err != nil {
		return -1
	}
	return n - 1
}
