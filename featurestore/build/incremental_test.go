package build

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/simulate"
)

// bytesRead is how many bytes this process has read so far, by any means; -1
// where the system does not tell.
func bytesRead() int64 {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "rchar:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return -1
}

// TestAddAnHour builds a month of hourly files, all but one, and adds that one:
// what it takes, with its month merged at once and later, is compared with what
// the whole month takes. The month is the same as if all had been read at once. Figures are printed; bytes, which don't
// depend on the machine, are asserted in the long run.
//
//	SLUICE_LONG=1 go test -run TestAddAnHour -v ./featurestore/build
func TestAddAnHour(t *testing.T) {
	rows, scale := 20, 0.01
	if long := os.Getenv("SLUICE_LONG") != ""; long {
		rows, scale = 200, envFloat("SLUICE_ADD_SCALE", 1)
	} else if testing.Short() {
		rows, scale = 5, 0.001
	}
	dir := t.TempDir()
	logs := world(t, filepath.Join(dir, "logs"), rows, scale, simulate.WriteOptions{Gzip: true, PartitionByHour: true, Threads: 2})
	measured := func(home string, files []string) (took time.Duration, read int64, r Result) {
		s := open(t, filepath.Join(dir, home))
		before, begun := bytesRead(), time.Now()
		r = build(t, s, config(files...))
		took, read = time.Since(begun), bytesRead()-before
		s.Close()
		return took, read, r
	}
	wholeTime, wholeRead, whole := measured("whole", logs)
	// The file that is nearest to the mean: most of the traffic lies in a few.
	mean := whole.Bytes / int64(len(logs))
	off := func(path string) int64 { return max(fileSize(t, path)-mean, mean-fileSize(t, path)) }
	slices.SortFunc(logs, func(a, b string) int { return cmp.Compare(off(a), off(b)) })
	const last = 0
	measured("later", append(append([]string{}, logs[:last]...), logs[last+1:]...))
	c := config(logs[last])
	c.Later = true
	if err := os.CopyFS(filepath.Join(dir, "waits"), os.DirFS(filepath.Join(dir, "later"))); err != nil {
		t.Fatal(err)
	}
	before, begun := bytesRead(), time.Now()
	waits := open(t, filepath.Join(dir, "waits"))
	build(t, waits, c)
	waitTime, waitRead := time.Since(begun), bytesRead()-before
	pending := waits.Pending()
	waits.Close()
	hourTime, hourRead, hour := measured("later", logs[last:last+1])
	sameMonths(t, "an hour later", filepath.Join(dir, "whole"), filepath.Join(dir, "later"))
	t.Logf("%d files, %d requests, %d rows: %d bytes of logs, %d bytes read in all, %v", len(logs), whole.Requests.Requests, whole.Rows, whole.Bytes, wholeRead, wholeTime)
	t.Logf("one file more: %d bytes of logs (1/%.0f), %d bytes read in all (1/%.0f), %v (1/%.1f)", hour.Bytes, float64(whole.Bytes)/float64(hour.Bytes), hourRead, float64(wholeRead)/float64(hourRead), hourTime, wholeTime.Seconds()/hourTime.Seconds())
	t.Logf("one file more, its month to be merged later: %d bytes read in all (1/%.0f), %v (1/%.1f)", waitRead, float64(wholeRead)/float64(waitRead), waitTime, wholeTime.Seconds()/waitTime.Seconds())
	if len(pending) != len(hour.Months) {
		t.Errorf("%v wait to be merged, not %v", pending, hour.Months)
	}
	if os.Getenv("SLUICE_LONG") != "" && waitRead*100 > wholeRead {
		t.Errorf("to add one of %d files %d of %d bytes were read", len(logs), waitRead, wholeRead)
	}
	if want := fileSize(t, logs[last]); hour.Read != 1 || hour.Bytes != want {
		t.Errorf("to add one of %d files %d files and %d bytes of logs were read, not its %d", len(logs), hour.Read, hour.Bytes, want)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func envFloat(name string, otherwise float64) float64 {
	if v, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil && v > 0 {
		return v
	}
	return otherwise
}
