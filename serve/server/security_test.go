package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/renameio/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

const (
	screenToken  = "page-token-0123456789"
	expiredToken = "expired-token-0123456789"
)

// allTokens is a token file with every role, and one token that has run out.
const allTokens = "lookup score " + scoreToken + "\ningest feed " + feedToken + "\nscreen page " + screenToken + "\nops admin " + adminToken + "\nold admin " + expiredToken + " until=2020-01-31\n"

// shown are tokens by who shows them.
var shown = map[string]string{
	"nobody": "", "a guess": "wrong-token-0123456789", "an old one": expiredToken,
	"score": scoreToken, "feed": feedToken, "page": screenToken, "admin": adminToken,
}

const (
	everybody = "nobody, a guess, an old one, score, feed, page, admin"
	anyRole   = "score, feed, page, admin"
	scorers   = "score, admin"
	feeders   = "feed, admin"
	rulers    = "admin"
)

func isAmong(list, who string) bool { return slices.Contains(strings.Split(list, ", "), who) }

// wantCode is the code for somebody who may not.
func wantCode(who string) codes.Code {
	if who == "nobody" || who == "a guess" || who == "an old one" {
		return codes.Unauthenticated
	}
	return codes.PermissionDenied
}

// Each RPC of each service that the server has answers exactly those whom this
// list names: a new RPC has to be put on it.
func TestEveryMethodAsksForItsRole(t *testing.T) {
	may := map[string]string{
		"sluice.v1.ScoreService/GetIpScore": scorers, "sluice.v1.ScoreService/BatchGetIpScores": scorers, "sluice.v1.ScoreService/LookupIps": scorers,
		"sluice.v1.ScoreService/ListIpScores": scorers, "sluice.v1.ScoreService/GetPrefixScores": scorers, "sluice.v1.ScoreService/ScoreRows": scorers,
		"sluice.v1.ScoreService/StreamScores": scorers, "sluice.v1.ScoreService/ExplainIp": scorers,
		"sluice.v1.ScoreService/ExportFeed": feeders, "sluice.v1.ScoreService/ListFeedChanges": feeders, "sluice.v1.ScoreService/ListOverrides": feeders,
		"sluice.v1.ScoreService/ListModelVersions": anyRole, "sluice.v1.ScoreService/GetModelVersion": anyRole,
		"inference.GRPCInferenceService/ServerLive": anyRole, "inference.GRPCInferenceService/ServerReady": anyRole, "inference.GRPCInferenceService/ModelReady": anyRole,
		"inference.GRPCInferenceService/ServerMetadata": anyRole, "inference.GRPCInferenceService/ModelMetadata": anyRole, "inference.GRPCInferenceService/ModelInfer": scorers,
		"grpc.health.v1.Health/Check": everybody, "grpc.health.v1.Health/List": everybody, "grpc.health.v1.Health/Watch": everybody,
		"grpc.reflection.v1.ServerReflection/ServerReflectionInfo": rulers, "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": rulers,
		"nothing.Service/Nothing": scorers,
	}
	s := start(t, someLines(2), func(c *Config) { c.Tokens = tokenFile(t, allTokens) })
	methods := []string{"nothing.Service/Nothing"}
	for name, service := range s.grpc.GetServiceInfo() {
		for _, m := range service.Methods {
			methods = append(methods, name+"/"+m.Name)
		}
	}
	if len(methods) < 24 {
		t.Errorf("only %d methods", len(methods))
	}
	for _, m := range methods {
		list, ok := may[m]
		if !ok {
			t.Errorf("%s is new: say in this test who may call it", m)
			continue
		}
		delete(may, m)
		for who, token := range shown {
			c, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			if token != "" {
				c = metadata.AppendToOutgoingContext(c, "authorization", "Bearer "+token)
			}
			// As a stream every method can be called; an empty message fits each.
			stream, err := s.conn.NewStream(c, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+m)
			if err == nil {
				if err = stream.SendMsg(&emptypb.Empty{}); err == nil || err == io.EOF {
					_ = stream.CloseSend()
					err = stream.RecvMsg(&emptypb.Empty{})
				}
			}
			cancel()
			got := status.Code(err)
			refused := got == codes.Unauthenticated || got == codes.PermissionDenied
			if isAmong(list, who) == refused || refused && got != wantCode(who) {
				t.Errorf("%s as %s: %v", m, who, err)
			}
		}
	}
	for m := range may {
		t.Errorf("there is no %s", m)
	}
}

