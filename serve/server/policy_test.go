package server

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
	"sluice/serve/policy"
)

const (
	agentGooglebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	agentBrowser   = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
)

// policyLines is a feed of which 192.0.2.200 and up are flagged.
func policyLines() []feed.Line {
	lines := []feed.Line{testLine("192.0.2.1", 0.1)}
	for _, ip := range []string{"192.0.2.200", "192.0.2.201", "192.0.2.202", "192.0.2.203", "192.0.2.204", "198.51.100.7"} {
		lines = append(lines, testLine(ip, 0.9))
	}
	lines[5].Reasons = append(lines[5].Reasons[:1:1], feed.Reason{Feature: "spider_ratio", Value: 1, Contribution: 1.5})
	return lines
}

// policyFiles writes the files of a policy.
func policyFiles(t *testing.T, overrides string) policy.Files {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return policy.Files{
		Overrides: put("allow.txt", overrides),
		Crawlers:  []policy.NamedFile{{Name: "Examplebot", Path: put("bot.json", `{"creationTime": "2024-08-30", "prefixes": [{"ipv4Prefix": "198.51.100.0/24"}]}`)}},
		Shared:    []policy.NamedFile{{Name: "mobile carrier", Path: put("shared.txt", "192.0.2.202/31\n")}},
	}
}

const saidOverrides = `192.0.2.200 allow 2024-08-03..2999-01-31 alice monitoring of our own
192.0.2.201 abstain never bob being looked into
192.0.2.1   flag  2999-12-31 carol rented for the attack
203.0.113.0/24 flag never carol never seen, known all the same
192.0.2.203 allow 2001-01-01 dan long over
`

// TestDecisions holds the answer for each case against a file.
func TestDecisions(t *testing.T) {
	files := policyFiles(t, saidOverrides)
	dns := policy.Hosts{
		Names: map[string][]string{"192.0.2.203": {"crawl-203.googlebot.com."}},
		Addrs: map[string][]netip.Addr{"crawl-203.googlebot.com": {netip.MustParseAddr("192.0.2.203")}},
	}
	s := start(t, policyLines(), func(c *Config) {
		c.Policy, c.Appeal, c.Resolver = files, "https://example.org/appeal", dns
	})
	var b strings.Builder
	for _, c := range []struct{ what, ip, agent string }{
		{"taken off by a person", "192.0.2.200", ""},
		{"undecided by a person", "192.0.2.201", ""},
		{"flagged by a person", "192.0.2.1", ""},
		{"flagged by the model, behind a carrier", "192.0.2.202", ""},
		{"an override that ran out", "192.0.2.203", ""},
		{"in a crawler's ranges", "198.51.100.7", ""},
		{"calls itself a crawler", "192.0.2.204", ""},
		{"not in the feed", "203.0.113.9", ""},
		{"a crawler by its name", "192.0.2.203", agentGooglebot},
		{"only says so", "192.0.2.202", agentGooglebot},
		{"a browser", "192.0.2.202", agentBrowser},
		{"not in the feed, only says so", "192.0.2.99", agentGooglebot},
		{"an override goes before a crawler", "192.0.2.1", agentGooglebot},
	} {
		got, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + c.ip, UserAgent: c.agent})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got.Verdict != got.Decision.Verdict || got.Ip != c.ip || got.Name != "ips/"+c.ip {
			t.Errorf("%s: %v", c.what, got)
		}
		// Prototext varies its spaces on purpose.
		text := strings.ReplaceAll(prototext.MarshalOptions{Multiline: true}.Format(got.Decision), ":  ", ": ")
		b.WriteString("# " + c.what + "\n" + text + "\n")
	}
	golden(t, "decisions.golden", b.String())

	for _, ip := range []string{"192.0.2.99", "198.51.100.8"} {
		if _, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + ip, UserAgent: agentBrowser}); status.Code(err) != codes.NotFound && ip == "192.0.2.99" {
			t.Errorf("%s: %v, want NOT_FOUND", ip, err)
		}
		if _, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + ip}); status.Code(err) != codes.NotFound {
			t.Errorf("%s: %v, want NOT_FOUND", ip, err)
		}
	}
	_, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.1", UserAgent: strings.Repeat("x", maxUserAgent+1)})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "user_agent: 4097 bytes") {
		t.Errorf("%v", err)
	}
}

