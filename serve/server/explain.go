package server

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// RowSource finds the feature rows behind an address's score. Implementations
// are safe for concurrent use.
type RowSource interface {
	// Rows gives the address's rows of the attacks, with requests per hour, in
	// those of the months that it holds. Errors: NotFound where it holds none of
	// them.
	Rows(ctx context.Context, ip netip.Addr, attacks []string, months []row.Month) ([]StoredRow, error)
}

// StoredRow is a row and the names of its values.
type StoredRow struct {
	Names []string
	row.Row
}

// ExplainIp tells how the score of each window came about: from the rows in the
// store, with the model version that the feed names.
func (s *service) ExplainIp(ctx context.Context, q *pb.ExplainIpRequest) (*pb.ExplainIpResponse, error) {
	ip, err := parseIPName("name", q.GetName())
	if err != nil {
		return nil, err
	}
	l, err := s.feeds.acquire()
	if err != nil {
		return nil, err
	}
	defer l.release()
	var line feed.Line
	found, err := l.Lookup(ip, &line)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errUnknownIP(ip, l.Date())
	}
	m, err := s.models.Scorer(line.ModelVersion)
	if err != nil {
		return nil, err
	}
	// A window may begin in one month and its first request come in the next:
	// the row then belongs to the month before.
	var months []row.Month
	var attacks []string
	for _, w := range line.Windows {
		if !slices.Contains(attacks, w.Attack) {
			attacks = append(attacks, w.Attack)
		}
		start := row.MonthOf(w.Start.UTC())
		for _, m := range []row.Month{start, start - 1} {
			if !slices.Contains(months, m) {
				months = append(months, m)
			}
		}
	}
	rows, err := s.rows.Rows(ctx, ip, attacks, months)
	if err != nil {
		return nil, err
	}
	r := s.rulings.at(time.Now())
	a := &pb.ExplainIpResponse{IpScore: r.score(&line, r.check(ctx, ip, ""))}
	for i, w := range line.Windows {
		row := findRow(rows, &w)
		if row == nil {
			return nil, fault.New(fault.NotFound, "the store no longer holds the row of window %q; the feed's reasons still stand in GetIpScore", w.Attack)
		}
		e, err := explainRow(m, row)
		if err != nil {
			return nil, err
		}
		e.Window = a.IpScore.Windows[i]
		a.Windows = append(a.Windows, e)
	}
	slices.SortStableFunc(a.Windows, func(x, y *pb.WindowExplanation) int {
		return cmp.Compare(x.Window.StartTime.Seconds, y.Window.StartTime.Seconds)
	})
	return a, nil
}

// findRow finds a window's row: of its own month, else of the month before.
func findRow(rows []StoredRow, w *feed.Window) *StoredRow {
	start := row.MonthOf(w.Start.UTC())
	for _, m := range []row.Month{start, start - 1} {
		for i := range rows {
			if rows[i].Attack == w.Attack && rows[i].Month == m {
				return &rows[i]
			}
		}
	}
	return nil
}

// explainRow explains one row. Contributions stand in the model's order; base
// value and contributions add up to the margin, up to float32's rounding.
func explainRow(m Scorer, r *StoredRow) (*pb.WindowExplanation, error) {
	features := m.FeatureNames()
	x := make([]float32, len(features))
	for i, f := range features {
		at := slices.Index(r.Names, f)
		if at < 0 {
			return nil, fault.New(fault.Conflict, "version %s needs %q, which the store's rows lack; build the month with that column", m.Version(), f)
		}
		x[i] = float32(r.Values[at])
	}
	score := m.AppendScores(nil, x, 1, 1)[0]
	reasons, bias := m.Explain(x, 1, 1)
	e := &pb.WindowExplanation{BaseValue: bias[0], Margin: float64(score.Margin), RawProbability: score.Probability}
	for _, f := range features {
		at := 0
		for i := range reasons[0] {
			if reasons[0][i].Feature == f {
				at = i
			}
		}
		why := &pb.Reason{}
		fillReason(why, f, reasons[0][at].Value, reasons[0][at].Contribution, new(float64))
		e.Contributions = append(e.Contributions, why)
	}
	for _, h := range r.Hours {
		e.HourlyRequests = append(e.HourlyRequests, &pb.HourlyRequests{
			StartTime: timestamppb.New(time.Unix(h.Hour*3600, 0)), RequestCount: int32(h.Requests),
		})
	}
	return e, nil
}
