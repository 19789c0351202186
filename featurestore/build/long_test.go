package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/featurestore"
)

func long(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip(what + ": set SLUICE_LONG=1")
	}
}

// TestKilled ends runs at any moment with SIGKILL: whatever was left, the next
// run opens the store, finds each month whole, and ends with the same bytes.
func TestKilled(t *testing.T) {
	if home := os.Getenv("SLUICE_KILLED_HOME"); home != "" { // the run to be killed
		s, err := featurestore.Open(home, featurestore.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := config(strings.Split(os.Getenv("SLUICE_KILLED_FILES"), ",")...)
		c.Memory = 20000
		build(t, s, c)
		return
	}
	long(t, "runs that are killed")
	dir := t.TempDir()
	var paths []string
	for i := range 8 {
		paths = append(paths, write(t, dir, fmt.Sprint(i), lines(uint64(i), fmt.Sprintf("2024-0%d-25", 3+i%4), 3000, 200)))
	}
	want := filepath.Join(dir, "want")
	build(t, open(t, want), config(paths...))
	home := filepath.Join(dir, "home")
	killed, ended := 0, 0
	for i := range 60 {
		write(t, dir, "0", lines(uint64(100+i%3), "2024-03-25", 3000, 200)) // something to do each time
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "SLUICE_KILLED_HOME="+home, "SLUICE_KILLED_FILES="+strings.Join(paths, ","))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*20) * time.Millisecond)
		cmd.Process.Kill()
		if cmd.Wait() == nil {
			ended++
		} else {
			killed++
		}
		s, err := featurestore.Open(home, featurestore.OpenOptions{})
		if err != nil {
			t.Fatalf("after kill %d: %v", i, err)
		}
		for _, m := range s.Months() {
			if _, err := s.ReadMonth(m); err != nil {
				t.Fatalf("after kill %d: %v", i, err)
			}
		}
		s.Close()
	}
	t.Logf("%d runs killed, %d ended before", killed, ended)
	write(t, dir, "0", lines(0, "2024-03-25", 3000, 200))
	build(t, open(t, home), config(paths...))
	sameMonths(t, "after all the kills", want, home)
	if left, _ := filepath.Glob(filepath.Join(home, "store", "*", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
