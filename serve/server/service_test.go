package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/renameio/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
	"sluice/serve/policy"
	"sluice/serve/server/client"
)

var ctx = context.Background()

// sameOverREST holds a gRPC answer against the REST answer to the same call.
func sameOverREST(t *testing.T, s *testServer, method, path, body string, want proto.Message) {
	t.Helper()
	code, _, text := s.rest(t, method, path, body)
	got := want.ProtoReflect().New().Interface()
	if err := restMarshaler.UnmarshalOptions.Unmarshal([]byte(text), got); err != nil || code != http.StatusOK {
		t.Fatalf("%s %s: HTTP %d, %v: %s", method, path, code, err, text)
	}
	if !proto.Equal(got, want) {
		t.Errorf("%s %s:\n%v\nwant\n%v", method, path, got, want)
	}
}

func TestGetIpScore(t *testing.T) {
	lines := someLines(10)
	s := start(t, lines)
	for _, c := range []struct {
		ask, path string
		line      feed.Line
	}{
		{"192.0.2.3", "192.0.2.3", lines[3]},
		{"::ffff:192.0.2.3", "::ffff:192.0.2.3", lines[3]},
		{"::ffff:c000:203", "::ffff:c000:203", lines[3]},
		{"2001:db8:0:1::1", "2001:db8:0:1::1", lines[10]},
		{"2001:0DB8::1:0:0:0:1", "2001:0DB8::1:0:0:0:1", lines[10]},
		{"2001:db8:0:1::1", "2001%3Adb8%3A0%3A1%3A%3A1", lines[10]},
	} {
		got, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + c.ask})
		if err != nil {
			t.Errorf("%s: %v", c.ask, err)
			continue
		}
		back, err := client.Line(got)
		if err != nil || !back.Equal(&c.line) || got.Name != "ips/"+c.line.IP.String() {
			t.Errorf("%s: %v, %v", c.ask, got, err)
		}
		sameOverREST(t, s, "GET", "/v1/ips/"+c.path, "", got)
	}
}

// To find an address allocates nothing: what a lookup allocates is its answer.
func TestLookupAllocatesItsAnswer(t *testing.T) {
	s := start(t, someLines(200)).service
	for _, ip := range []string{"192.0.2.199", "2001:db8:0:5::1"} {
		l, err := s.feeds.acquire()
		if err != nil {
			t.Fatal(err)
		}
		defer l.release()
		var line feed.Line
		if found, err := l.Lookup(netip.MustParseAddr(ip), &line); !found || err != nil {
			t.Fatal(found, err)
		}
		r := s.rulings.at(time.Now())
		answer := testing.AllocsPerRun(200, func() { r.score(&line, policy.Verification{}) })
		q := &pb.GetIpScoreRequest{Name: "ips/" + ip}
		// The service's watchers allocate beside it now and then, which counts too.
		got := math.Inf(1)
		for try := 0; try < 20 && got > answer; try++ {
			got = min(got, testing.AllocsPerRun(200, func() {
				if _, err := s.GetIpScore(ctx, q); err != nil {
					t.Fatal(err)
				}
			}))
		}
		if got > answer {
			t.Errorf("%s: %v allocations, of which the answer is %v", ip, got, answer)
		}
	}
}

// Nothing of a line is lost on its way through the API's messages, whatever
// people say of it.
func TestIpScoreRoundTrip(t *testing.T) {
	said, err := policy.New(policy.Rules{Overrides: []policy.Override{{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Action: policy.Flag, Author: "a", Reason: "r"}}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.Float64Range(0, 1)
		seconds := rapid.Map(rapid.Int64Range(-60_000_000_000, 250_000_000_000), func(s int64) time.Time { return time.Unix(s, 0).UTC() })
		l := feed.Line{
			IP: testLine("192.0.2.1", 0).IP, Confidence: unit.Draw(t, "confidence"), Verdict: feed.Verdict(rapid.IntRange(1, 3).Draw(t, "verdict")),
			ModelVersion: rapid.String().Draw(t, "version"), AsOf: seconds.Draw(t, "as of"), ExpiresAt: seconds.Draw(t, "expires"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "reasons") {
			l.Reasons = append(l.Reasons, feed.Reason{
				Feature: rapid.String().Draw(t, "feature"), Contribution: rapid.Float64().Draw(t, "contribution"),
				Value: rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN())).Draw(t, "value"),
			})
		}
		for range rapid.IntRange(0, 3).Draw(t, "windows") {
			l.Windows = append(l.Windows, feed.Window{Attack: rapid.String().Draw(t, "attack"), Start: seconds.Draw(t, "start"), End: seconds.Draw(t, "end"), Confidence: unit.Draw(t, "window")})
		}
		r := ruling{&rulings{appeal: "ask@example.org"}, nobody, asOf}
		if rapid.Bool().Draw(t, "overridden") {
			r.policy = said
		}
		m := r.score(&l, policy.Verification{})
		b, err := proto.Marshal(m)
		if err != nil {
			t.Skip("text that is not UTF-8")
		}
		var again pb.IpScore
		if err := proto.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		back, err := client.Line(&again)
		if err != nil || !back.Equal(&l) {
			t.Fatalf("%v\n%+v\n%+v", err, back, l)
		}
	})
}

