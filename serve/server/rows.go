package server

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"

	"google.golang.org/grpc"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/scorer"
	pb "sluice/proto/sluice/v1"
)

// maxRows is the greatest number of rows in one message.
const maxRows = 10_000

// layout says how a caller's columns become a model's.
type layout struct {
	scorer Scorer
	names  []string // the caller's
	at     []int    // at[i]: the caller's column of the model's feature i
	kinds  []columns.Type
	limits []limits
}

// limits are the least and the greatest number that a feature takes.
type limits struct{ least, greatest float64 }

func limitsOf(t columns.Type) limits {
	switch t {
	case columns.Ratio:
		return limits{0, 1}
	case columns.Int, columns.Bytes:
		return limits{0, math.MaxFloat32}
	}
	return limits{-math.MaxFloat32, math.MaxFloat32}
}

func newLayout(s Scorer, names []string) (*layout, error) {
	features := s.FeatureNames()
	if len(names) == 0 {
		return nil, fault.Field(fault.Invalid, "feature_names", "feature_names: missing; version %s needs %d: %q", s.Version(), len(features), features)
	}
	l := &layout{
		scorer: s, names: slices.Clone(names), at: make([]int, len(features)),
		kinds: make([]columns.Type, len(features)), limits: make([]limits, len(features)),
	}
	for i, n := range names {
		switch {
		case slices.Index(names, n) != i:
			return nil, fault.Field(fault.Invalid, indexed("feature_names", i), "feature_names: %q comes twice", n)
		case n == columns.Label:
			return nil, fault.Field(fault.Invalid, indexed("feature_names", i), "feature_names: %q is the label; it is never an input", n)
		case !slices.Contains(features, n):
			return nil, fault.Field(fault.Invalid, indexed("feature_names", i), "feature_names: version %s does not know %q; it takes %q", s.Version(), n, features)
		}
	}
	for i, n := range features {
		if l.at[i] = slices.Index(names, n); l.at[i] < 0 {
			return nil, fault.Field(fault.Invalid, "feature_names", "feature_names: version %s needs %q; give NaN where it is missing", s.Version(), n)
		}
		c, _ := columns.ByName(n)
		l.kinds[i], l.limits[i] = c.Type, limitsOf(c.Type)
	}
	return l, nil
}

// same reports whether the layout is that of these names and scorer.
func (l *layout) same(s Scorer, names []string) bool {
	return l != nil && l.scorer == s && slices.Equal(l.names, names)
}

// check says what is wrong with a value of the model's feature i.
func (l *layout) check(i int, v float64) error {
	name := l.names[l.at[i]]
	switch {
	case v != v:
		return nil
	case math.Abs(v) > math.MaxFloat32:
		return fault.Field(fault.Invalid, name, "%s is %v: want a finite number that float32 holds, or NaN where it is missing", name, v)
	case l.kinds[i] == columns.Ratio && (v < 0 || v > 1):
		return fault.Field(fault.Invalid, name, "%s is %v: want a share in [0, 1]", name, v)
	case (l.kinds[i] == columns.Int || l.kinds[i] == columns.Bytes) && v < 0:
		return fault.Field(fault.Invalid, name, "%s is %v: want 0 or more", name, v)
	}
	return nil
}

// rowScores is what ScoreRows and StreamScores answer with.
type rowScores struct {
	version     string
	confidences []float64
	verdicts    []pb.Verdict
	errors      []*pb.RowError
	reasons     []*pb.RowReasons
}

// reset makes room for n rows, in what was there before where it suffices.
func (a *rowScores) reset(version string, n int) {
	*a = rowScores{
		version:     version,
		confidences: slices.Grow(a.confidences[:0], n)[:n],
		verdicts:    slices.Grow(a.verdicts[:0], n)[:n],
	}
}

// working is a call's working memory.
type working struct {
	x      []float32
	scores []scorer.Score
}

var workingPool = sync.Pool{New: func() any { return new(working) }}

