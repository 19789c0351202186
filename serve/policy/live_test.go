package policy

import (
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

// TestLive: a line counts once the file has changed; a broken file leaves what
// was before.
func TestLive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "allow.txt")
	stampAt := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		stampAt = stampAt.Add(time.Second)
		if err := os.Chtimes(path, stampAt, stampAt); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Follow(Files{Overrides: path}, 0); !fault.Is(err, fault.NotFound) {
		t.Fatalf("no file: %v", err)
	}
	write("# nothing yet\n")
	l, err := Follow(Files{Overrides: path}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	l.now = func() time.Time { return clock }
	l.begun = clock
	ip := netip.MustParseAddr("192.0.2.7")
	verdict := func() Verdict { return l.Policy().Decide(ip, Abusive, now).Verdict }

	write("192.0.2.7 allow never alice asked\n")
	if verdict() != Abusive {
		t.Error("looked before its time")
	}
	clock = clock.Add(time.Minute)
	if verdict() != NotAbusive || l.Err() != nil {
		t.Errorf("the line does not count: %v", l.Err())
	}
	write("192.0.2.7 alow never alice asked\n")
	clock = clock.Add(time.Minute)
	if verdict() != NotAbusive || !fault.Is(l.Err(), fault.Invalid) {
		t.Errorf("a broken file: %v", l.Err())
	}
	write("")
	clock = clock.Add(time.Minute)
	if verdict() != Abusive || l.Err() != nil {
		t.Errorf("an empty file: %v", l.Err())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Minute)
	if verdict() != Abusive || !fault.Is(l.Err(), fault.NotFound) {
		t.Errorf("a file that is gone: %v", l.Err())
	}
	if changed, err := l.Reload(); changed || !fault.Is(err, fault.NotFound) {
		t.Errorf("still gone: %v, %v", changed, err)
	}
	stampAt = stampAt.Add(-time.Second) // the time and size of the empty file
	write("")
	if changed, err := l.Reload(); !changed || err != nil {
		t.Errorf("there again: %v, %v", changed, err)
	}
	// Put in its place, with its time and size.
	write("192.0.2.7 allow never alice asked\n")
	if changed, err := l.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	other := path + ".new"
	if err := os.WriteFile(other, []byte("192.0.2.9 allow never alice asked\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(other, stampAt, stampAt); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if changed, err := l.Reload(); !changed || err != nil || verdict() != Abusive {
		t.Errorf("put in its place: %v, %v", changed, err)
	}
}

// TestLiveConcurrently is for the race detector.
func TestLiveConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allow.txt")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Follow(Files{Overrides: path}, time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				l.Policy().Decide(netip.MustParseAddr("192.0.2.7"), Abusive, now)
				_ = l.Err()
			}
		})
	}
	for i := range 20 {
		line := "192.0.2.7 allow never alice asked\n"
		if err := os.WriteFile(path, []byte(line[:len(line)*(i%2)]), 0o600); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	put := func(name, s string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := Files{
		Overrides: put("allow.txt", overrides),
		Crawlers:  []NamedFile{{"Examplebot", put("bot.json", `{"prefixes": [{"ipv4Prefix": "203.0.113.0/24"}]}`)}},
		Shared:    []NamedFile{{"carrier", put("shared.txt", "100.64.0.0/10\n")}},
	}
	p, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Decide(netip.MustParseAddr("203.0.113.1"), Abusive, now)
	if r := p.Rules(); len(r.Overrides) != 6 || d.Source != FromCrawler || r.Overrides[0].Where != "allow.txt:2" {
		t.Errorf("%+v, %+v", r, d)
	}
	f.Shared = append(f.Shared, NamedFile{"more", filepath.Join(dir, "absent")})
	if _, err := Load(f); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}