func TestBatchAndLookup(t *testing.T) {
	lines := someLines(10)
	s := start(t, lines)
	batch, err := s.client.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.9", "ips/2001:db8:0:1::1", "ips/192.0.2.9"}})
	if err != nil || len(batch.IpScores) != 3 || batch.IpScores[0].Ip != "192.0.2.9" || batch.IpScores[1].Ip != "2001:db8:0:1::1" || batch.IpScores[2].Ip != "192.0.2.9" {
		t.Fatalf("%v, %v", batch, err)
	}
	sameOverREST(t, s, "GET", "/v1/ips:batchGet?names=ips/192.0.2.9&names=ips/2001:db8:0:1::1&names=ips/192.0.2.9", "", batch)

	look, err := s.client.LookupIps(ctx, &pb.LookupIpsRequest{Ips: []string{"192.0.2.1", "198.51.100.1", "x", "::ffff:192.0.2.2", "fe80::1%lo"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []codes.Code{codes.OK, codes.NotFound, codes.InvalidArgument, codes.OK, codes.InvalidArgument} {
		r := look.Results[i]
		if codes.Code(r.Status.Code) != want || (r.IpScore != nil) != (want == codes.OK) {
			t.Errorf("%d: %v", i, r)
		}
		if want != codes.OK {
			checkDetails(t, r.Ip, status.FromProto(r.Status))
		}
	}
	if look.Results[3].Ip != "::ffff:192.0.2.2" || look.Results[3].IpScore.Ip != "192.0.2.2" {
		t.Errorf("%v", look.Results[3])
	}
	// A thousand, over REST in one line of a URL too.
	var names []string
	for i := range 1000 {
		names = append(names, "ips/"+lines[i%len(lines)].IP.StringExpanded())
	}
	if batch, err = s.client.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: names}); err != nil {
		t.Fatal(err)
	}
	sameOverREST(t, s, "GET", "/v1/ips:batchGet?names="+strings.Join(names, "&names="), "", batch)
}

// Pages of any size add up to the list that a filter asks for.
func TestListIpScores(t *testing.T) {
	lines := someLines(200)
	s := start(t, lines)
	for _, c := range []struct {
		filter string
		match  func(*feed.Line) bool
	}{
		{"", func(*feed.Line) bool { return true }},
		{"confidence >= 0.5 AND verdict = ABUSIVE", func(l *feed.Line) bool { return l.Confidence >= 0.5 }},
		{`ip = "192.0.2.1*"`, func(l *feed.Line) bool { return strings.HasPrefix(l.IP.String(), "192.0.2.1") }},
		{"confidence > 2", func(*feed.Line) bool { return false }},
	} {
		var want []string
		for i := range lines {
			if c.match(&lines[i]) {
				want = append(want, lines[i].IP.String())
			}
		}
		for _, size := range []int32{1, 7, 0, 1000, 5000} {
			if size == 1 && len(want) > 100 && testing.Short() {
				continue
			}
			var got []string
			q := &pb.ListIpScoresRequest{PageSize: size, Filter: c.filter}
			for pages := 0; ; pages++ {
				a, err := s.client.ListIpScores(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				if size > 0 && len(a.IpScores) > int(min(size, 1000)) || size == 0 && len(a.IpScores) > 100 {
					t.Fatalf("%d scores on a page of %d", len(a.IpScores), size)
				}
				for _, x := range a.IpScores {
					got = append(got, x.Ip)
				}
				if a.NextPageToken == "" {
					break
				}
				if strings.ContainsAny(a.NextPageToken, "+/=") || pages > 1000 {
					t.Fatalf("token %q on page %d", a.NextPageToken, pages)
				}
				q.PageToken = a.NextPageToken
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("filter %q, pages of %d: %d scores, want %d", c.filter, size, len(got), len(want))
			}
		}
	}
	a, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{PageSize: 3, Filter: "verdict = ABUSIVE"})
	if err != nil {
		t.Fatal(err)
	}
	sameOverREST(t, s, "GET", "/v1/ips?page_size=3&filter=verdict+%3D+ABUSIVE", "", a)
	// A token is bound to its filter, and to itself.
	for _, q := range []*pb.ListIpScoresRequest{
		{PageToken: a.NextPageToken}, {PageToken: a.NextPageToken, Filter: "verdict = ABSTAIN"},
		{PageToken: a.NextPageToken + "A", Filter: "verdict = ABUSIVE"}, {PageToken: a.NextPageToken[:9] + "-" + a.NextPageToken[10:], Filter: "verdict = ABUSIVE"},
	} {
		if _, err := s.client.ListIpScores(ctx, q); status.Code(err) != codes.InvalidArgument {
			t.Errorf("token %q, filter %q: %v", q.PageToken, q.Filter, err)
		}
	}
}

// Pages go on with the feed they were begun on, though a newer one serves.
func TestPagesOutliveAFeed(t *testing.T) {
	lines := someLines(50)
	s := start(t, lines)
	a, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{PageSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	writeFeed(t, s.home, "2024-09-01", lines[:5])
	s.waitFor(t, "2024-09-01")
	b, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{PageSize: 10, PageToken: a.NextPageToken})
	if err != nil || len(b.IpScores) != 10 || b.IpScores[0].Ip != lines[10].IP.String() {
		t.Errorf("%v, %v", b, err)
	}
	if err := os.Remove(feed.Open(s.home).Path("2024-08-31")); err != nil {
		t.Fatal(err)
	}
	// While it is open it still answers; once it is gone, the caller starts again.
	s.feeds.close()
	s.waitFor(t, "2024-09-01")
	if _, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{PageSize: 10, PageToken: a.NextPageToken}); status.Code(err) != codes.Aborted {
		t.Errorf("the feed is gone: %v", err)
	}
}

