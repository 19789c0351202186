package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/models/registry"
	"sluice/models/rules/aim"
)

// attackedSite writes three months of a quiet site with an attack each, from
// forty addresses of which three quarters are listed.
func attackedSite(t testing.TB, dir string) Config {
	t.Helper()
	c := smallSite(t, dir)
	c.Logs, c.Labels, c.Detect = nil, nil, true
	c.Gates.MinPrecision, c.Aim = 0, aim.AtPrecision(.5)
	for month := time.June; month <= time.August; month++ {
		var b, list bytes.Buffer
		z := gzip.NewWriter(&b)
		line := func(at time.Time, ip, path, agent string, status int) {
			fmt.Fprintf(z, "%s - - [%s] \"GET %s HTTP/1.1\" %d 500 \"-\" %q\n", ip, at.Format("02/Jan/2006:15:04:05 -0700"), path, status, agent)
		}
		from := time.Date(2024, month, 1, 0, 0, 0, 0, time.UTC)
		for at := from; at.Month() == month; at = at.Add(40 * time.Minute) {
			line(at, "192.0.2.1", "/", "reader", 200)
		}
		start := from.AddDate(0, 0, 10+int(month)).Add(4 * time.Hour)
		for i := range 4000 {
			k := i % 40
			ip := fmt.Sprintf("20.%d.1.%d", month, k+1)
			path, agent := "/search", "flood"
			if k%4 == 0 {
				path, agent = "/page", "Firefox"
			}
			line(start.Add(time.Duration(i)*time.Second/2), ip, path, agent, 200)
			if i < 40 && k%4 > 0 {
				fmt.Fprintln(&list, ip)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		for name, body := range map[string][]byte{"access": b.Bytes(), "blacklist": list.Bytes()} {
			path := filepath.Join(dir, fmt.Sprintf("attacked-%s-2024-%02d.%s", name, month, map[string]string{"access": "log.gz", "blacklist": "txt"}[name]))
			if err := os.WriteFile(path, body, 0o644); err != nil {
				t.Fatal(err)
			}
			if name == "access" {
				c.Logs = append(c.Logs, path)
			} else {
				c.Labels = append(c.Labels, path)
			}
		}
	}
	return c
}

func storeWindows(t testing.TB, home string) (out []string) {
	t.Helper()
	st, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, m := range st.Manifest().Months {
		for _, w := range m.Windows {
			out = append(out, fmt.Sprintf("%s %s %d %d", m.Month, w.Attack, w.Start, w.End))
		}
	}
	return out
}

// Logs may be given all at once or month by month: windows of months that are
// there already stay as they are. What detection saw is in the report, also of
// a run that reads no log.
func TestDetectedMonthByMonth(t *testing.T) {
	ctx := context.Background()
	whole := attackedSite(t, t.TempDir())
	if _, err := Build(ctx, whole, quiet); err != nil {
		t.Fatal(err)
	}
	want := storeWindows(t, whole.Home)
	if len(want) != 3 || !strings.Contains(want[0], "detected-2024-06-17T04") {
		t.Fatal(want)
	}
	parts := whole
	parts.Home = filepath.Join(t.TempDir(), "home")
	parts.Logs = whole.Logs[:2]
	if _, err := Build(ctx, parts, quiet); err != nil {
		t.Fatal(err)
	}
	before := storeWindows(t, parts.Home)
	parts.Logs = whole.Logs[2:]
	warned := ""
	if _, err := Build(ctx, parts, func(e Event) {
		if e.Warning != nil {
			warned += e.Warning.Message
		}
	}); err != nil {
		t.Fatal(err)
	}
	if got := storeWindows(t, parts.Home); !slices.Equal(got[:2], before) || len(got) != 3 || !strings.Contains(warned, "2 windows of logs that were not given stay") {
		t.Errorf("%v, then %v; %s", before, got, warned)
	}
	// Given again, a part is what it was; all of them give what all gave.
	parts.Logs = whole.Logs[:1]
	if _, err := Build(ctx, parts, quiet); err != nil || len(storeWindows(t, parts.Home)) != 3 {
		t.Errorf("%v, %v", storeWindows(t, parts.Home), err)
	}
	parts.Logs = whole.Logs
	if _, err := Build(ctx, parts, quiet); err != nil || !slices.Equal(storeWindows(t, parts.Home), want) {
		t.Errorf("%v, %v; want %v", storeWindows(t, parts.Home), err, want)
	}

	first, err := Run(ctx, whole, quiet)
	if err != nil {
		t.Fatal(err)
	}
	v, err := registry.Open(whole.Home).Get(first.Version)
	if err != nil {
		t.Fatal(err)
	}
	report := func(v registry.Version) string {
		b, err := v.ReadFile(registry.ReportMDFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := report(v)
	for _, s := range []string{"attack windows shaded", "path: /search 75", "agent: flood", "prefix: 20.6.1.0/24 100", "requests of the whole log"} {
		if !strings.Contains(text, s) {
			t.Errorf("the report lacks %q", s)
		}
	}
	if err := os.RemoveAll(filepath.Join(whole.Home, "registry")); err != nil {
		t.Fatal(err)
	}
	whole.Logs, whole.Detect, whole.Labels = nil, false, whole.Labels[:3]
	again, err := Run(ctx, whole, quiet)
	if err != nil || again.Version != first.Version {
		t.Fatalf("%+v, %v", again, err)
	}
	if v, err = registry.Open(whole.Home).Get(again.Version); err != nil || report(v) != text {
		t.Errorf("without the logs another report is made: %v", err)
	}
}

// Where windows were given, the plot shows what is in them; described, the report
// is that of the same windows detected.
func TestGivenWindowsInTheReport(t *testing.T) {
	ctx := context.Background()
	c := attackedSite(t, t.TempDir())
	found, err := DetectAttacks(ctx, &c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	c.Windows, c.Detect = found.Set, false
	res, err := Run(ctx, c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	v, err := registry.Open(c.Home).Get(res.Version)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.ReadFile(registry.ReportMDFile)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(b); !strings.Contains(s, "requests inside the windows") || !strings.Contains(s, "prefix: 20.6.1.0/24") || strings.Contains(s, "agent: flood") {
		t.Error("traffic or signatures of given windows")
	}

	c.Describe, c.Home = true, t.TempDir()
	if res, err = Run(ctx, c, quiet); err != nil {
		t.Fatal(err)
	}
	if v, err = registry.Open(c.Home).Get(res.Version); err != nil {
		t.Fatal(err)
	}
	if b, err = v.ReadFile(registry.ReportMDFile); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"path: /search 75", "agent: flood", "prefix: 20.6.1.0/24 100", "requests of the whole log"} {
		if !strings.Contains(string(b), s) {
			t.Errorf("the report of windows described lacks %q", s)
		}
	}
}

// Ablate measures the three sets on the same rows, the same draws, and what was
// known before.
func TestAblate(t *testing.T) {
	c := smallSite(t, t.TempDir())
	ctx := context.Background()
	if _, err := Build(ctx, c, quiet); err != nil {
		t.Fatal(err)
	}
	c.Logs = nil
	got, err := Ablate(ctx, c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) < 3 || got.Rows[0].Set != "twelve" || got.Rows[0].Columns != 12 || got.Rows[1].Columns != 32 || got.Rows[2].Columns != 37 || got.Rows[0].Gain != nil {
		t.Fatalf("%+v", got)
	}
	for i, r := range got.Rows[:3] {
		if r.N != 300 || r.True == 0 || !(r.ROCAUC.Low <= r.ROCAUC.Estimate && r.ROCAUC.Estimate <= r.ROCAUC.High) {
			t.Errorf("%+v", r)
		}
		if i > 0 {
			// Paired: the gain's interval is narrower than independent ones make it.
			d := float64(r.ROCAUC.Estimate - got.Rows[i-1].ROCAUC.Estimate)
			if r.Gain == nil || float64(r.Gain.Estimate) != d || !(float64(r.Gain.Low) <= d && d <= float64(r.Gain.High)) {
				t.Errorf("gain %+v, want %v inside", r.Gain, d)
			}
		}
	}
	again, err := Ablate(ctx, c, quiet)
	if err != nil || fmt.Sprint(again.Rows) == "" || again.Rows[2].ROCAUC != got.Rows[2].ROCAUC {
		t.Errorf("once more: %+v, %v", again, err)
	}
	c.Labels = nil
	if _, err := Ablate(ctx, c, quiet); err == nil || !strings.Contains(err.Error(), "--labels") {
		t.Errorf("without exports: %v", err)
	}
}