// score scores a caller's values into a, whose arrays it uses again.
func (l *layout) score(a *rowScores, values []float64, maxReasons int32, threads int) error {
	f := len(l.names)
	n := len(values) / f
	switch {
	case len(values) == 0:
		return fault.Field(fault.Invalid, "values", "values: missing; want %d numbers a row", f)
	case n*f != len(values):
		return fault.Field(fault.Invalid, "values", "values: %d numbers are no whole rows of %d features", len(values), f)
	case n > maxRows:
		return fault.Field(fault.Invalid, "values", "values: %d rows, want at most %d; split them", n, maxRows)
	case maxReasons < 0 || int(maxReasons) > f:
		return fault.Field(fault.Invalid, "max_reasons", "max_reasons %d: want 0 to the number of features, %d", maxReasons, f)
	}
	w := workingPool.Get().(*working)
	defer workingPool.Put(w)
	x := slices.Grow(w.x[:0], n*f)[:n*f]
	w.x = x
	a.reset(l.scorer.Version(), n)
	for r := range n {
		in, out := values[r*f:][:f], x[r*f:][:f]
		var bad error
		for i := range out {
			v := in[l.at[i]]
			if !(v >= l.limits[i].least && v <= l.limits[i].greatest) {
				if err := l.check(i, v); err != nil && bad == nil {
					bad = err
				}
			}
			out[i] = float32(v)
		}
		if bad != nil {
			a.errors = append(a.errors, &pb.RowError{Row: int32(r), Status: toStatus(bad).Proto()})
			for i := range out {
				out[i] = float32(math.NaN())
			}
		}
	}
	w.scores = l.scorer.AppendScores(w.scores[:0], x, n, threads)
	for r := range w.scores {
		a.confidences[r] = w.scores[r].Confidence
		a.verdicts[r] = verdictOfScore(w.scores[r].Verdict)
	}
	if maxReasons > 0 {
		reasons, _ := l.scorer.Explain(x, n, threads)
		a.reasons = make([]*pb.RowReasons, n)
		for r := range n {
			a.reasons[r] = &pb.RowReasons{Reasons: topReasons(reasons[r], int(maxReasons))}
		}
	}
	for _, e := range a.errors {
		a.confidences[e.Row] = math.NaN()
		a.verdicts[e.Row] = pb.Verdict_VERDICT_UNSPECIFIED
		if a.reasons != nil {
			a.reasons[e.Row] = &pb.RowReasons{}
		}
	}
	return nil
}

func topReasons(from []scorer.Reason, most int) []*pb.Reason {
	n := min(len(from), most)
	reasons, values, out := make([]pb.Reason, n), make([]float64, n), make([]*pb.Reason, n)
	for i := range n {
		fillReason(&reasons[i], from[i].Feature, from[i].Value, from[i].Contribution, &values[i])
		out[i] = &reasons[i]
	}
	return out
}

func verdictOfScore(v scorer.Verdict) pb.Verdict {
	switch v {
	case scorer.Abusive:
		return pb.Verdict_VERDICT_ABUSIVE
	case scorer.NotAbusive:
		return pb.Verdict_VERDICT_NOT_ABUSIVE
	case scorer.Abstain:
		return pb.Verdict_VERDICT_ABSTAIN
	}
	return pb.Verdict_VERDICT_UNSPECIFIED
}

// ScoreRows scores rows of feature values.
func (s *service) ScoreRows(ctx context.Context, q *pb.ScoreRowsRequest) (*pb.ScoreRowsResponse, error) {
	m, err := s.models.Scorer(q.GetModelVersion())
	if err != nil {
		return nil, err
	}
	l := s.layout.Load()
	if !l.same(m, q.GetFeatureNames()) {
		if l, err = newLayout(m, q.GetFeatureNames()); err != nil {
			return nil, err
		}
		s.layout.Store(l)
	}
	if err := spendRows(ctx, len(q.GetValues())/len(l.names)); err != nil {
		return nil, err
	}
	var a rowScores
	if err := l.score(&a, q.GetValues(), q.GetMaxReasons(), s.threads); err != nil {
		return nil, err
	}
	s.metrics.rowsScored(len(a.confidences), len(a.errors))
	return &pb.ScoreRowsResponse{
		ModelVersion: a.version, Confidences: a.confidences, Verdicts: a.verdicts, Errors: a.errors, Reasons: a.reasons,
	}, nil
}

// StreamScores answers each message with one message.
func (s *service) StreamScores(stream grpc.BidiStreamingServer[pb.StreamScoresRequest, pb.StreamScoresResponse]) error {
	var (
		version string
		names   []string
		l       *layout
		scores  rowScores
		q       pb.StreamScoresRequest // its values' array is used again
	)
	for {
		err := stream.RecvMsg(&q)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if v := q.GetModelVersion(); v != "" {
			version = v
		}
		if n := q.GetFeatureNames(); len(n) > 0 {
			names = n
		}
		// Without a version named, each message is the present champion's: a
		// stream outlives a promotion.
		m, err := s.models.Scorer(version)
		if err == nil && !l.same(m, names) {
			l, err = newLayout(m, names)
		}
		if err == nil {
			err = spendRows(stream.Context(), len(q.GetValues())/len(l.names))
		}
		a := &pb.StreamScoresResponse{Id: q.GetId()}
		// Send writes its message out before it returns, so the next message's
		// scores may take the place of these.
		if err == nil {
			err = l.score(&scores, q.GetValues(), q.GetMaxReasons(), 1)
		}
		if err != nil {
			a.Status = toStatus(err).Proto()
		} else {
			a.ModelVersion, a.Confidences, a.Verdicts, a.Errors, a.Reasons = scores.version, scores.confidences, scores.verdicts, scores.errors, scores.reasons
			s.metrics.rowsScored(len(a.Confidences), len(a.Errors))
		}
		if err := stream.Send(a); err != nil {
			return err
		}
	}
}