// waitFor waits until the feed of a date serves.
func (s *testServer) waitFor(t testing.TB, d feed.Date) {
	t.Helper()
	for range 500 {
		if l, err := s.feeds.acquire(); err == nil {
			date := l.Date()
			l.release()
			if date == d {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the feed of %s is not loaded", d)
}

func TestGetPrefixScores(t *testing.T) {
	lines := someLines(100) // confidence i/256
	s := start(t, lines)
	a, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.64/26", PageSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	// 64 to 99, none of them from 0.5 upwards.
	want := &pb.PrefixRollUp{Prefix: "192.0.2.64/26", MemberCount: 36, NotAbusiveCount: 36, MaxConfidence: 99.0 / 256, MeanConfidence: (64.0 + 99) / 2 / 256}
	if !proto.Equal(a.RollUp, want) || len(a.Members) != 10 || a.Members[0].Ip != "192.0.2.64" || a.NextPageToken == "" || len(a.Subprefixes) != 0 {
		t.Errorf("%v\nwant %v", a.RollUp, want)
	}
	sameOverREST(t, s, "GET", "/v1/prefixes?prefix=192.0.2.64/26&page_size=10", "", a)
	b, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.64/26", PageSize: 1000, PageToken: a.NextPageToken})
	if err != nil || len(b.Members) != 26 || b.NextPageToken != "" || !proto.Equal(b.RollUp, want) || b.Members[0].Ip != "192.0.2.74" {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.0/26", PageToken: a.NextPageToken}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("another prefix's token: %v", err)
	}
	six, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "2001:db8::/48"})
	if err != nil || len(six.Subprefixes) != 100 || six.RollUp.MemberCount != 100 || six.Subprefixes[1].Prefix != "2001:db8:0:2::/64" || six.Subprefixes[1].MeanConfidence != 1.0/256 {
		t.Errorf("%v, %v", six, err)
	}
	none, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "198.51.100.0/24"})
	if err != nil || none.RollUp.MemberCount != 0 || len(none.Members) != 0 {
		t.Errorf("an empty prefix: %v, %v", none, err)
	}
}

