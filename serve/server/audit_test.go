package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
)

// auditLines runs some calls and gives the audit log.
func auditLines(t *testing.T, whole bool) (text string, lines []map[string]any) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	s := start(t, someLines(3), func(c *Config) { c.Tokens, c.Audit, c.AuditAddresses = tokenFile(t, allTokens), path, whole })
	with := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+scoreToken)
	_, _ = s.client.GetIpScore(with, &pb.GetIpScoreRequest{Name: "ips/192.0.2.1"})
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.1"})
	_, _ = s.client.GetIpScore(with, &pb.GetIpScoreRequest{Name: "ips/198.51.100.77\"}\n{\"forged\":1}"})
	_, _ = s.client.GetPrefixScores(with, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.2/32"})
	_, _ = s.client.LookupIps(with, &pb.LookupIpsRequest{Ips: []string{"192.0.2.1", "192.0.2.2"}})
	_, _ = s.client.ScoreRows(with, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: append(stumpRow(1), stumpRow(2)...)})
	for _, p := range []string{"/v1/ips/2001:db8:0:1::1", "/v1/ips/192.0.2.1:explain", "/feed/v1/ip/192.0.2.1", "/?q=192.0.2.1", "/v1/prefixes?prefix=192.0.2.2/31", "/v1/ips/%0a%7b%22forged%22:1%7d", "/healthz"} {
		s.rest(t, "GET", p, "", "Authorization", "Bearer "+scoreToken)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		lines = append(lines, m)
	}
	return string(b), lines
}

// The audit log says who asked for what, a line a call, with no whole address
// and nothing that a caller made up.
func TestAuditIsMasked(t *testing.T) {
	text, lines := auditLines(t, false)
	if len(lines) != 12 {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
	for _, s := range []string{"192.0.2.1\"", "192.0.2.2", "2001:db8:0:1::1", "198.51.100.77", "forged", "Bearer", scoreToken} {
		if strings.Contains(text, s) {
			t.Errorf("%q stands in the log:\n%s", s, text)
		}
	}
	for _, want := range []struct{ key, value, method, code, caller string }{
		{"subject", "192.0.2.xxx", "GetIpScore", "OK", "lookup"}, {"subject", "2001:db8:0:1::/64", "GetIpScore", "OK", "lookup"},
		{"subject", "192.0.2.0/24", "GetPrefixScores", "OK", "lookup"}, {"caller", "", "GetIpScore", "Unauthenticated", ""},
		{"subject", "192.0.2.xxx", "page", "OK", "lookup"}, {"subject", "192.0.2.xxx", "ipoid", "OK", "lookup"},
	} {
		found := false
		for _, l := range lines {
			found = found || l[want.key] == want.value && l["method"] == want.method && l["code"] == want.code && l["caller"] == want.caller
		}
		if !found {
			t.Errorf("no line with %+v:\n%s", want, text)
		}
	}
	if !strings.Contains(text, `"addresses":2`) || !strings.Contains(text, `"rows":2`) {
		t.Errorf("numbers are missing:\n%s", text)
	}
	if text, _ := auditLines(t, true); !strings.Contains(text, `"subject":"192.0.2.1"`) || !strings.Contains(text, `"subject":"192.0.2.2/32"`) {
		t.Errorf("addresses that were asked for are masked:\n%s", text)
	}
}

// The file may be moved away: the next one takes its place.
func TestAuditIsOpenedAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a, err := newAudit(path, false)
	if err != nil {
		t.Fatal(err)
	}
	a.log.Info("one")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	a.log.Info("two")
	if err := a.refresh(); err != nil {
		t.Fatal(err)
	}
	a.log.Info("three")
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]int{path: 1, path + ".1": 2} {
		b, err := os.ReadFile(file)
		if err != nil || strings.Count(string(b), "\n") != want {
			t.Errorf("%s: %s, %v", file, b, err)
		}
	}
	if _, err := newAudit(filepath.Join(t.TempDir(), "x", "audit"), false); err == nil {
		t.Error("a folder that is not there")
	}
}