// TestDecisionsEverywhere: each call that answers for an address says the same
// of it, over gRPC and REST.
func TestDecisionsEverywhere(t *testing.T) {
	s := start(t, policyLines(), func(c *Config) { c.Policy, c.Appeal = policyFiles(t, saidOverrides), "ask@example.org" })
	want := map[string]*pb.IpScore{}
	for _, ip := range []string{"192.0.2.1", "192.0.2.200", "192.0.2.201", "192.0.2.202", "192.0.2.203", "192.0.2.204", "198.51.100.7", "203.0.113.9"} {
		got, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + ip})
		if err != nil {
			t.Fatal(ip, err)
		}
		sameOverREST(t, s, "GET", "/v1/ips/"+ip, "", got)
		want[ip] = got
	}
	same := func(call string, got ...*pb.IpScore) {
		t.Helper()
		for _, g := range got {
			if !proto.Equal(g, want[g.GetIp()]) {
				t.Errorf("%s says of %s\n%v, want\n%v", call, g.GetIp(), g, want[g.GetIp()])
			}
		}
	}
	batch, err := s.client.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/203.0.113.9", "ips/192.0.2.200"}})
	if err != nil || len(batch.GetIpScores()) != 2 {
		t.Fatal(err)
	}
	same("batchGet", batch.IpScores...)
	look, err := s.client.LookupIps(ctx, &pb.LookupIpsRequest{Ips: []string{"203.0.113.9", "192.0.2.1", "x"}})
	if err != nil || look.Results[0].Status.GetCode() != 0 || look.Results[2].Status.GetCode() != int32(codes.InvalidArgument) {
		t.Fatal(look, err)
	}
	same("lookup", look.Results[0].IpScore, look.Results[1].IpScore)

	// What holds is what filters and roll-ups go by.
	list, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{Filter: "verdict = ABUSIVE"})
	var listed []string
	for _, x := range list.GetIpScores() {
		listed = append(listed, x.Ip)
	}
	if err != nil || !slices.Equal(listed, []string{"192.0.2.1", "192.0.2.202", "192.0.2.203", "192.0.2.204"}) {
		t.Errorf("%v, %v", listed, err)
	}
	same("list", list.GetIpScores()...)
	prefix, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.0/24"})
	if u := prefix.GetRollUp(); err != nil || u.MemberCount != 6 || u.AbusiveCount != 4 || u.NotAbusiveCount != 1 || u.AbstainCount != 1 {
		t.Errorf("%v, %v", u, err)
	}
	same("prefix", prefix.GetMembers()...)

	writeFeed(t, s.home, "2024-08-30", nil)
	changes, err := s.client.ListFeedChanges(ctx, &pb.ListFeedChangesRequest{Name: "feeds/latest", Since: "2024-08-30"})
	if err != nil || len(changes.GetChanges()) != len(policyLines()) {
		t.Fatal(changes, err)
	}
	for _, c := range changes.Changes {
		same("changes", c.IpScore)
	}

	_, _, body := s.rest(t, "GET", "/feed/v1/ip/203.0.113.9", "")
	if strings.Contains(body, `"sluice":`) || !strings.Contains(body, `"author":"carol"`) {
		t.Errorf("ipoid: %s", body)
	}
	_, _, body = s.rest(t, "GET", "/feed/v1/ip/192.0.2.200", "")
	for _, part := range []string{`"verdict":"abusive"`, `"verdict":"VERDICT_NOT_ABUSIVE"`, `"scored":"VERDICT_ABUSIVE"`, `"author":"alice"`} {
		if !strings.Contains(body, part) {
			t.Errorf("ipoid: no %s in %s", part, body)
		}
	}
}

