package accesslog

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"sluice/featurestore/webrequest"
)

// sharedDir is the folder beside the module with real logs, where there is one.
func sharedDir(t *testing.T, sub string) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the package")
		}
		dir = up
	}
	shared := filepath.Join(dir, "..", "shared", sub)
	if _, err := os.Stat(shared); err != nil {
		t.Skipf("no real logs: %s is not there", filepath.Join("..", "shared", sub))
	}
	return shared
}

// Real logs must read whole: every line of these was written by a web server
// in one format, so a rejected line is this package's fault or a broken write.
func TestRealLogs(t *testing.T) {
	want := map[string]struct{ lines, rejected int64 }{
		"site-a": {106921, 0},
		"site-b": {34924, 0},
	}
	for site, w := range want {
		files, err := filepath.Glob(filepath.Join(sharedDir(t, "data"), site, "*.log.gz"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", site, err)
		}
		var lines, good int64
		rejected := map[Reason]int64{}
		malformed := 0
		for _, f := range files {
			l, err := Open(f, Options{})
			if err != nil {
				t.Fatalf("%s: %v", site, err)
			}
			if l.Format() != Combined {
				t.Errorf("%s: %s", site, l.Chosen())
			}
			err = l.Scan(context.Background(), 1, func(_ int, req *webrequest.Request) error {
				if req.HTTPMethod == "" {
					malformed++
				}
				return nil
			})
			if err != nil {
				t.Fatalf("%s: %v", site, err)
			}
			s := l.Stats()
			lines += s.Lines
			good += s.Good
			for r, n := range s.Rejected {
				rejected[r] += n
			}
			if s.BytesRead != l.Size() || l.BytesRead() != l.Size() || l.SHA256() == "" || s.Truncated {
				t.Errorf("%s: %d of %d bytes read", site, s.BytesRead, l.Size())
			}
		}
		t.Logf("%s: %d files, %d lines, %d good, rejected %v, malformed request lines %d", site, len(files), lines, good, rejected, malformed)
		if lines != w.lines || lines-good != w.rejected {
			t.Errorf("%s: %d lines, %d good; want %d lines and %d rejected", site, lines, good, w.lines, w.rejected)
		}
	}
}