// Each path of the API's description, and those that it leaves out, answers
// exactly those whom this list names.
func TestEveryRouteAsksForItsRole(t *testing.T) {
	may := map[string]string{
		"/v1/feeds/{feed}:changes": feeders, "/v1/feeds/latest": feeders, "/v1/feeds/latest.jsonl.gz": feeders, "/v1/feeds/{date}": feeders, "/v1/feeds/{date}.jsonl.gz": feeders,
		"/v1/overrides": feeders, "/v1/ips": scorers, "/v1/ips/{ip}": scorers, "/v1/ips/{ip}:explain": scorers, "/v1/ips:batchGet": scorers, "/v1/ips:lookup": scorers,
		"/v1/prefixes": scorers, "/v1/rows:score": scorers, "/v1/modelVersions": anyRole, "/v1/modelVersions/{modelVersion}": anyRole,
		"/feed/v1/": scorers, "/feed/v1/ip/{ip}": scorers, "/v1/models": scorers, "/v1/models/{model}": scorers, "/v1/models/{model}:predict": scorers,
		"/v2": anyRole, "/v2/health/live": anyRole, "/v2/health/ready": anyRole, "/v2/models/{model}": anyRole, "/v2/models/{model}/ready": anyRole, "/v2/models/{model}/infer": scorers,
		"/v2/models/{model}/versions/{version}": anyRole, "/v2/models/{model}/versions/{version}/ready": anyRole, "/v2/models/{model}/versions/{version}/infer": scorers,
		"/healthz": everybody, "/readyz": everybody, "/metrics": rulers,
	}
	extra := map[string]string{
		"/openapi.json": rulers, "/debug/pprof/": rulers, "/debug/pprof/heap": rulers, "/debug/pprof/cmdline": rulers, "/debug/vars": scorers,
		"/": anyRole, "/?q=192.0.2.1": anyRole, "/page/top": anyRole, "/page/nothing": anyRole,
		"/nothing": scorers, "/v1/": scorers, "/v1": scorers, "/v3/x": scorers, "//v1/ips": scorers, "/v1//ips": scorers, "/v1/feeds/../feeds/latest": feeders, "/metrics/": scorers, "/healthz/x": scorers,
	}
	s := start(t, someLines(2), func(c *Config) { c.Tokens = tokenFile(t, allTokens) })
	var description struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(pb.OpenAPI(), &description); err != nil {
		t.Fatal(err)
	}
	if len(description.Paths) < 30 {
		t.Errorf("the description has %d paths", len(description.Paths))
	}
	fill := strings.NewReplacer("{feed}", "latest", "{date}", "2024-08-31", "{ip}", "192.0.2.1", "{modelVersion}", "champion", "{model}", "sluice", "{version}", champion)
	try := func(method, path, list string) {
		for who, token := range shown {
			var head []string
			if token != "" {
				head = []string{"Authorization", "Bearer " + token}
			}
			code, h, body := s.rest(t, method, path, "{}", head...)
			refused := code == 401 || code == 403
			if isAmong(list, who) == refused || refused && (code == 401) != (wantCode(who) == codes.Unauthenticated) {
				t.Errorf("%s %s as %s: %d %.200s", method, path, who, code, body)
			}
			if (code == 401) != (h.Get("WWW-Authenticate") != "") {
				t.Errorf("%s as %s: %d with WWW-Authenticate %q", path, who, code, h.Get("WWW-Authenticate"))
			}
			if refused && (strings.Contains(body, "192.0.2") || strings.Contains(body, champion)) {
				t.Errorf("%s as %s: the refusal tells of the feed: %.300s", path, who, body)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(description.Paths)) {
		list, ok := may[path]
		if !ok {
			t.Errorf("%s is new: say in this test who may ask it", path)
			continue
		}
		for method := range description.Paths[path] {
			try(strings.ToUpper(method), fill.Replace(path), list)
		}
		delete(may, path)
	}
	for path := range may {
		t.Errorf("the description has no %s", path)
	}
	for path, list := range extra {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			try(method, path, list)
		}
	}
	// What browsers send counts for the page alone.
	for path, want := range map[string]int{"/": 200, "/v1/ips/192.0.2.1": 401} {
		r, err := http.NewRequest("GET", "http://"+s.HTTPAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("anybody", scoreToken)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != want {
			t.Errorf("%s with a password: %d", path, a.StatusCode)
		}
	}
}

// gRPC refuses on the headers: a caller without a token does not get so far as
// to have its message read.
func TestRefusedBeforeTheMessage(t *testing.T) {
	s := start(t, nil, func(c *Config) { c.Tokens = tokenFile(t, allTokens) })
	for method := range s.methods {
		if grpcNeeds(method) == needNothing {
			continue
		}
		stream, err := s.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
		if err != nil {
			t.Fatal(err)
		}
		// Nothing is sent, and it is not ended.
		if err := stream.RecvMsg(&emptypb.Empty{}); status.Code(err) != codes.Unauthenticated || !hasInfo(status.Convert(err)) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, _, body := s.rest(t, "GET", "/metrics", "", "Authorization", "Bearer "+adminToken); !strings.Contains(body, `sluice_requests_total{code="Unauthenticated",method="GetIpScore",transport="grpc"} 1`) {
		t.Error("refused calls are not counted")
	}
}

// Descriptions take an admin's token, and are not there without tokens.
func TestDescriptionsTakeAnAdmin(t *testing.T) {
	open := start(t, someLines(1))
	for _, path := range []string{"/openapi.json", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2"} {
		if code, _, _ := open.rest(t, "GET", path, ""); code != 404 {
			t.Errorf("%s without tokens: %d", path, code)
		}
	}
	s := start(t, someLines(1), func(c *Config) { c.Tokens = tokenFile(t, allTokens) })
	for path, want := range map[string]int{"/openapi.json": 200, "/debug/pprof/goroutine": 200, "/debug/pprof/cmdline": 404, "/metrics": 200} {
		for token, code := range map[string]int{scoreToken: 403, feedToken: 403, screenToken: 403, adminToken: want} {
			if got, _, _ := s.rest(t, "GET", path, "", "Authorization", "Bearer "+token); got != code {
				t.Errorf("%s with %s: %d, want %d", path, token, got, code)
			}
		}
	}
}

// A name that no method has does not become a metric.
func TestCallersMakeNoMetrics(t *testing.T) {
	s := start(t, nil)
	for i := range 5 {
		err := s.conn.Invoke(ctx, fmt.Sprintf("/sluice.v1.ScoreService/Made%d", i), &emptypb.Empty{}, &emptypb.Empty{})
		if status.Code(err) != codes.Unimplemented {
			t.Error(err)
		}
	}
	_, _, body := s.rest(t, "GET", "/metrics", "")
	if strings.Contains(body, "Made") || !strings.Contains(body, `sluice_requests_total{code="Unimplemented",method="none",transport="grpc"} 5`) {
		t.Errorf("metrics: %s", regexp.MustCompile(`(?m)^sluice_requests_total.*$`).FindAllString(body, -1))
	}
}

// Tricks with names never reach the file system: a name has its form or is
// refused, and what lies beside the registry stays unread.
func TestPathTricks(t *testing.T) {
	s := start(t, someLines(1), func(c *Config) {
		c.Models = nil
		writeVersion(t, c.Dir, versionA, 1, asOf)
		setChampion(t, c.Dir, versionA)
	})
	awaitChampion(t, s, versionA)
	for _, name := range []string{
		"..", "../registry/" + versionA, versionA + "/../" + versionA, "/" + versionA, versionA + "/", "./" + versionA, versionA + "\x00", "champion.log",
		"%2e%2e", "..\\" + versionA, strings.ToUpper(versionA), versionA + "\n", " " + versionA, "2024-07-aaaaaaaaaaa\u0430", strings.Repeat("a", 1<<16), "feeds/2024-08-31", "~", "*",
	} {
		if _, err := s.client.GetModelVersion(ctx, &pb.GetModelVersionRequest{Name: "modelVersions/" + name}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("GetModelVersion %.60q: %v", name, err)
		}
		if _, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{ModelVersion: name, FeatureNames: []string{"x"}, Values: []float64{1}}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("ScoreRows %.60q: %v", name, err)
		}
		err := exported("feeds/"+name, 0)(ctx, s.client)
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("ExportFeed %.60q: %v", name, err)
		}
	}
	for _, path := range []string{
		"/v1/modelVersions/..%2f..%2fregistry%2f" + versionA, "/v1/modelVersions/%2e%2e", "/v1/modelVersions/..%00", "/v1/modelVersions/" + versionA + "%2fmodel.json",
		"/v1/feeds/..%2f..%2fetc%2fpasswd", "/v1/feeds/%2e%2e/latest.json", "/v1/feeds/latest.json", "/v1/feeds/2024-08-31.idx", "/v1/feeds/2024-08-31.jsonl.gz/../latest",
		"/v2/models/sluice/versions/..%2f" + versionA, "/v1/models/..%2f..:predict", "/page/..%2f..%2fregistry", "/page/top?month=..%2f2024-08", "/..%2fregistry/champion", "/debug/pprof/..%2f..%2fx", "/feed/v1/ip/..%2f..%2fregistry",
	} {
		for _, method := range []string{"GET", "POST"} {
			if code, _, body := s.rest(t, method, path, "{}"); code < 400 || code > 405 {
				t.Errorf("%s %s: %d %.200s", method, path, code, body)
			}
		}
	}
}

// Every test that serve/SECURITY.md names is one, here or in serve/page.
func TestThreatModelNamesTests(t *testing.T) {
	b, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, pattern := range []string{"*_test.go", "../page/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(b), -1)
	if len(names) < 40 {
		t.Errorf("only %d tests are named", len(names))
	}
	for _, m := range names {
		if !strings.Contains(source.String(), "\nfunc "+m[1]+"(t *testing.T) {") {
			t.Errorf("there is no %s", m[1])
		}
	}
	for i, row := range regexp.MustCompile(`(?m)^\| (\d+) \|.*$`).FindAllStringSubmatch(string(b), -1) {
		if row[1] != fmt.Sprint(i+1) || !strings.Contains(row[0], "`Test") {
			t.Errorf("attack %s, the %dth, names no test or is out of order", row[1], i+1)
		}
	}
}

// insecureConn is a connection of its own.
func insecureConn(t testing.TB, addr string, o ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(addr, append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

var streamBoth = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// A whole feed in the place of the one that latest.json speaks of is refused,
// though nothing of it is damaged.
func TestAnExchangedFeedDoesNotServe(t *testing.T) {
	warnings := make(chan string, 8)
	s := start(t, someLines(5), func(c *Config) {
		c.Events = func(e Event) {
			if e.Warning != nil {
				warnings <- e.Warning.Message
			}
		}
	})
	const date = "2024-09-01"
	writeFeed(t, s.home+"/announced", date, someLines(4))
	other := someLines(4)
	other[0].Confidence = 0.99
	writeFeed(t, s.home+"/other", date, other)
	for _, from := range []string{feed.Open(s.home + "/other").Path(date), feed.Open(s.home + "/other").IndexPath(date), s.home + "/announced/feeds/latest.json"} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := renameio.WriteFile(filepath.Join(s.home, "feeds", filepath.Base(from)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case w := <-warnings:
		if !strings.Contains(w, "is not the one that latest.json speaks of") {
			t.Error(w)
		}
	case <-time.After(time.Minute):
		t.Fatal("it is not refused")
	}
	if l, err := s.feeds.acquire(); err != nil || l.Date() != "2024-08-31" {
		t.Errorf("the old feed does not serve: %v, %v", l, err)
	} else {
		l.release()
	}
}
