package pipeline

import (
	"context"
	"slices"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/row"
	"sluice/models/scorer"
	"sluice/serve/feed"
)

// scoreMonth makes the feed's lines of a month's rows: one an address, by
// address, its confidence, verdict and reasons those of its highest window.
func scoreMonth(ctx context.Context, s *scorer.Scorer, windows spans, have []string, rows []row.Row, asOf time.Time, expiry time.Duration, threads int) ([]feed.Line, error) {
	at, err := s.Columns(have)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rows[a].IP.Compare(rows[b].IP) })
	f := len(at)
	x := make([]float32, len(rows)*f)
	for i := range rows {
		for j, k := range at {
			x[i*f+j] = float32(rows[i].Values[k])
		}
	}
	scores := s.ScoreFloat32(x, len(rows), threads)

	// Reasons are worked out for the windows that lead, in blocks, so that
	// memory does not grow with the month.
	const block = 4096
	var lines []feed.Line
	var lead []int
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		bx := make([]float32, 0, len(lead)*f)
		for _, i := range lead {
			bx = append(bx, x[i*f:(i+1)*f]...)
		}
		reasons, _ := s.Explain(bx, len(lead), threads)
		base := len(lines) - len(lead)
		for n := range lead {
			for _, r := range reasons[n][:min(topReasons, len(reasons[n]))] {
				lines[base+n].Reasons = append(lines[base+n].Reasons, feed.Reason{Feature: r.Feature, Value: r.Value, Contribution: r.Contribution})
			}
		}
		lead = lead[:0]
		return nil
	}
	for i := 0; i < len(order); {
		ip := rows[order[i]].IP
		best, line := order[i], feed.Line{}
		for ; i < len(order) && rows[order[i]].IP == ip; i++ {
			k := order[i]
			w := windows.of(rows[k].Key)
			w.Confidence = scores[k].Confidence
			line.Windows = append(line.Windows, w)
			if scores[k].Probability > scores[best].Probability {
				best = k
			}
		}
		line.IP = ip
		line.Confidence = scores[best].Confidence
		line.Verdict = verdicts[scores[best].Verdict]
		line.ModelVersion = s.Version()
		line.AsOf = asOf
		line.ExpiresAt = asOf.Add(expiry)
		lines = append(lines, line)
		if lead = append(lead, best); len(lead) == block {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return lines, flush()
}

var verdicts = map[scorer.Verdict]feed.Verdict{scorer.Abusive: feed.Abusive, scorer.NotAbusive: feed.NotAbusive, scorer.Abstain: feed.Abstain}

// spans are the attack windows of a store, by the month and attack of a key.
type spans map[row.Key]feed.Window

// windowSpans gives the span of each window with rows; a month is one where
// there are no windows.
func windowSpans(st *featurestore.Store) spans {
	out := spans{}
	for _, m := range st.Manifest().Months {
		for _, w := range m.Windows {
			out[row.Key{Month: m.Month, Attack: w.Attack}] = feed.Window{Attack: w.Attack, Start: time.Unix(w.Start, 0).UTC(), End: time.Unix(w.End, 0).UTC()}
		}
	}
	return out
}

// of is the window of a row's key; the whole month where the store does not
// know it, as of rows that were given to it.
func (s spans) of(k row.Key) feed.Window {
	w, ok := s[row.Key{Month: k.Month, Attack: k.Attack}]
	if !ok || w.Start.Unix() == 0 {
		return feed.Window{Attack: k.Attack, Start: k.Month.Start(time.UTC), End: k.Month.End(time.UTC)}
	}
	return w
}
