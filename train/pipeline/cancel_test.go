package pipeline

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/models/registry"
	"sluice/train/gbtree"
)

// smallSite writes three months of a site on which agent and status tell the
// listed addresses apart, and returns a run over them.
func smallSite(t testing.TB, dir string) Config {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	c := Config{
		Home: filepath.Join(dir, "home"), World: featurestore.Real, Threads: 2, Rounds: 20, Params: gbtree.DefaultParams(),
		Web: webrequest.DefaultOptions(webrequest.Site), Filter: webrequest.DefaultFilter(webrequest.Site), Zone: time.UTC, Who: "test",
		Train: []row.Month{2024*12 + 5, 2024*12 + 6}, Test: []row.Month{2024*12 + 7},
	}
	for month := 6; month <= 8; month++ {
		path := filepath.Join(dir, fmt.Sprintf("access-2024-%02d.log.gz", month))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		w := bufio.NewWriter(z)
		var list []byte
		for i := range 300 {
			ip := fmt.Sprintf("%d.%d.%d.%d", 20+i%60, (i/60)*13+month, r.IntN(200), 1+r.IntN(250))
			path, status, agent := "/page/%d", 200, "Mozilla/5.0 Firefox/127.0"
			if i%5 < 2 {
				path, status, agent = "/wp-login.php?x=%d", 404, "curl/8.0"
				if r.IntN(10) > 0 {
					list = fmt.Appendln(list, ip)
				}
			}
			for range 1 + r.IntN(9) {
				at := time.Date(2024, time.Month(month), 1, 0, 0, r.IntN(28*86400), 0, time.UTC)
				fmt.Fprintf(w, "%s - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" %q\n", ip, at.Format("02/Jan/2006:15:04:05 -0700"), fmt.Sprintf(path, r.IntN(50)), status, 5000+r.IntN(9000), agent)
			}
		}
		for _, err := range []error{w.Flush(), z.Close(), f.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		labels := filepath.Join(dir, fmt.Sprintf("blacklist-2024-%02d.txt", month))
		if err := os.WriteFile(labels, list, 0o644); err != nil {
			t.Fatal(err)
		}
		c.Logs, c.Labels = append(c.Logs, path), append(c.Labels, labels)
	}
	return c
}

// contents are the files of a home but those that hold times.
func contents(t *testing.T, home string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch d.Name() {
		case "manifest.json", "latest.json", "champion.log", "lock":
			return nil
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(home, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStoppedRun stops a run at every event it sends, one run an event, and
// demands that the state is the old one or a whole one, and that the next run
// ends with the bytes of an undisturbed one.
func TestStoppedRun(t *testing.T) {
	dir := t.TempDir()
	c := smallSite(t, dir)
	c.Home = filepath.Join(dir, "undisturbed")
	events := 0
	res, err := Run(context.Background(), c, func(e Event) {
		if e.Progress == nil { // how many of those there are depends on the clock
			events++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Gate.Passed || res.FeedRows == 0 {
		t.Fatalf("the undisturbed run: %+v", res)
	}
	want := contents(t, c.Home)
	step := 1
	if testing.Short() {
		step = 5
	}
	for stop := 1; stop <= events; stop += step {
		c.Home = filepath.Join(dir, fmt.Sprintf("stopped-%d", stop))
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		_, err := Run(ctx, c, func(e Event) {
			if e.Progress == nil {
				if n++; n == stop {
					cancel()
				}
			}
		})
		cancel()
		if err != nil && !fault.Is(err, fault.Interrupted) {
			t.Fatalf("stopped at event %d: %v", stop, err)
		}
		// What is there can be read: no version in part, no champion without one.
		reg := registry.Open(c.Home)
		versions, bad, verr := reg.Versions()
		if verr != nil || len(bad) > 0 {
			t.Fatalf("stopped at event %d: versions %v %v", stop, bad, verr)
		}
		for _, v := range versions {
			if err := v.Verify(); err != nil {
				t.Fatalf("stopped at event %d: %v", stop, err)
			}
		}
		if name, err := reg.Champion(); err != nil || name != "" && len(versions) == 0 {
			t.Fatalf("stopped at event %d: champion %q, %v", stop, name, err)
		}
		if _, err := Run(context.Background(), c, func(Event) {}); err != nil {
			t.Fatalf("after stopping at event %d: %v", stop, err)
		}
		got := contents(t, c.Home)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("after stopping at event %d: %s differs from the undisturbed run's (present: %v)", stop, name, got[name] != "")
			}
		}
		if len(got) != len(want) {
			t.Errorf("after stopping at event %d: %d files, want %d", stop, len(got), len(want))
		}
	}
}
