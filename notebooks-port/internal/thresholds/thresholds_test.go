package thresholds

import (
	"encoding/json"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/models/rules"
	"sluice/notebooks-port/internal/studytest"
	"sluice/serve/edge"
)

func result(t *testing.T, args ...string) Result {
	t.Helper()
	status, out, errs := studytest.Call(t, Main, append(args, "--json", "--quiet", "--out", t.TempDir())...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func rule(count rules.Op, n float64, size rules.Op, bytes float64, c rules.Combine) rules.Rule {
	two := columns.Names()
	return rules.Rule{RequestCount: rules.Condition{Column: two[0], Op: count, Threshold: n}, ResponseSizeMean: rules.Condition{Column: two[1], Op: size, Threshold: bytes}, Combine: c}
}

// TestAgainstTheTruth measures thresholds of one's own on the rows of the world
// that the logs were written from.
func TestAgainstTheTruth(t *testing.T) {
	w := studytest.NewWorld(t)
	lists := filepath.Join(t.TempDir(), "lists")
	r := result(t, append(w.Home(t), "--request-count", ">=20", "--response-size-mean", "<=6000", "--combine", "and", "--lists", lists, "--window-hours", "8")...)
	world, err := simulate.New(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	mine := rule(rules.AtLeast, 20, rules.AtMost, 6000, rules.And)
	flagged := map[netip.Addr]bool{}
	for i := range 2 {
		for _, x := range world.Rows(i) {
			if mine.Flag(x.Values[columns.RequestCount], x.Values[columns.ResponseSizeMean]) {
				flagged[x.IP] = true
			}
		}
	}
	var tp, fp, all, blocked, live int64
	for _, x := range world.Rows(2) {
		n := int64(x.Values[columns.RequestCount])
		all += n
		if flagged[x.IP] {
			blocked += n
		}
		if mine.Flag(float64(n), x.Values[columns.ResponseSizeMean]) {
			live += n - 20
			if x.Label == row.True {
				tp++
			} else {
				fp++
			}
		}
	}
	if c := r.OnTest.Confusion; int64(c.TP) != tp || int64(c.FP) != fp {
		t.Errorf("%v of %v, want %d and %d", c.TP, c.FP, tp, fp)
	}
	if r.List.Addresses != len(flagged) || r.All.Requests != all || r.Effects[0].Requests != blocked || r.Effects[1].Requests != live {
		t.Errorf("%d listed, %d of %d blocked, %d live; want %d, %d of %d, %d", r.List.Addresses, r.Effects[0].Requests, r.All.Requests, r.Effects[1].Requests, len(flagged), blocked, all, live)
	}
	if r.Limit == nil || math.Abs(r.Limit.PerSecond-20./8/3600) > 1e-12 || r.Limit.Period != 3600 || r.Limit.Requests != 3 {
		t.Errorf("limit: %+v", r.Limit)
	}
	// Every list reads back as the flagged addresses.
	files, err := os.ReadDir(lists)
	if err != nil || len(files) != len(edge.Formats()) {
		t.Fatalf("%d lists, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.Open(filepath.Join(lists, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		ps, _, err := edge.Read(b, f.Name())
		b.Close()
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
			continue
		}
		n := 0
		for ip := range flagged {
			if covers(ps, ip) {
				n++
			}
		}
		if info, err := f.Info(); n != len(flagged) || err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s holds %d of %d, %v", f.Name(), n, len(flagged), info.Mode())
		}
	}
}

// TestStoppedLive holds the shortcut against going through the requests.
func TestStoppedLive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops, joins := []rules.Op{rules.AtLeast, rules.AtMost}, []rules.Combine{rules.And, rules.Or}
		n := rapid.IntRange(0, 200).Draw(t, "requests")
		size := rapid.Float64Range(0, 100).Draw(t, "size")
		r := Result{JudgeFrom: rapid.IntRange(1, 30).Draw(t, "judge from"), Rule: rule(
			rapid.SampledFrom(ops).Draw(t, "op"), rapid.Float64Range(0, 150).Draw(t, "count"), rapid.SampledFrom(ops).Draw(t, "size op"), 50, rapid.SampledFrom(joins).Draw(t, "join"))}
		if r.Rule.RequestCount.Op != rules.AtLeast {
			t.Skip("what few requests mean is known at the end alone")
		}
		want := 0
		for k := 1; k <= n; k++ {
			// Before the k-th request k-1 are known.
			count := r.Rule.RequestCount.Holds(float64(k - 1))
			small := k-1 >= r.JudgeFrom && r.Rule.ResponseSizeMean.Holds(size)
			stop := count || small
			if r.Rule.Combine == rules.And {
				stop = count && small
			}
			if stop {
				want++
			}
		}
		if got := r.stoppedLive(float64(n), size); got != float64(want) {
			t.Fatalf("%v of %d with size %v under %v: %v, want %d", got, n, size, r.Rule, got, want)
		}
	})
}

func TestCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ps []netip.Prefix
		for range rapid.IntRange(0, 12).Draw(t, "prefixes") {
			ps = append(ps, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(rapid.IntRange(0, 3).Draw(t, "c")), byte(rapid.IntRange(0, 255).Draw(t, "d"))}), rapid.IntRange(24, 32).Draw(t, "bits")).Masked())
		}
		ps = edge.Merge(ps)
		ip := netip.AddrFrom4([4]byte{10, 0, byte(rapid.IntRange(0, 3).Draw(t, "ic")), byte(rapid.IntRange(0, 255).Draw(t, "id"))})
		if want := slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(ip) }); covers(ps, ip) != want {
			t.Fatalf("%v in %v: want %v", ip, ps, want)
		}
	})
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		threshold, hours float64
		requests, period int64
	}{{36000, 1, 100, 10}, {3600, 1, 10, 10}, {1800, 1, 30, 60}, {648, 8.1666667, 14, 600}, {20, 8, 3, 3600}, {1e9, 1, 2777778, 10}} {
		if l := limitOf(c.threshold, c.hours); l.Requests != c.requests || l.Period != c.period {
			t.Errorf("%v in %v hours: %+v", c.threshold, c.hours, l)
		}
	}
	if n := overLimit([]row.HourCount{{Hour: 1, Requests: 10}, {Hour: 2, Requests: 40}, {Hour: 3, Requests: 36}}, .01); n != 4 {
		t.Errorf("36 an hour leave %v", n)
	}
}

// TestConfigurationIsAccepted holds the proposals against the programs that
// they are for, where these are installed.
func TestConfigurationIsAccepted(t *testing.T) {
	for name, r := range map[string]*Result{
		"and":  {Rule: rule(rules.AtLeast, 648, rules.AtMost, 5916.83, rules.And), JudgeFrom: 10, WindowHours: 8.17, Limit: limitOf(648, 8.17), Everyone: limitAt(.7)},
		"or":   {Rule: rule(rules.AtLeast, 80_000, rules.AtLeast, 12, rules.Or), JudgeFrom: 3, WindowHours: 1, Limit: limitOf(80_000, 1), Everyone: limitAt(44)},
		"slow": {Rule: rule(rules.AtLeast, 3, rules.AtMost, 12, rules.Or), JudgeFrom: 3, WindowHours: 720},
		"few":  {Rule: rule(rules.AtMost, 3, rules.AtMost, 12, rules.Or), JudgeFrom: 3, WindowHours: 8},
	} {
		t.Run(name, func(t *testing.T) { accepted(t, r) })
	}
}

func accepted(t *testing.T, r *Result) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	try := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skip(name + " is not installed")
			}
			out, err := exec.Command(name, args...).CombinedOutput()
			if err != nil && strings.Contains(string(out), "Operation not permitted") {
				t.Skip(name + " is not allowed to check here")
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	list := write("list.acl", "192.0.2.1\n")
	for _, c := range r.configuration("sluice") {
		switch {
		case strings.HasPrefix(c.For, "HAProxy"):
			backend, front, ok := strings.Cut(c.Text, "# in the frontend:\n")
			if !ok {
				backend, front = "", c.Text
			}
			front = strings.ReplaceAll(front, "/etc/haproxy/sluice.acl", list)
			try("haproxy", "-c", "-f", write("haproxy.cfg", "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nfrontend f\n bind 127.0.0.1:8\n default_backend app\n"+front+"\nbackend app\n"+backend))
		case strings.HasPrefix(c.For, "nginx"):
			top, server, _ := strings.Cut(c.Text, "# in the server:\n")
			top = strings.ReplaceAll(top, "/etc/nginx/sluice.nginx.conf", write("list.conf", "192.0.2.1 1;\n"))
			try("nginx", "-t", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-g", "pid "+filepath.Join(dir, "pid")+";", "-c", write("nginx.conf", "events {}\nhttp {\naccess_log off;\n"+top+"\nserver {\nlisten 127.0.0.1:8;\n"+server+"\n}\n}\n"))
		case strings.HasPrefix(c.For, "nftables"):
			try("nft", "-c", "-f", write("sluice.nft", c.Text+"\n"))
		}
	}
}

func TestUsage(t *testing.T) {
	args := studytest.NewWorld(t).Home(t)
	with := func(more ...string) []string { return append(slices.Clone(args), more...) }
	studytest.Fails(t, Main, []studytest.Usage{
		{Args: nil, Status: 2, Want: "--logs is missing"},
		{Args: with("--target-precision", "0"), Status: 2, Want: "between 0 and 1"},
		{Args: with("--rule", "best"), Status: 2, Want: "want target or best-f1"},
		{Args: with("--judge-from", "0"), Status: 2, Want: "want 1 or more"},
		{Args: with("--window-hours", "-1"), Status: 2, Want: "want hours"},
		{Args: with("--max-readers", "1"), Status: 2, Want: "want a share below 1"},
		{Args: with("--request-count", ">=5"), Status: 2, Want: "give both"},
		{Args: with("--request-count", "5", "--response-size-mean", "<=5"), Status: 2, Want: "want a comparison as '>=500'"},
		{Args: with("--request-count", ">=5", "--response-size-mean", "<=1e99"), Status: 2, Want: "a number"},
		{Args: with("--request-count", ">=5", "--response-size-mean", "<=5", "--combine", "xor"), Status: 2, Want: "want and, or"},
		{Args: with("--test", "2024-07,2024-08"), Status: 2, Want: "want one"},
		{Args: with("--train", "2024-08", "--test", "2024-08"), Status: 2, Want: "both fitted and tested"},
		{Args: with("--train", "2024-01"), Status: 1, Want: "month 2024-01 has no labelled rows"},
		{Args: with("--test", "2024-06"), Status: 1, Want: "no labelled month before 2024-06"},
		{Args: with("--test", "2025-06"), Status: 1, Want: "no month to test on"},
		{Args: with("--name", "not good"), Status: 1, Want: "want a letter"},
	})
}
