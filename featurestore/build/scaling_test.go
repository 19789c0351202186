package build

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestScaling measures time and peak memory against the number of requests, in
// hourly windows, and fits time to a power of it by least squares over the
// logarithms. It prints a table with a bar for each row and asserts nothing.
//
//	SLUICE_LONG=1 SLUICE_SCALING=1,3,10,30,100 go test -run TestScaling -v -timeout 4h ./featurestore/build
func TestScaling(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("up to a hundred million requests: set SLUICE_LONG=1")
	}
	list := os.Getenv("SLUICE_SCALING")
	if list == "" {
		list = "1,3,10,30,100"
	}
	type point struct {
		n    int
		took ran
	}
	var points []point
	for _, s := range strings.Split(list, ",") {
		millions, err := strconv.ParseFloat(s, 64)
		if err != nil || millions <= 0 {
			t.Fatalf("SLUICE_SCALING %q: want millions of requests, as in 1,3,10", list)
		}
		n := int(millions * 1e6)
		t.Setenv(envDir, t.TempDir())
		dir := compareLogs(t, n)
		home := filepath.Join(t.TempDir(), "home")
		p := point{n, sluice(t, filepath.Join(dir, "traffic.parquet"), home, "hours", 0)}
		points = append(points, p)
		t.Logf("%d requests: %v", n, p.took)
	}
	var x, y, xx, xy float64
	longest := 0.0
	for _, p := range points {
		lx, ly := math.Log(float64(p.n)), math.Log(p.took.seconds)
		x, y, xx, xy = x+lx, y+ly, xx+lx*lx, xy+lx*ly
		longest = max(longest, p.took.seconds)
	}
	k := float64(len(points))
	var b strings.Builder
	b.WriteString("| requests | seconds | peak MiB | |\n|---|---|---|---|\n")
	for _, p := range points {
		fmt.Fprintf(&b, "| %d | %.1f | %d | %s |\n", p.n, p.took.seconds, p.took.peak>>20, strings.Repeat("▇", 1+int(39*p.took.seconds/longest)))
	}
	t.Logf("\n%s", b.String())
	if len(points) > 1 {
		t.Logf("time grows with requests to the power of %.2f", (k*xy-x*y)/(k*xx-x*x))
	}
}
