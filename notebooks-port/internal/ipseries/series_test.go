package ipseries

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/webrequest"
	"sluice/notebooks-port/internal/studytest"
)

// TestAgainstCounting counts the chosen addresses' hours anew.
func TestAgainstCounting(t *testing.T) {
	w := studytest.NewWorld(t)
	status, out, errs := studytest.Call(t, Main, append(small(w), "--show-addresses", "--json", "--quiet", "--zone", "Asia/Kolkata", "--out", t.TempDir())...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	set, err := attack.ReadFile(w.Attacks, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := webrequest.New(webrequest.DefaultOptions(webrequest.Wikimedia))
	if err != nil {
		t.Fatal(err)
	}
	filter := webrequest.DefaultFilter(webrequest.Wikimedia)
	all, counted, inside := map[string]int64{}, map[string]int64{}, map[string]int64{}
	hours := map[string]map[int64]int64{}
	w.Each(t, func(q *webrequest.Request) {
		ip := q.IP.String()
		all[ip]++
		if hours[ip] == nil {
			hours[ip] = map[int64]int64{}
		}
		hours[ip][q.Time/3600]++
		if filter.Keep(q, d.Derive(q)) {
			counted[ip]++
			if len(set.Match(q.Time, nil)) > 0 {
				inside[ip]++
			}
		}
	})
	most := []int64{}
	for _, n := range inside {
		most = append(most, n)
	}
	slices.Sort(most)
	slices.Reverse(most)
	if len(r.Series) != 10 {
		t.Fatalf("%d series", len(r.Series))
	}
	for i, s := range r.Series {
		if s.All != all[s.Name] || s.Counted != counted[s.Name] || s.Inside != inside[s.Name] || s.Hours != len(hours[s.Name]) {
			t.Errorf("series %d: %d, %d, %d in %d hours; want %d, %d, %d in %d", i, s.All, s.Counted, s.Inside, s.Hours, all[s.Name], counted[s.Name], inside[s.Name], len(hours[s.Name]))
		}
		if i < 7 && s.Inside != most[i] {
			t.Errorf("series %d is of %d requests, want %d", i, s.Inside, most[i])
		}
		var sum, peak int64
		for _, h := range s.ByHour {
			sum += h.All
			peak = max(peak, h.All)
		}
		var want int64
		for _, n := range hours[s.Name] {
			want = max(want, n)
		}
		if sum != s.All || peak != s.Peak || peak != want {
			t.Errorf("series %d: hours hold %d of %d, at most %d, want %d", i, sum, s.All, peak, want)
		}
		if len(s.DropTimes) != s.Records {
			t.Errorf("series %d: %d times of %d records", i, len(s.DropTimes), s.Records)
		}
	}
	records := []int{}
	for _, s := range r.Series[7:] {
		records = append(records, s.Records)
	}
	if !slices.IsSortedFunc(records, func(a, b int) int { return b - a }) || records[0] < 2 {
		t.Errorf("the most dropped have %v records", records)
	}
}

// TestNamed draws the addresses that are asked for.
func TestNamed(t *testing.T) {
	w := studytest.NewWorld(t)
	args := append(w.Args(), "--ips", w.Addresses[0]+","+w.Addresses[1], "--show-addresses", "--json", "--quiet", "--out", t.TempDir())
	status, out, errs := studytest.Call(t, Main, args...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Series) != 2 || r.Series[0].Name != w.Addresses[0] || r.Series[1].Chosen != named || r.Compare != nil {
		t.Errorf("%+v", r)
	}
}

func TestUsage(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(log, []byte(`192.0.2.9 - - [10/Jul/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 10 "-" "x"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	windows := filepath.Join(t.TempDir(), "attacks.csv")
	if err := os.WriteFile(windows, []byte("start,end,name\n2024-07-26T20:00:00Z,2024-07-26T21:00:00Z,three\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	studytest.Fails(t, Main, []studytest.Usage{
		{Args: nil, Status: 2, Want: "--logs is missing"},
		{Args: []string{"--logs", log, "--top", "-1"}, Status: 2, Want: "want 0 or more"},
		{Args: []string{"--logs", log, "--top", "90", "--top-dropped", "20"}, Status: 2, Want: "100 together"},
		{Args: []string{"--logs", log, "--ips", "me"}, Status: 2, Want: "is no address"},
		{Args: []string{"--logs", log, "--ips", "192.0.2.8"}, Status: 1, Want: "address 1 of those named has no request"},
		{Args: []string{"--logs", log, "--top", "0"}, Status: 1, Want: "no address has a request that counts"},
		{Args: []string{"--logs", log, "--attacks", windows}, Status: 1, Want: "no address has a request that counts"},
		{Args: []string{"--logs", log, "--drops", log}, Status: 1, Want: "access.log"},
	})
}
