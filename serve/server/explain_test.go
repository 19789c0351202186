package server

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// Contributions of a hundred trees add up to the margin too, which is the one
// that the row is scored with.
func TestExplanationsAddUp(t *testing.T) {
	august, _ := row.ParseMonth("2024-08")
	hour := asOf.Add(-time.Hour).Unix() / 3600
	m := &featurestore.Month{Month: august, Columns: columns.Names()}
	var lines []feed.Line
	const n = 20
	all := rowValues(n)
	for i := range n {
		l := testLine(fmt.Sprintf("192.0.2.%d", i), 0.5)
		lines = append(lines, l)
		r := row.Row{Key: row.Key{Month: august, Attack: "2024-08", IP: l.IP}, Values: all[i*columns.NumFeatures:][:columns.NumFeatures], Hours: []row.HourCount{{Hour: hour, Requests: 1}}}
		r.Values[columns.RequestCount], r.Values[1+i%(columns.NumFeatures-1)] = 1, math.NaN()
		r.First, r.Last = hour*3600, hour*3600+5
		m.Rows = append(m.Rows, r)
	}
	home := t.TempDir()
	writeMonth(t, home, m)
	model := benchScorer(t)
	s := start(t, lines, func(c *Config) { c.Rows, c.Models = newStoreRows(home), &oneModel{newFakeModels(), model} })
	for i, l := range lines {
		a, err := s.client.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/" + l.IP.String()})
		if err != nil || len(a.Windows) != 1 {
			t.Fatalf("%v, %v", a, err)
		}
		w := a.Windows[0]
		sum := w.BaseValue
		x := make([]float32, columns.NumFeatures)
		for j, c := range w.Contributions {
			sum += c.Contribution
			if (c.Value == nil) != math.IsNaN(m.Rows[i].Values[j]) {
				t.Errorf("%s of %s is %v", c.Feature, l.IP, c.Value)
			}
			x[j] = float32(m.Rows[i].Values[j])
		}
		score := model.AppendScores(nil, x, 1, 1)[0]
		if math.Abs(sum-w.Margin) > 1e-5 || w.Margin != float64(score.Margin) || len(w.Contributions) != columns.NumFeatures {
			t.Errorf("%s: %d contributions add up to %v, the margin is %v, the row's %v", l.IP, len(w.Contributions), sum, w.Margin, score.Margin)
		}
	}
}

func writeMonth(t *testing.T, home string, m *featurestore.Month) {
	t.Helper()
	store, err := featurestore.Open(home, featurestore.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.WriteMonth(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// An explanation is of the row in the store, and adds up to the margin.
func TestExplainIp(t *testing.T) {
	home := t.TempDir()
	write := func(m *featurestore.Month) { t.Helper(); writeMonth(t, home, m) }
	ip, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	august, _ := row.ParseMonth("2024-08")
	names := columns.Names()
	values := func(v float64) []float64 {
		x := make([]float64, len(names))
		for i := range x {
			x[i] = v / 16 * float64(i%3)
		}
		x[columns.RequestCount] = 3
		x[columns.NotNullRefererRatio] = math.NaN()
		return x
	}
	hour := asOf.Add(-time.Hour).Unix() / 3600
	m := &featurestore.Month{Month: august, Columns: names}
	for _, r := range []row.Row{
		{Key: row.Key{Month: august, Attack: "a", IP: ip}, Values: values(4), Hours: []row.HourCount{{Hour: hour, Requests: 3}}},
		{Key: row.Key{Month: august, Attack: "a", IP: other}, Values: values(1), Hours: []row.HourCount{{Hour: hour, Requests: 3}}},
		{Key: row.Key{Month: august, Attack: "b", IP: ip}, Values: values(2), Hours: []row.HourCount{{Hour: hour - 1, Requests: 1}, {Hour: hour, Requests: 2}}},
	} {
		r.First, r.Last = (hour-1)*3600, hour*3600+5
		m.Rows = append(m.Rows, r)
	}
	write(m)
	l := testLine("192.0.2.1", 0.5)
	l.Windows = []feed.Window{
		{Attack: "b", Start: asOf.Add(time.Hour), End: asOf.Add(2 * time.Hour), Confidence: 0.5}, // its first request came in September
		{Attack: "a", Start: asOf.Add(-2 * time.Hour), End: asOf, Confidence: 0.25},
	}
	gone := testLine("192.0.2.9", 0.5)
	s := start(t, []feed.Line{l, gone}, func(c *Config) { c.Rows = newStoreRows(home) })
	a, err := s.client.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Windows) != 2 || a.Windows[0].Window.Attack != "a" || a.IpScore.Ip != "192.0.2.1" {
		t.Fatalf("%v", a)
	}
	for _, w := range a.Windows {
		sum := w.BaseValue
		for i, c := range w.Contributions {
			if c.Feature != names[i] {
				t.Errorf("contribution %d is of %s", i, c.Feature)
			}
			sum += c.Contribution
		}
		if math.Abs(sum-w.Margin) > 1e-6 || math.Abs(1/(1+math.Exp(-w.Margin))-w.RawProbability) > 1e-9 {
			t.Errorf("contributions add up to %v, the margin is %v, the probability %v", sum, w.Margin, w.RawProbability)
		}
		if w.Contributions[columns.NotNullRefererRatio].Value != nil || *w.Contributions[columns.RequestCount].Value != 3 {
			t.Errorf("%v", w.Contributions)
		}
	}
	if h := a.Windows[1].HourlyRequests; len(h) != 2 || h[0].StartTime.Seconds != (hour-1)*3600 || h[1].RequestCount != 2 {
		t.Errorf("hours %v", h)
	}
	sameOverREST(t, s, "GET", "/v1/ips/192.0.2.1:explain", "", a)
	sameOverREST(t, s, "GET", "/v1/ips/::ffff:192.0.2.1:explain", "", a)
	if _, err := s.client.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.9"}); status.Code(err) != codes.NotFound {
		t.Errorf("a row that is gone: %v", err)
	}

	// A month that is built again is read again, by calls that run meanwhile as
	// well; one that is not is not opened twice.
	for i := range m.Rows {
		m.Rows[i].Values[columns.RequestCount] = 5
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				a, err := s.client.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.1"})
				if err != nil {
					t.Error(err)
					return
				}
				x := *a.Windows[0].Contributions[columns.RequestCount].Value
				y := *a.Windows[1].Contributions[columns.RequestCount].Value
				if x != 3 && x != 5 || y != 3 && y != 5 {
					t.Errorf("request_count %v and %v", x, y)
				}
			}
		})
	}
	write(m)
	all.Wait()
	if a, err = s.client.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.1"}); err != nil || *a.Windows[0].Contributions[columns.RequestCount].Value != 5 {
		t.Errorf("after the month was written again: %v, %v", a, err)
	}
	files := s.Server.service.rows.(*storeRows)
	open := files.months[0]
	if _, err = s.client.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.1"}); err != nil || files.months[0] != open {
		t.Errorf("the month was opened again, %v", err)
	}
	if len(files.months) != 1 || open.users != 1 {
		t.Errorf("%d months are open, with %d users", len(files.months), open.users)
	}
}
