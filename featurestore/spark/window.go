package spark

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Months are the windows of whole months in a zone (nil is UTC).
func Months(months []row.Month, zone *time.Location) []attack.Window {
	set := attack.Months(zone)
	var out []attack.Window
	for _, m := range months {
		out = append(out, set.Window(int32(m)))
	}
	return out
}

// Hours are the windows of every hour of months in a zone (nil is UTC), named
// as in 2024-08-01T05; days are those of every day, as in 2024-08-01. Where
// clocks are set back the hour that comes twice is one window.
func Hours(months []row.Month, zone *time.Location) []attack.Window {
	return spans(months, zone, "2006-01-02T15", time.Hour)
}

// Days are the windows of every day of months.
func Days(months []row.Month, zone *time.Location) []attack.Window {
	return spans(months, zone, time.DateOnly, 0)
}

func spans(months []row.Month, zone *time.Location, layout string, step time.Duration) []attack.Window {
	if zone == nil {
		zone = time.UTC
	}
	var out []attack.Window
	for _, m := range months {
		for at, end := m.Start(zone), m.End(zone); at.Before(end); {
			next := at.Add(step)
			if step == 0 {
				next = at.AddDate(0, 0, 1)
			}
			id := at.Format(layout)
			if n := len(out); n > 0 && out[n-1].ID == id {
				out[n-1].End = next.Unix()
			} else {
				out = append(out, attack.Window{ID: id, Start: at.Unix(), End: next.Unix(), Month: m})
			}
			at = next
		}
	}
	return out
}

// windowRows are the windows as rows of a query: number, attack, month, start,
// end, as far as a log's times go.
func windowRows(ws []attack.Window) string {
	var b strings.Builder
	for i, w := range ws {
		if i > 0 {
			b.WriteString(",\n    ")
		}
		fmt.Fprintf(&b, "(%d, %s, '%s', %dL, %dL)", i, lit(w.ID), w.Month, max(w.Start, minTime), max(min(w.End, maxTime), minTime+1))
	}
	return b.String()
}

// segmentRows are the spans of time between the windows' borders as rows of a
// query: number of a window that covers it, how many before it do, start, end.
// Each instant is in one row of nth 0, or in none.
func segmentRows(ws []attack.Window) string {
	type edge struct{ begins, ends int64 }
	edges, borders := make([]edge, len(ws)), []int64{}
	for i, w := range ws {
		edges[i] = edge{max(w.Start, minTime), min(w.End, maxTime)}
		borders = append(borders, edges[i].begins, edges[i].ends)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	nth := make([]int, len(borders))
	var rows []string
	for i, e := range edges {
		for at, _ := slices.BinarySearch(borders, e.begins); e.begins < e.ends && borders[at] < e.ends; at++ {
			rows = append(rows, fmt.Sprintf("(%d, %d, %dL, %dL)", i, nth[at], borders[at], borders[at+1]))
			nth[at]++
		}
	}
	if len(rows) == 0 { // none lies where a log's times can
		rows = append(rows, fmt.Sprintf("(0, 0, %dL, %dL)", minTime-1, minTime))
	}
	return strings.Join(rows, ",\n    ")
}

// Prune is a condition on webrequest's partitions year, month, day and hour
// (whole numbers, UTC) that keeps those which the windows touch, in the words
// that every dialect has. A request must lie in the partition of its dt.
func Prune(ws []attack.Window) string {
	hours := map[int64]bool{}
	first, last := int64(1)<<62, int64(-1)
	for _, w := range ws {
		for h := w.Start / 3600; h*3600 < w.End; h++ {
			hours[h] = true
			first, last = min(first, h), max(last, h)
		}
	}
	// Spans of consecutive hours, cut at months, and a day apart at the most.
	var terms []string
	for h := first; h <= last; {
		if !hours[h] {
			h++
			continue
		}
		from := time.Unix(h*3600, 0).UTC()
		end := row.MonthOf(from).End(time.UTC).Unix() / 3600
		to := h
		for to+1 < end && hours[to+1] {
			to++
		}
		terms = append(terms, pruneSpan(from, time.Unix(to*3600, 0).UTC()))
		h = to + 1
	}
	return joinTerms(terms)
}

// PruneTable is Prune for one webrequest_source; "" is all.
func PruneTable(source string, ws []attack.Window) string {
	if source == "" {
		return Prune(ws)
	}
	return "webrequest_source = '" + strings.ReplaceAll(source, "'", "''") + "' AND " + Prune(ws)
}

func joinTerms(terms []string) string {
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, "\n          OR ") + ")"
}

// pruneSpan covers the hours from one to another of the same month, both
// included.
func pruneSpan(from, to time.Time) string {
	head := fmt.Sprintf("year = %d AND month = %d", from.Year(), from.Month())
	whole := from.Day() == 1 && from.Hour() == 0 && to.Hour() == 23 && to.AddDate(0, 0, 1).Month() != to.Month()
	switch {
	case whole:
		return "(" + head + ")"
	case from.Day() == to.Day() && from.Hour() == 0 && to.Hour() == 23:
		return fmt.Sprintf("(%s AND day = %d)", head, from.Day())
	case from.Day() == to.Day():
		return fmt.Sprintf("(%s AND day = %d AND hour BETWEEN %d AND %d)", head, from.Day(), from.Hour(), to.Hour())
	}
	days := []string{}
	first, last := from.Day(), to.Day()
	if from.Hour() > 0 {
		days = append(days, fmt.Sprintf("day = %d AND hour >= %d", first, from.Hour()))
		first++
	}
	var end string
	if to.Hour() < 23 {
		end = fmt.Sprintf("day = %d AND hour <= %d", last, to.Hour())
		last--
	}
	switch {
	case first == last:
		days = append(days, fmt.Sprintf("day = %d", first))
	case first < last:
		days = append(days, fmt.Sprintf("day BETWEEN %d AND %d", first, last))
	}
	if end != "" {
		days = append(days, end)
	}
	if len(days) == 1 {
		return fmt.Sprintf("(%s AND %s)", head, days[0])
	}
	return fmt.Sprintf("(%s AND (%s))", head, strings.Join(days, " OR "))
}

// checkWindows refuses windows that can't be told apart.
func checkWindows(ws []attack.Window) error {
	if len(ws) == 0 {
		return fault.Field(fault.Usage, "months", "no months or windows are named: Spark reads only what is asked for")
	}
	ids := map[string]bool{}
	for i, w := range ws {
		if w.ID == "" || w.End <= w.Start || ids[w.ID] {
			return fault.Field(fault.Invalid, "attacks", "attack window %q is empty, or named twice", w.ID)
		}
		ids[w.ID] = true
		if i > 0 {
			if p := ws[i-1]; p.Month > w.Month || p.Month == w.Month && p.ID >= w.ID {
				return fault.New(fault.Invalid, "attack windows %q and %q are not in the order of months, then names", p.ID, w.ID)
			}
		}
	}
	return nil
}