func TestLastAddr(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.255", "192.0.2.64/26": "192.0.2.127", "192.0.2.1/32": "192.0.2.1",
		"2001:db8::/48": "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8::1/128": "2001:db8::1", "2001:db8::/63": "2001:db8:0:1:ffff:ffff:ffff:ffff",
	} {
		if got := lastAddr(netip.MustParsePrefix(in)).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// An ipoid-style job: it applies changes to its copy and ends with the feed.
func TestExportAndChanges(t *testing.T) {
	older, newer := someLines(60), someLines(90)[20:]
	newer[3].Confidence = 0.99
	home := ""
	s := start(t, older, func(c *Config) { home = c.Dir })
	writeFeed(t, home, "2024-09-01", newer)
	s.waitFor(t, "2024-09-01")

	export := func(name string, offset int64) (*pb.Feed, []byte) {
		t.Helper()
		stream, err := s.client.ExportFeed(ctx, &pb.ExportFeedRequest{Name: name, Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.Recv()
		if err != nil || m.GetFeed() == nil {
			t.Fatalf("%v, %v", m, err)
		}
		var b bytes.Buffer
		for {
			c, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return m.GetFeed(), b.Bytes()
			}
			if err != nil {
				t.Fatal(err)
			}
			b.Write(c.GetChunk())
		}
	}
	parse := func(b []byte) map[string]feed.Line {
		t.Helper()
		r, err := feed.NewReader(bytes.NewReader(b), "copy")
		if err != nil {
			t.Fatal(err)
		}
		lines := map[string]feed.Line{}
		for {
			var l feed.Line
			err := r.Next(&l)
			if errors.Is(err, io.EOF) {
				return lines
			}
			if err != nil {
				t.Fatal(err)
			}
			lines[l.IP.String()] = l
		}
	}
	d, whole := export("feeds/2024-08-31", 0)
	sum := sha256.Sum256(whole)
	if d.Sha256 != hex.EncodeToString(sum[:]) || int(d.SizeBytes) != len(whole) || d.RowCount != 120 || d.ModelVersion != champion || d.SchemaVersion != feed.SchemaVersion {
		t.Errorf("%v", d)
	}
	if _, rest := export("feeds/2024-08-31", 100); !bytes.Equal(rest, whole[100:]) {
		t.Error("a download that goes on at 100 is not the rest")
	}
	if d, b := export("feeds/latest", 0); d.Name != "feeds/2024-09-01" || d.GenerateTime.AsTime() != asOf || len(b) == 0 {
		t.Errorf("%v", d)
	}
	if _, b := export("feeds/2024-08-31", d.SizeBytes); len(b) != 0 {
		t.Error("something after the end")
	}
	stream, err := s.client.ExportFeed(ctx, &pb.ExportFeedRequest{Name: "feeds/latest", Offset: 1 << 40})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("an offset beyond the end: %v", err)
	}

	copied := parse(whole)
	kinds := map[pb.FeedChange_Kind]int{}
	q := &pb.ListFeedChangesRequest{Name: "feeds/latest", Since: "2024-08-31", PageSize: 7}
	for {
		a, err := s.client.ListFeedChanges(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if q.PageToken == "" {
			sameOverREST(t, s, "GET", "/v1/feeds/latest:changes?since=2024-08-31&page_size=7", "", a)
		}
		for _, c := range a.Changes {
			kinds[c.Kind]++
			if c.Kind == pb.FeedChange_KIND_REMOVED {
				delete(copied, c.Ip)
				continue
			}
			l, err := client.Line(c.IpScore)
			if err != nil || l.IP.String() != c.Ip {
				t.Fatal(err)
			}
			copied[c.Ip] = l
		}
		if q.PageToken = a.NextPageToken; q.PageToken == "" {
			break
		}
	}
	_, b := export("feeds/latest", 0)
	want := parse(b)
	if len(copied) != len(want) {
		t.Errorf("%d lines in the copy, %d in the feed", len(copied), len(want))
	}
	for ip, l := range want {
		if got := copied[ip]; !got.Equal(&l) {
			t.Errorf("%s differs", ip)
		}
	}
	// 192.0.2.0 to .19 go, .60 to .89 and 2001:db8:0:3d::1 to 5a come.
	if kinds[pb.FeedChange_KIND_REMOVED] != 20 || kinds[pb.FeedChange_KIND_ADDED] != 60 || kinds[pb.FeedChange_KIND_CHANGED] != 1 {
		t.Errorf("%v", kinds)
	}
}

// Between any two dates, in either direction, a copy of the one feed and the
// differences are the other.
func TestChangesBetweenAnyTwoDates(t *testing.T) {
	dates := []feed.Date{"2024-08-27", "2024-08-28", "2024-08-30", "2024-08-31"}
	feeds := map[feed.Date]map[string]feed.Line{}
	all := someLines(40)
	rng := rand.New(rand.NewPCG(5, 6))
	var s *testServer
	for i, d := range dates {
		feeds[d] = map[string]feed.Line{}
		var lines []feed.Line
		for _, l := range all {
			if rng.IntN(3) == 0 {
				continue // retracted, or not there yet
			}
			if rng.IntN(3) == 0 {
				l.Confidence = float64(rng.IntN(3)) / 2
				l.ExpiresAt = l.ExpiresAt.Add(time.Duration(rng.IntN(2)) * time.Hour)
			}
			lines = append(lines, l)
			feeds[d][l.IP.String()] = l
		}
		if i == 0 {
			s = start(t, nil)
		}
		writeFeed(t, s.home, d, lines)
	}
	s.waitFor(t, "2024-08-31")
	for _, since := range dates {
		for _, to := range dates {
			copied := maps.Clone(feeds[since])
			q := &pb.ListFeedChangesRequest{Name: "feeds/" + string(to), Since: string(since), PageSize: 9}
			for {
				a, err := s.client.ListFeedChanges(ctx, q)
				if err != nil {
					t.Fatalf("%s to %s: %v", since, to, err)
				}
				for _, c := range a.Changes {
					_, had := copied[c.Ip]
					if had != (c.Kind != pb.FeedChange_KIND_ADDED) || since == to {
						t.Errorf("%s to %s: %v of %s", since, to, c.Kind, c.Ip)
					}
					if c.Kind == pb.FeedChange_KIND_REMOVED {
						delete(copied, c.Ip)
						continue
					}
					if copied[c.Ip], err = client.Line(c.IpScore); err != nil {
						t.Fatal(err)
					}
				}
				if q.PageToken = a.NextPageToken; q.PageToken == "" {
					break
				}
			}
			if !maps.EqualFunc(copied, feeds[to], func(a, b feed.Line) bool { return a.Equal(&b) }) {
				t.Errorf("%s and its differences are not %s: %d lines, want %d", since, to, len(copied), len(feeds[to]))
			}
		}
	}
}

// The feed's file over HTTP: descriptor, ETag, Range, and what must not be put
// together from two files.
func TestFeedFiles(t *testing.T) {
	s := start(t, someLines(100))
	whole, err := os.ReadFile(feed.Open(s.home).Path("2024-08-31"))
	if err != nil {
		t.Fatal(err)
	}
	code, head, body := s.rest(t, "GET", "/v1/feeds/latest", "")
	d, err := feed.ParseLatest([]byte(body))
	if code != 200 || err != nil || d.Rows != 200 || d.SHA256 == "" {
		t.Fatalf("%d %s, %v", code, body, err)
	}
	if head.Get("ETag") == "" {
		t.Error("the descriptor has no ETag")
	}
	for _, path := range []string{"/v1/feeds/2024-08-31", "/v1/feeds/" + d.Location} {
		code, head, body = s.rest(t, "GET", path, "")
		if code != 200 || body != string(whole) || head.Get("ETag") != `"`+d.SHA256+`"` || head.Get("Content-Type") != "application/gzip" || head.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d, %d bytes, %v", path, code, len(body), head)
		}
	}
	tag := `"` + d.SHA256 + `"`
	if code, head, body = s.rest(t, "GET", "/v1/feeds/2024-08-31", "", "Range", "bytes=50-", "If-Range", tag); code != 206 || body != string(whole[50:]) {
		t.Errorf("the rest: %d %v", code, head)
	}
	if code, _, body = s.rest(t, "GET", "/v1/feeds/2024-08-31", "", "Range", "bytes=50-", "If-Range", `"other"`); code != 200 || body != string(whole) {
		t.Errorf("the rest of another file: %d, %d bytes", code, len(body))
	}
	if code, _, body = s.rest(t, "GET", "/v1/feeds/2024-08-31", "", "If-None-Match", tag); code != 304 || body != "" {
		t.Errorf("unchanged: %d", code)
	}
	if code, head, _ = s.rest(t, "GET", "/v1/feeds/latest.jsonl.gz", ""); code != 302 || head.Get("Location") != "/v1/feeds/2024-08-31.jsonl.gz" {
		t.Errorf("latest: %d %v", code, head)
	}
	if code, _, body = s.rest(t, "HEAD", "/v1/feeds/2024-08-31", ""); code != 200 || body != "" {
		t.Errorf("HEAD: %d", code)
	}
}

func TestIpoid(t *testing.T) {
	s := start(t, someLines(3))
	code, _, body := s.rest(t, "GET", "/feed/v1/ip/::ffff:192.0.2.2", "")
	if code != 200 {
		t.Fatal(code, body)
	}
	golden(t, "ipoid.golden", body)
	code, head, body := s.rest(t, "GET", "/feed/v1/ip/2001:DB8::99", "")
	if code != 404 || body != "No data found for 2001:db8::99" || !strings.HasPrefix(head.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s", code, body)
	}
}

func TestVersions(t *testing.T) {
	s := start(t, someLines(1))
	a, err := s.client.ListModelVersions(ctx, &pb.ListModelVersionsRequest{})
	if err != nil || len(a.ModelVersions) != 2 || a.ModelVersions[0].Version != challenger || a.NextPageToken != "" {
		t.Fatalf("%v, %v", a, err)
	}
	sameOverREST(t, s, "GET", "/v1/modelVersions", "", a)
	one, err := s.client.ListModelVersions(ctx, &pb.ListModelVersionsRequest{PageSize: 1})
	if err != nil || len(one.ModelVersions) != 1 {
		t.Fatal(one, err)
	}
	two, err := s.client.ListModelVersions(ctx, &pb.ListModelVersionsRequest{PageSize: 1, PageToken: one.NextPageToken})
	if err != nil || len(two.ModelVersions) != 1 || !proto.Equal(two.ModelVersions[0], a.ModelVersions[1]) || two.NextPageToken != "" {
		t.Errorf("%v, %v", two, err)
	}
	v, err := s.client.GetModelVersion(ctx, &pb.GetModelVersionRequest{Name: "modelVersions/champion"})
	if err != nil || !proto.Equal(v, a.ModelVersions[1]) || !v.Champion || v.Features[0].Unit != "requests" || v.Metrics[0].AtHalf.TruePositiveCount != 4 {
		t.Errorf("%v, %v", v, err)
	}
	sameOverREST(t, s, "GET", "/v1/modelVersions/"+champion, "", v)
}

// New feeds take their place under load: every answer is of one feed or the
// other, none is lost.
func TestFeedsSwapUnderLoad(t *testing.T) {
	lines := someLines(100)
	s := start(t, lines)
	done := make(chan struct{})
	var wg sync.WaitGroup
	var calls atomic.Int64
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				l := lines[(i*7+w)%len(lines)]
				a, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + l.IP.String()})
				if err != nil || a.Ip != l.IP.String() || a.Confidence != l.Confidence {
					t.Errorf("%v, %v", a, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	n := 8
	if testing.Short() {
		n = 3
	}
	for i := range n {
		d := feed.DateOf(asOf.AddDate(0, 0, i))
		writeFeed(t, s.home, d, lines)
		s.waitFor(t, d)
	}
	close(done)
	wg.Wait()
	t.Logf("%d calls over %d swaps", calls.Load(), n)
}

// A feed that can't be loaded is reported, and the old one goes on.
func TestABadFeedDoesNotServe(t *testing.T) {
	var mu sync.Mutex
	var warnings []string
	s := start(t, someLines(5), func(c *Config) {
		c.Events = func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Warning != nil {
				warnings = append(warnings, e.Warning.Message)
			}
		}
	})
	writeFeed(t, s.home+"/x", "2024-09-01", someLines(4))
	f := feed.Open(s.home)
	latest, err := os.ReadFile(s.home + "/x/feeds/latest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path("2024-09-01"), []byte("not a feed"), 0o600); err != nil {
		t.Fatal(err)
	}
	// At once, as train does it: half a file would be another warning.
	if err := renameio.WriteFile(s.home+"/feeds/latest.json", latest, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		mu.Lock()
		n := len(warnings)
		mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // it is not reported again and again
	mu.Lock()
	defer mu.Unlock()
	if len(warnings) != 1 || !strings.Contains(warnings[0], "2024-09-01.jsonl.gz is no gzip file") {
		t.Errorf("%q", warnings)
	}
	if _, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.4"}); err != nil {
		t.Error("the old feed does not serve:", err)
	}
}
