package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/serve/feed"
)

func quiet(Event) {}

// A run that was killed after its version was written and before it was put in
// service is finished by the next.
func TestRunFinishesWhatAKilledOneLeft(t *testing.T) {
	c := smallSite(t, t.TempDir())
	first, err := Run(context.Background(), c, quiet)
	if err != nil || !first.Gate.Passed {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, f := range []string{"registry/champion", "registry/champion.log", "feeds"} {
		if err := os.RemoveAll(filepath.Join(c.Home, f)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Run(context.Background(), c, quiet)
	if err != nil || !again.Rerun || again.Champion != first.Version || again.FeedRows != first.FeedRows {
		t.Fatalf("%+v, %v", again, err)
	}
	// But one that was taken out of service stays out.
	other := c
	other.Seed = 1
	second, err := Run(context.Background(), other, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if second.Champion != second.Version {
		t.Skipf("the second version did not pass: %v", second.Gate.Failed)
	}
	if _, err := Rollback(context.Background(), c, registry.Entry{Action: "rollback", Who: "test", Reason: "test"}, quiet); err != nil {
		t.Fatal(err)
	}
	if res, err := Run(context.Background(), other, quiet); err != nil || res.Champion != first.Version {
		t.Fatalf("champion %s after a rerun of what was rolled back, %v", res.Champion, err)
	}
}

// What is rolled back is rolled back in what is served: the newest feed is the
// champion's, whatever months its model was tested on.
func TestRollbackReachesTheFeed(t *testing.T) {
	ctx := context.Background()
	c := smallSite(t, t.TempDir())
	early := c
	early.Train, early.Test = c.Train[:1], c.Train[1:2]
	a, err := Run(ctx, early, quiet)
	if err != nil || !a.Gate.Passed {
		t.Fatalf("%+v, %v", a, err)
	}
	force := func(v string) {
		t.Helper()
		if _, err := Promote(ctx, c, registry.Entry{Action: "promote", Version: v, Who: "test", Reason: "test", Forced: true}, quiet); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Run(ctx, c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	force(b.Version)
	check := func(want string) {
		t.Helper()
		champion, err := registry.Open(c.Home).Champion()
		if err != nil {
			t.Fatal(err)
		}
		d, err := feed.Open(c.Home).Latest()
		if err != nil || d.ModelVersion != want || champion != want {
			t.Fatalf("champion %s, newest feed by %s (%v); want %s", champion, d.ModelVersion, err, want)
		}
		if !strings.HasPrefix(string(d.Date), "2024-08") {
			t.Fatalf("the newest feed is of %s", d.Date)
		}
	}
	check(b.Version)
	if _, err := Rollback(ctx, c, registry.Entry{Action: "rollback", Who: "test", Reason: "test"}, quiet); err != nil {
		t.Fatal(err)
	}
	check(a.Version)
}

// A change of service that can't have its feed changes nothing.
func TestNoFeedNoChange(t *testing.T) {
	ctx := context.Background()
	c := smallSite(t, t.TempDir())
	res, err := Run(ctx, c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	months, err := filepath.Glob(filepath.Join(c.Home, "store", "months", "2024-08*.parquet"))
	if err != nil || len(months) != 1 {
		t.Fatal(months, err)
	}
	if err := os.Truncate(months[0], 100); err != nil {
		t.Fatal(err)
	}
	before := contents(t, filepath.Join(c.Home, "registry"))
	if err := os.Remove(filepath.Join(c.Home, "registry", "champion")); err != nil {
		t.Fatal(err)
	}
	delete(before, "champion")
	_, err = Promote(ctx, c, registry.Entry{Action: "promote", Version: res.Version, Who: "test", Reason: "test"}, quiet)
	if !fault.Is(err, fault.Corrupt) {
		t.Fatalf("promoting over a damaged month: %v", err)
	}
	after := contents(t, filepath.Join(c.Home, "registry"))
	for name := range after {
		if before[name] != after[name] {
			t.Errorf("%s was changed", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, want %d", len(after), len(before))
	}
}

// Merging a month again, for a file that came or went, keeps its labels.
func TestLabelsAreKept(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	c := smallSite(t, dir)
	if _, err := Build(ctx, c, quiet); err != nil {
		t.Fatal(err)
	}
	august := row.Month(2024*12 + 7)
	labels := func() map[string]row.Label {
		st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		m, err := st.ReadMonth(august)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]row.Label{}
		for _, r := range m.Rows {
			out[r.IP.String()] = r.Label
		}
		return out
	}
	want := labels()
	late := filepath.Join(dir, "late.log")
	line := `9.9.9.9 - - [05/Aug/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 10 "-" "x"` + "\n"
	if err := os.WriteFile(late, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	add := c
	add.Logs, add.Labels = []string{late}, nil
	var warned []string
	if _, err := Build(ctx, add, func(e Event) {
		if e.Warning != nil {
			warned = append(warned, e.Warning.Message)
		}
	}); err != nil {
		t.Fatal(err)
	}
	got := labels()
	if got["9.9.9.9"] != row.Unknown || len(got) != len(want)+1 {
		t.Fatalf("the new address is %v among %d rows", got["9.9.9.9"], len(got))
	}
	if !slices.ContainsFunc(warned, func(w string) bool { return strings.Contains(w, "2024-08 kept the labels it had") }) {
		t.Errorf("nobody was told: %q", warned)
	}
	same := func(got map[string]row.Label) {
		t.Helper()
		for ip, l := range want {
			if got[ip] != l {
				t.Fatalf("a label became %v, was %v", got[ip], l)
			}
		}
	}
	same(got)
	if _, err := Remove(ctx, c, []string{"late.log"}); err != nil {
		t.Fatal(err)
	}
	got = labels()
	same(got)
	if len(got) != len(want) {
		t.Fatalf("%d rows after the removal, want %d", len(got), len(want))
	}
}
