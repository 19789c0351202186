package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "sluice/proto/sluice/v1"
)

// errorCase is one wrong call, as it is made over gRPC and over REST.
type errorCase struct {
	name   string
	rpc    func(context.Context, pb.ScoreServiceClient) error
	method string
	path   string
	body   string
}

// first drops an answer.
func first[T proto.Message](_ T, err error) error { return err }

func many(prefix string, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("%s10.0.%d.%d", prefix, i/256, i%256)
	}
	return s
}

func errorCases() []errorCase {
	type client = pb.ScoreServiceClient
	get := func(name, ip, path string) errorCase {
		return errorCase{name, func(ctx context.Context, c client) error {
			return first(c.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: ip}))
		}, http.MethodGet, "/v1/" + path, ""}
	}
	list := func(name string, q *pb.ListIpScoresRequest, query string) errorCase {
		return errorCase{name, func(ctx context.Context, c client) error { return first(c.ListIpScores(ctx, q)) }, http.MethodGet, "/v1/ips?" + query, ""}
	}
	prefix := func(p, query string) errorCase {
		return errorCase{"prefix " + p, func(ctx context.Context, c client) error {
			return first(c.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: p}))
		}, http.MethodGet, "/v1/prefixes?prefix=" + query, ""}
	}
	rows := func(name string, q *pb.ScoreRowsRequest, body string) errorCase {
		return errorCase{name, func(ctx context.Context, c client) error { return first(c.ScoreRows(ctx, q)) }, http.MethodPost, "/v1/rows:score", body}
	}
	changes := func(name string, q *pb.ListFeedChangesRequest, path string) errorCase {
		return errorCase{name, func(ctx context.Context, c client) error { return first(c.ListFeedChanges(ctx, q)) }, http.MethodGet, path, ""}
	}
	version := func(name, v string) errorCase {
		return errorCase{name, func(ctx context.Context, c client) error {
			return first(c.GetModelVersion(ctx, &pb.GetModelVersionRequest{Name: "modelVersions/" + v}))
		}, http.MethodGet, "/v1/modelVersions/" + v, ""}
	}
	two := []string{"spider_ratio", "request_count"}
	return []errorCase{
		get("unknown IPv4", "ips/198.51.100.7", "ips/198.51.100.7"),
		get("unknown IPv6", "ips/2001:db8:ffff::1", "ips/2001:db8:ffff::1"),
		get("unknown mapped", "ips/::ffff:198.51.100.7", "ips/::ffff:198.51.100.7"),
		get("no address", "ips/localhost", "ips/localhost"),
		get("zone", "ips/fe80::1%eth0", "ips/fe80::1%25eth0"),
		get("a prefix", "ips/192.0.2.0/24", "ips/192.0.2.0%2F24"),
		{"batch: none", func(ctx context.Context, c client) error {
			return first(c.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{}))
		}, http.MethodGet, "/v1/ips:batchGet", ""},
		{"batch: too many", func(ctx context.Context, c client) error {
			return first(c.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: many("ips/", 1001)}))
		}, http.MethodGet, "/v1/ips:batchGet?names=" + strings.Join(many("", 1001), "&names="), ""},
		{"batch: one unknown", func(ctx context.Context, c client) error {
			return first(c.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.1", "ips/198.51.100.7"}}))
		}, http.MethodGet, "/v1/ips:batchGet?names=ips/192.0.2.1&names=ips/198.51.100.7", ""},
		{"batch: one wrong", func(ctx context.Context, c client) error {
			return first(c.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.1", "192.0.2.2"}}))
		}, http.MethodGet, "/v1/ips:batchGet?names=ips/192.0.2.1&names=192.0.2.2", ""},
		{"lookup: none", func(ctx context.Context, c client) error {
			return first(c.LookupIps(ctx, &pb.LookupIpsRequest{}))
		}, http.MethodPost, "/v1/ips:lookup", "{}"},
		list("page size below 0", &pb.ListIpScoresRequest{PageSize: -1}, "page_size=-1"),
		list("page token", &pb.ListIpScoresRequest{PageToken: "AAAA"}, "page_token=AAAA"),
		list("filter: field", &pb.ListIpScoresRequest{Filter: "asn = 1"}, "filter=asn+%3D+1"),
		list("filter: value", &pb.ListIpScoresRequest{Filter: "confidence > high"}, "filter=confidence+%3E+high"),
		prefix("0.0.0.0/0", "0.0.0.0/0"),
		prefix("2001:db8::/32", "2001:db8::/32"),
		prefix("192.0.2.1/24", "192.0.2.1/24"),
		prefix("192.0.2.0", "192.0.2.0"),
		prefix("::ffff:192.0.2.0/120", "::ffff:192.0.2.0/120"),
		rows("rows: no features", &pb.ScoreRowsRequest{Values: []float64{1}}, `{"values":[1]}`),
		rows("rows: unknown version", &pb.ScoreRowsRequest{ModelVersion: "2020-01-000000000000", FeatureNames: two, Values: []float64{1, 2}},
			`{"model_version":"2020-01-000000000000","feature_names":["spider_ratio","request_count"],"values":[1,2]}`),
		rows("rows: unknown feature", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: []string{"spider_ratio", "asn"}, Values: []float64{1, 2}},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio","asn"],"values":[1,2]}`),
		rows("rows: the label", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: []string{"abuseipdb_isReported"}, Values: []float64{1}},
			`{"model_version":"`+challenger+`","feature_names":["abuseipdb_isReported"],"values":[1]}`),
		rows("rows: a feature twice", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: []string{"spider_ratio", "spider_ratio"}, Values: []float64{1, 2}},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio","spider_ratio"],"values":[1,2]}`),
		rows("rows: a feature is not there", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: []string{"spider_ratio"}, Values: []float64{1}},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio"],"values":[1]}`),
		rows("rows: no whole row", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: two, Values: []float64{1, 2, 3}},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio","request_count"],"values":[1,2,3]}`),
		rows("rows: none", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: two},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio","request_count"]}`),
		rows("rows: too many", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: two, Values: make([]float64, 20_002)},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio","request_count"],"values":[0`+strings.Repeat(",0", 20_001)+`]}`),
		rows("rows: max_reasons", &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: two, Values: []float64{1, 2}, MaxReasons: 3},
			`{"model_version":"`+challenger+`","feature_names":["spider_ratio","request_count"],"values":[1,2],"max_reasons":3}`),
		{"explain: unknown", func(ctx context.Context, c client) error {
			return first(c.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/198.51.100.7"}))
		}, http.MethodGet, "/v1/ips/198.51.100.7:explain", ""},
		{"explain: no store", func(ctx context.Context, c client) error {
			return first(c.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.1"}))
		}, http.MethodGet, "/v1/ips/192.0.2.1:explain", ""},
		changes("changes: no since", &pb.ListFeedChangesRequest{Name: "feeds/latest"}, "/v1/feeds/latest:changes"),
		changes("changes: since", &pb.ListFeedChangesRequest{Name: "feeds/latest", Since: "yesterday"}, "/v1/feeds/latest:changes?since=yesterday"),
		changes("changes: unknown since", &pb.ListFeedChangesRequest{Name: "feeds/latest", Since: "2024-01-01"}, "/v1/feeds/latest:changes?since=2024-01-01"),
		changes("changes: unknown date", &pb.ListFeedChangesRequest{Name: "feeds/2024-01-01", Since: "2024-08-31"}, "/v1/feeds/2024-01-01:changes?since=2024-08-31"),
		changes("changes: no date", &pb.ListFeedChangesRequest{Name: "feeds/x", Since: "2024-08-31"}, "/v1/feeds/x:changes?since=2024-08-31"),
		{"export: unknown date", exported("feeds/2024-01-01", 0), http.MethodGet, "/v1/feeds/2024-01-01", ""},
		{"export: no date", exported("feeds/..", 0), http.MethodGet, "/v1/feeds/..%2F..%2Fetc", ""},
		version("version: unknown", "2020-01-000000000000"),
		{"versions: page size", func(ctx context.Context, c client) error {
			return first(c.ListModelVersions(ctx, &pb.ListModelVersionsRequest{PageSize: -5}))
		}, http.MethodGet, "/v1/modelVersions?page_size=-5", ""},
		{"versions: page token", func(ctx context.Context, c client) error {
			return first(c.ListModelVersions(ctx, &pb.ListModelVersionsRequest{PageToken: "x"}))
		}, http.MethodGet, "/v1/modelVersions?page_token=x", ""},
	}
}

