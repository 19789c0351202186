package server

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
)

// Rows are scored whatever the order of their columns, each by itself.
func TestScoreRows(t *testing.T) {
	s := start(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		model := s.models.scorers[champion]
		order := rapid.Permutation(columns.Names()).Draw(rt, "order")
		n := rapid.IntRange(1, 20).Draw(rt, "rows")
		q := &pb.ScoreRowsRequest{FeatureNames: order, MaxReasons: int32(rapid.IntRange(0, 12).Draw(rt, "reasons"))}
		if rapid.Bool().Draw(rt, "named") {
			q.ModelVersion = champion
		}
		bad := map[int]bool{}
		x := make([][]float32, n)
		for r := range n {
			x[r] = make([]float32, len(order))
			for _, name := range order {
				v := rapid.OneOf(rapid.Float64Range(0, 1), rapid.Just(math.NaN()), rapid.SampledFrom([]float64{0, 1, -1, 2, math.Inf(1), 1e300})).Draw(rt, "value")
				q.Values = append(q.Values, v)
				c, _ := columns.ByName(name)
				switch {
				case math.IsNaN(v):
				case v < 0, math.Abs(v) > math.MaxFloat32, c.Type == columns.Ratio && v > 1:
					bad[r] = true
				}
				for i, f := range model.names {
					if f == name {
						x[r][i] = float32(v)
					}
				}
			}
		}
		a, err := s.client.ScoreRows(ctx, q)
		if err != nil {
			rt.Fatal(err)
		}
		if len(a.Confidences) != n || len(a.Verdicts) != n || a.ModelVersion != champion || len(a.Errors) != len(bad) {
			rt.Fatalf("%d rows, %d bad: %v", n, len(bad), a)
		}
		for _, e := range a.Errors {
			if !bad[int(e.Row)] || codes.Code(e.Status.Code) != codes.InvalidArgument {
				rt.Fatalf("row %d: %v", e.Row, e.Status)
			}
		}
		for r := range n {
			if bad[r] {
				if !math.IsNaN(a.Confidences[r]) || a.Verdicts[r] != pb.Verdict_VERDICT_UNSPECIFIED {
					rt.Fatalf("bad row %d: %v %v", r, a.Confidences[r], a.Verdicts[r])
				}
				continue
			}
			want := model.of(x[r])
			if a.Confidences[r] != want.Confidence || a.Verdicts[r] != verdictOfScore(want.Verdict) {
				rt.Fatalf("row %d: %v %v, want %+v", r, a.Confidences[r], a.Verdicts[r], want)
			}
			if q.MaxReasons > 0 && len(a.Reasons[r].Reasons) != int(q.MaxReasons) || q.MaxReasons == 0 && a.Reasons != nil {
				rt.Fatalf("row %d: %d reasons, want %d", r, len(a.Reasons), q.MaxReasons)
			}
		}
	})
	a, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: []string{"request_count", "spider_ratio"}, Values: []float64{1, 0.5, 3, 2, 4, 1}, MaxReasons: 1})
	if err != nil || len(a.Errors) != 1 || a.Errors[0].Row != 1 || a.Errors[0].Status.Message != "spider_ratio is 2: want a share in [0, 1]" {
		t.Errorf("%v, %v", a, err)
	}
	code, _, body := s.rest(t, "POST", "/v1/rows:score", `{"model_version":"`+challenger+`","feature_names":["request_count","spider_ratio"],"values":[1,0.5,3,2,"NaN",1],"max_reasons":1}`)
	if code != 200 {
		t.Fatal(code, body)
	}
	golden(t, "rows.golden", compact(body)+"\n")
}

func TestStreamScores(t *testing.T) {
	s := start(t, nil)
	stream, err := s.client.StreamScores(ctx)
	if err != nil {
		t.Fatal(err)
	}
	two := []string{"spider_ratio", "request_count"}
	step := func(q *pb.StreamScoresRequest, want codes.Code, version string, rows int) {
		t.Helper()
		if err := stream.Send(q); err != nil {
			t.Fatal(err)
		}
		a, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if codes.Code(a.GetStatus().GetCode()) != want || a.Id != q.Id || a.ModelVersion != version || len(a.Confidences) != rows {
			t.Errorf("%v\nanswers %v", q, a)
		}
	}
	step(&pb.StreamScoresRequest{Id: 1, Values: []float64{1}}, codes.InvalidArgument, "", 0) // no names yet
	step(&pb.StreamScoresRequest{Id: 2, ModelVersion: challenger, FeatureNames: two, Values: []float64{0, 1, 1, 2}}, codes.OK, challenger, 2)
	step(&pb.StreamScoresRequest{Id: 3, Values: []float64{0, 1}}, codes.OK, challenger, 1)
	step(&pb.StreamScoresRequest{Id: 4, Values: []float64{0, 1, 2}}, codes.InvalidArgument, "", 0)
	step(&pb.StreamScoresRequest{Id: 5, Values: []float64{0, 1}}, codes.OK, challenger, 1)
	step(&pb.StreamScoresRequest{Id: 6, ModelVersion: "2020-01-000000000000", Values: []float64{0, 1}}, codes.NotFound, "", 0)
	step(&pb.StreamScoresRequest{Id: 7, ModelVersion: champion, FeatureNames: columns.Names(), Values: make([]float64, 24)}, codes.OK, champion, 2)
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
	// A stream that names no version follows the champion.
	s.models.promote(challenger)
	if stream, err = s.client.StreamScores(ctx); err != nil {
		t.Fatal(err)
	}
	step(&pb.StreamScoresRequest{FeatureNames: two, Values: []float64{0, 1}}, codes.OK, challenger, 1)
	s.models.promote(champion)
	step(&pb.StreamScoresRequest{Values: []float64{0, 1}}, codes.InvalidArgument, "", 0) // the champion needs all twelve
	s.models.promote(challenger)
	step(&pb.StreamScoresRequest{Values: []float64{0, 1}}, codes.OK, challenger, 1)
}

// Over REST a body may be as large as over gRPC, and no larger.
func TestMessageLimit(t *testing.T) {
	s := start(t, nil)
	big := make([]float64, maxMessage/8)
	_, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: big})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("gRPC: %v", err)
	}
	body := `{"values":[` + strings.Repeat("0,", maxMessage/2) + `0]}`
	if code, _, text := s.rest(t, "POST", "/v1/rows:score", body); code != 429 || !strings.Contains(text, "larger than 16 MiB") {
		t.Errorf("REST: %d %s", code, text)
	}
}

// The largest allowed call is answered.
func TestManyRows(t *testing.T) {
	s := start(t, nil)
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: make([]float64, maxRows*12)}
	a, err := s.client.ScoreRows(ctx, q)
	if err != nil || len(a.Confidences) != maxRows {
		t.Fatal(err)
	}
	if n := proto.Size(q); n > maxMessage {
		t.Errorf("%d bytes", n)
	}
}