// TestOverrideCountsWithoutRestart: a line in the file changes the answer of a
// service that runs; a file that can't be read does not.
func TestOverrideCountsWithoutRestart(t *testing.T) {
	files := policyFiles(t, "")
	events := make(chan Event, 100)
	s := start(t, policyLines(), func(c *Config) {
		c.Policy = files
		c.Events = func(e Event) {
			if e.Policy != nil || e.Warning != nil {
				events <- e
			}
		}
	})
	verdict := func() pb.Verdict {
		t.Helper()
		got, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.200"})
		if err != nil {
			t.Fatal(err)
		}
		return got.Verdict
	}
	next := func() Event {
		t.Helper()
		select {
		case e := <-events:
			return e
		case <-time.After(20 * time.Second):
			t.Fatal("nothing happened")
		}
		return Event{}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(files.Overrides+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(files.Overrides+".new", files.Overrides); err != nil {
			t.Fatal(err)
		}
	}
	if e := next(); e.Policy == nil || e.Policy.Overrides != 0 || e.Policy.CrawlerPrefixes != 1 || e.Policy.SharedPrefixes != 1 || verdict() != pb.Verdict_VERDICT_ABUSIVE {
		t.Fatalf("at first: %+v", e.Policy)
	}
	write("192.0.2.200 allow never alice ours\n192.0.2.7 flag 2001-01-01 bob over\n")
	if e := next(); e.Policy == nil || e.Policy.Overrides != 1 || e.Policy.RanOut != 1 || verdict() != pb.Verdict_VERDICT_NOT_ABUSIVE {
		t.Fatalf("a line: %+v", e)
	}
	write("192.0.2.200 alow never alice ours\n")
	if e := next(); e.Warning == nil || !strings.Contains(e.Warning.Message, `allow.txt:1: action "alow"`) || verdict() != pb.Verdict_VERDICT_NOT_ABUSIVE {
		t.Fatalf("a broken line: %+v", e)
	}
	write("")
	if e := next(); e.Policy == nil || e.Policy.Overrides != 0 || verdict() != pb.Verdict_VERDICT_ABUSIVE {
		t.Fatalf("no line: %+v", e)
	}
}

// TestListOverrides: a copy of the feed and the list of overrides answer as the
// service does.
func TestListOverrides(t *testing.T) {
	s := start(t, policyLines(), func(c *Config) { c.Policy = policyFiles(t, saidOverrides) })
	var all []*pb.Override
	q := &pb.ListOverridesRequest{PageSize: 2}
	for {
		page, err := s.client.ListOverrides(ctx, q)
		if err != nil || len(page.Overrides) > 2 {
			t.Fatal(page, err)
		}
		all = append(all, page.Overrides...)
		if q.PageToken = page.NextPageToken; q.PageToken == "" {
			break
		}
	}
	whole, err := s.client.ListOverrides(ctx, &pb.ListOverridesRequest{})
	if err != nil || !slices.EqualFunc(all, whole.Overrides, func(a, b *pb.Override) bool { return proto.Equal(a, b) }) {
		t.Errorf("pages give %v, want %v, %v", all, whole, err)
	}
	sameOverREST(t, s, "GET", "/v1/overrides", "", whole)
	var prefixes []string
	for _, o := range all {
		prefixes = append(prefixes, o.Prefix)
	}
	if want := []string{"192.0.2.1/32", "192.0.2.200/32", "192.0.2.201/32", "198.51.100.0/24", "203.0.113.0/24"}; !slices.Equal(prefixes, want) {
		t.Errorf("%v, want %v", prefixes, want)
	}
	for _, line := range policyLines() {
		got, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + line.IP.String()})
		if err != nil {
			t.Fatal(err)
		}
		holds := pbVerdict(policyVerdict(line.Verdict))
		for _, o := range all { // none contain another here
			if netip.MustParsePrefix(o.Prefix).Contains(line.IP) {
				holds = o.Verdict
			}
		}
		if got.Verdict != holds {
			t.Errorf("%s: %v, but the copy says %v", line.IP, got.Verdict, holds)
		}
	}
	for _, token := range []string{"x", "AAAA", "!", strings.Repeat("A", 60)} {
		if _, err := s.client.ListOverrides(ctx, &pb.ListOverridesRequest{PageToken: token}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if _, err := s.client.ListOverrides(ctx, &pb.ListOverridesRequest{PageSize: -1}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("%v", err)
	}
	if code, _, _ := s.rest(t, http.MethodPost, "/v1/overrides", "{}"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
}

// slowNames is a resolver that never answers.
type slowNames struct{}

func (slowNames) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (slowNames) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestUserAgents: LookupIps verifies many at once; a resolver that gives no
// answer costs a bounded time for all of them, and refutes nothing.
func TestUserAgents(t *testing.T) {
	s := start(t, policyLines(), func(c *Config) { c.Resolver = slowNames{} })
	q := &pb.LookupIpsRequest{}
	for i := range 100 {
		q.Ips = append(q.Ips, netip.AddrFrom4([4]byte{192, 0, 2, byte(150 + i)}).String())
		q.UserAgents = append(q.UserAgents, agentGooglebot)
	}
	q.Ips[0] = "no address"
	a, err := s.client.LookupIps(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range a.Results[1:] {
		c := r.GetIpScore().GetDecision().GetCrawler()
		if !c.GetClaimed() || c.GetVerified() || !strings.Contains(c.GetReason(), "can't be verified now") {
			t.Fatalf("%d: %v", i, r)
		}
	}
	for _, agents := range [][]string{{"one"}, make([]string, 101), append(make([]string, 99), strings.Repeat("x", maxUserAgent+1))} {
		q.UserAgents = agents
		if _, err := s.client.LookupIps(ctx, q); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "user_agents") {
			t.Errorf("%d user agents: %v", len(agents), err)
		}
	}
}

// TestNewRulings: a service does not start with a policy that it can't read.
func TestNewRulings(t *testing.T) {
	c := Config{Dir: t.TempDir(), GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Models: newFakeModels()}
	c.Policy = policyFiles(t, "192.0.2.7 allow soon alice ours\n")
	if _, err := New(ctx, c); err == nil || !strings.Contains(err.Error(), "allow.txt:1: until") {
		t.Errorf("%v", err)
	}
	c.Policy = policy.Files{Overrides: filepath.Join(t.TempDir(), "absent")}
	if _, err := New(ctx, c); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
}

// BenchmarkDecision answers for one address, without transport: with nothing
// said, and with a hundred thousand prefixes of people and crawlers.
func BenchmarkDecision(b *testing.B) {
	var many policy.Rules
	crawler := policy.Ranges{Name: "Examplebot"}
	for i := range 100_000 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		if i%2 == 0 {
			many.Overrides = append(many.Overrides, policy.Override{Prefix: p, Action: policy.Allow, Author: "a", Reason: "r"})
		} else {
			crawler.Prefixes = append(crawler.Prefixes, p)
		}
	}
	many.Crawlers = []policy.Ranges{crawler}
	said, err := policy.New(many)
	if err != nil {
		b.Fatal(err)
	}
	line := testLine("192.0.2.200", 0.9)
	for _, c := range []struct {
		name   string
		policy *policy.Policy
	}{{"nobody", nobody}, {"many", said}} {
		b.Run(c.name, func(b *testing.B) {
			r := ruling{&rulings{appeal: "ask@example.org"}, c.policy, asOf}
			b.ReportAllocs()
			for b.Loop() {
				r.score(&line, r.check(ctx, line.IP, ""))
			}
		})
	}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ipScore(&line)
		}
	})
}