func exported(name string, offset int64) func(context.Context, pb.ScoreServiceClient) error {
	return func(ctx context.Context, c pb.ScoreServiceClient) error {
		stream, err := c.ExportFeed(ctx, &pb.ExportFeedRequest{Name: name, Offset: offset})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	}
}

// Every error reads the same over gRPC and REST, and as the golden file says.
func TestErrors(t *testing.T) {
	s := start(t, someLines(10))
	var b strings.Builder
	for _, c := range errorCases() {
		b.WriteString(bothErrors(t, s, c))
	}
	golden(t, "errors.golden", b.String())
}

// While no feed is loaded, stored scores are unavailable, never unknown.
func TestErrorsWithoutFeed(t *testing.T) {
	s := start(t, nil)
	s.models.promote("")
	type client = pb.ScoreServiceClient
	var b strings.Builder
	for _, c := range []errorCase{
		{"get", func(ctx context.Context, c client) error {
			return first(c.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.1"}))
		}, http.MethodGet, "/v1/ips/192.0.2.1", ""},
		{"batch", func(ctx context.Context, c client) error {
			return first(c.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.1"}}))
		}, http.MethodGet, "/v1/ips:batchGet?names=ips/192.0.2.1", ""},
		{"lookup", func(ctx context.Context, c client) error {
			return first(c.LookupIps(ctx, &pb.LookupIpsRequest{Ips: []string{"192.0.2.1"}}))
		}, http.MethodPost, "/v1/ips:lookup", `{"ips":["192.0.2.1"]}`},
		{"list", func(ctx context.Context, c client) error {
			return first(c.ListIpScores(ctx, &pb.ListIpScoresRequest{}))
		}, http.MethodGet, "/v1/ips", ""},
		{"prefix", func(ctx context.Context, c client) error {
			return first(c.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.0/24"}))
		}, http.MethodGet, "/v1/prefixes?prefix=192.0.2.0/24", ""},
		{"explain", func(ctx context.Context, c client) error {
			return first(c.ExplainIp(ctx, &pb.ExplainIpRequest{Name: "ips/192.0.2.1"}))
		}, http.MethodGet, "/v1/ips/192.0.2.1:explain", ""},
		{"export", exported("feeds/2024-08-31", 0), http.MethodGet, "/v1/feeds/2024-08-31", ""},
		{"changes", func(ctx context.Context, c client) error {
			return first(c.ListFeedChanges(ctx, &pb.ListFeedChangesRequest{Name: "feeds/2024-08-31", Since: "2024-08-30"}))
		}, http.MethodGet, "/v1/feeds/2024-08-31:changes?since=2024-08-30", ""},
		{"rows", func(ctx context.Context, c client) error {
			return first(c.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: []string{"x"}, Values: []float64{1}}))
		}, http.MethodPost, "/v1/rows:score", `{"feature_names":["x"],"values":[1]}`},
		{"champion", func(ctx context.Context, c client) error {
			return first(c.GetModelVersion(ctx, &pb.GetModelVersionRequest{Name: "modelVersions/champion"}))
		}, http.MethodGet, "/v1/modelVersions/champion", ""},
	} {
		text := bothErrors(t, s, c)
		if !strings.Contains(text, "Unavailable, HTTP 503") {
			t.Errorf("want Unavailable: %s", text)
		}
		b.WriteString(text)
	}
	if code, _, body := s.rest(t, http.MethodGet, "/feed/v1/ip/192.0.2.1", ""); code != http.StatusServiceUnavailable {
		t.Errorf("ipoid's route: %d %s", code, body)
	}
	golden(t, "errors-without-feed.golden", b.String())
}

// bothErrors makes a call over both transports, holds the answers against each
// other and writes them down.
func bothErrors(t *testing.T, s *testServer, c errorCase) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := c.rpc(ctx, s.client)
	st := status.Convert(err)
	if err == nil {
		t.Errorf("%s: no error over gRPC", c.name)
		return ""
	}
	checkDetails(t, c.name, st)
	code, head, body := s.rest(t, c.method, c.path, c.body)
	b, e := statusMarshaler.Marshal(st.Proto())
	if e != nil {
		t.Fatal(e)
	}
	over, rest := compact(string(b)), compact(body)
	if head.Get("Content-Type") != "application/json" {
		t.Errorf("%s: content type %q", c.name, head.Get("Content-Type"))
	}
	if over != rest && c.name != "a prefix" /* over REST it is another path */ {
		t.Errorf("%s: REST answers %s\ngRPC answers %s", c.name, rest, over)
	}
	return fmt.Sprintf("%s: %v, HTTP %d\n%s\n", c.name, st.Code(), code, over)
}

