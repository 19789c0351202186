package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sluice/featurestore/geo/geotest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"train": func() {
			os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScript runs the transcripts in testdata/script: every command, error and
// line of the README.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: false,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mklogs":      makeLogs,
			"truncate":    truncateFile,
			"sameas":      sameTrees,
			"exits":       exits,
			"mkcountries": makeCountries,
			"heldversion": heldVersion,
			"champion":    champion,
			"lastversion": lastVersion,
			"anaddress":   anAddress,
		},
	})
}

// makeLogs DIR writes access logs of three months and matching blacklists:
// readers, and scanners of which most are listed.
func makeLogs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	r := rand.New(rand.NewPCG(1, 2))
	for month := 6; month <= 8; month++ {
		log, err := os.Create(filepath.Join(dir, fmt.Sprintf("access-2024-%02d.log.gz", month)))
		ts.Check(err)
		z := gzip.NewWriter(log)
		w := bufio.NewWriter(z)
		list, err := os.Create(filepath.Join(dir, fmt.Sprintf("blacklist-2024-%02d.txt", month)))
		ts.Check(err)
		for i := range 400 {
			ip := fmt.Sprintf("%d.%d.%d.%d", 20+i%60, (i/60)*13+month, r.IntN(200), 1+r.IntN(250))
			bad := i%5 < 2
			requests, path, status, agent := 1+r.IntN(12), "/page/%d", 200, "Mozilla/5.0 (Windows NT 10.0) Firefox/127.0"
			size := 8000 + r.IntN(9000)
			if bad {
				// Told apart by agent and status: the rules, which know only
				// counts and sizes, can't see it.
				path, status, agent = "/wp-login.php?x=%d", 404, "curl/8.0"
				if r.IntN(10) > 0 {
					fmt.Fprintln(list, ip)
				}
			} else if r.IntN(20) == 0 {
				fmt.Fprintln(list, ip)
			}
			for range requests {
				at := time.Date(2024, time.Month(month), 1, 0, 0, r.IntN(28*86400), 0, time.UTC)
				fmt.Fprintf(w, "%s - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" %q\n", ip, at.Format("02/Jan/2006:15:04:05 -0700"), fmt.Sprintf(path, r.IntN(50)), status, size+r.IntN(100), agent)
			}
		}
		ts.Check(w.Flush())
		ts.Check(z.Close())
		ts.Check(log.Close())
		ts.Check(list.Close())
	}
}

// truncateFile FILE cuts the last 100 bytes off.
func truncateFile(ts *testscript.TestScript, neg bool, args []string) {
	fi, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), fi.Size()-100))
}

// sameTrees A B fails unless two folders hold the same files with the same
// bytes; files that hold times are compared without them.
func sameTrees(ts *testscript.TestScript, neg bool, args []string) {
	read := func(dir string) map[string]string {
		out := map[string]string{}
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch d.Name() {
			case "manifest.json", "latest.json", "champion.log", "lock":
				return nil // they hold times
			}
			b, err := os.ReadFile(path)
			rel, _ := filepath.Rel(ts.MkAbs(dir), path)
			out[rel] = string(b)
			return err
		}))
		return out
	}
	a, b := read(args[0]), read(args[1])
	for name := range a {
		if a[name] != b[name] {
			ts.Fatalf("%s differs between %s and %s", name, args[0], args[1])
		}
	}
	if len(a) != len(b) || len(a) == 0 {
		ts.Fatalf("%s holds %d files, %s %d", args[0], len(a), args[1], len(b))
	}
}

// makeCountries FILE writes a database in which half of IPv4 lies in one country
// and the rest in another.
func makeCountries(ts *testscript.TestScript, neg bool, args []string) {
	of := func(code string) map[string]any {
		return map[string]any{"country": map[string]any{"iso_code": code}}
	}
	ts.Check(geotest.Write(ts.MkAbs(args[0]), "Test-Country", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), []geotest.Entry{
		{Prefix: "0.0.0.0/1", Record: of("AD")}, {Prefix: "128.0.0.0/1", Record: of("ZW")},
	}))
}

// exits N COMMAND... runs the train command and wants exit status N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s: exit status %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// heldVersion sets HELD to the version in home that is not in service.
func heldVersion(ts *testscript.TestScript, neg bool, args []string) {
	champion, err := os.ReadFile(ts.MkAbs("home/registry/champion"))
	ts.Check(err)
	dirs, err := filepath.Glob(ts.MkAbs("home/registry/2*"))
	ts.Check(err)
	for _, d := range dirs {
		if filepath.Base(d) != strings.TrimSpace(string(champion)) {
			ts.Setenv("HELD", filepath.Base(d))
			return
		}
	}
	ts.Fatalf("no version is held back")
}

// champion sets CHAMPION to the version in service in home.
func champion(ts *testscript.TestScript, neg bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs("home/registry/champion"))
	ts.Check(err)
	ts.Setenv("CHAMPION", strings.TrimSpace(string(b)))
}

// lastVersion sets LAST to the version in home that was written last.
func lastVersion(ts *testscript.TestScript, neg bool, args []string) {
	dirs, err := filepath.Glob(ts.MkAbs("home/registry/2*/manifest.json"))
	ts.Check(err)
	var last time.Time
	for _, d := range dirs {
		fi, err := os.Stat(d)
		ts.Check(err)
		if fi.ModTime().After(last) {
			last = fi.ModTime()
			ts.Setenv("LAST", filepath.Base(filepath.Dir(d)))
		}
	}
}

// anAddress sets IP to the address of the feed's first line.
func anAddress(ts *testscript.TestScript, neg bool, args []string) {
	paths, err := filepath.Glob(ts.MkAbs("home/feeds/*.jsonl.gz"))
	ts.Check(err)
	f, err := os.Open(paths[0])
	ts.Check(err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	ts.Check(err)
	var line struct{ IP string }
	ts.Check(json.NewDecoder(z).Decode(&line))
	ts.Setenv("IP", line.IP)
}
