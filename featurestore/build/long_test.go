package build

import (
	"fmt"
	"math/rand/v2"
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
	rng := rand.New(rand.NewPCG(1, 2))
	// begin starts a run that has something to do.
	begin := func(i int) *exec.Cmd {
		for k := range 4 {
			write(t, dir, fmt.Sprint(k), lines(uint64(100+i*4+k), fmt.Sprintf("2024-0%d-25", 3+k), 3000, 200))
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "SLUICE_KILLED_HOME="+home, "SLUICE_KILLED_FILES="+strings.Join(paths, ","))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	started := time.Now()
	if err := begin(0).Wait(); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(started)
	const kills, most = 100, 400
	killed, ended := 0, 0
	for i := 1; killed < kills; i++ {
		if i > most {
			t.Fatalf("of %d runs only %d were killed before their end", most, killed)
		}
		cmd := begin(i)
		time.Sleep(time.Duration(rng.Int64N(int64(whole))))
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
	for k := range 4 {
		write(t, dir, fmt.Sprint(k), lines(uint64(k), fmt.Sprintf("2024-0%d-25", 3+k), 3000, 200))
	}
	build(t, open(t, home), config(paths...))
	sameMonths(t, "after all the kills", want, home)
	if left, _ := filepath.Glob(filepath.Join(home, "store", "*", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