// checkDetails holds a status against AIP-193.
func checkDetails(t *testing.T, name string, st *status.Status) {
	t.Helper()
	infos, bads := 0, 0
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			infos++
			if d.GetDomain() != errorDomain || d.GetReason() == "" || strings.ToUpper(d.GetReason()) != d.GetReason() {
				t.Errorf("%s: %v", name, d)
			}
		case *errdetails.BadRequest:
			bads++
		}
	}
	if infos != 1 || bads > 1 {
		t.Errorf("%s: %d ErrorInfos, %d BadRequests", name, infos, bads)
	}
	if st.Code() == codes.InvalidArgument && bads != 1 {
		t.Errorf("%s: an invalid argument that names no field: %v", name, st)
	}
}

// What the gateway itself finds wrong leaves it in our form, without its words.
func TestGatewayErrors(t *testing.T) {
	s := start(t, someLines(2))
	var b strings.Builder
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/nothing", ""},
		{"GET", "/v1/nothing", ""},
		{"GET", "/v1/ips/192.0.2.1/x", ""},
		{"DELETE", "/v1/ips/192.0.2.1", ""},
		{"POST", "/v1/ips/192.0.2.1", "{}"},
		{"POST", "/v1/modelVersions", "{}"},
		{"GET", "/v1/rows:score", ""},
		{"GET", "/v1/ips?page_size=many", ""},
		{"GET", "/v1/ips?page_size=99999999999", ""},
		{"GET", "/v1/ips?colour=red", ""},
		{"GET", "/v1/ips/%zz", ""},
		{"POST", "/v1/ips:lookup", ""},
		{"POST", "/v1/ips:lookup", "{"},
		{"POST", "/v1/ips:lookup", `{"ips":"192.0.2.1"}`},
		{"POST", "/v1/ips:lookup", `{"ips":["192.0.2.1"],"colour":1}`},
		{"POST", "/v1/ips:lookup", `[]`},
		{"POST", "/v1/rows:score", `{"values":["x"]}`},
		{"POST", "/v1/rows:score", strings.Repeat("[", 20_000)},
		{"GET", "/openapi.json", ""},
		{"GET", "/debug/pprof/heap", ""},
		{"PUT", "/v1/feeds/2024-08-31", ""},
		{"PUT", "/feed/v1/ip/192.0.2.1", ""},
		{"GET", "/feed/v1/ip/x", ""},
		{"GET", "/feed/v1/other", ""},
		{"DELETE", "/healthz", ""},
		{"POST", "/readyz", "{}"},
		{"PUT", "/metrics", ""},
	} {
		if strings.Contains(c.path, "%zz") {
			continue // net/http refuses it before any handler, on both sides
		}
		code, head, body := s.rest(t, c.method, c.path, c.body)
		if strings.Contains(body, "strconv") || strings.Contains(body, "proto:") || strings.ContainsRune(body, '\u00a0') {
			t.Errorf("%s %s tells of the program's insides: %s", c.method, c.path, body)
		}
		if head.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: content type %q", c.method, c.path, head.Get("Content-Type"))
		}
		if (code == http.StatusMethodNotAllowed) != (head.Get("Allow") != "") {
			t.Errorf("%s %s: HTTP %d with Allow %q", c.method, c.path, code, head.Get("Allow"))
		}
		text := c.body
		if len(text) > 60 {
			text = text[:60] + "…"
		}
		fmt.Fprintf(&b, "%s %s %s: HTTP %d\n%s\n", c.method, c.path, text, code, compact(body))
	}
	golden(t, "gateway-errors.golden", b.String())
}
