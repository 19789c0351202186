package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
)

// Simulated is what Simulate wrote; paths include the folder.
type Simulated struct {
	Logs    []string            `json:"logs"`
	Attacks string              `json:"attacks"`
	Labels  map[string][]string `json:"labels"` // by shape of the export
	Truth   string              `json:"truth"`
}

// Simulate writes a simulated world into a new folder.
func Simulate(ctx context.Context, w simulate.Config, dir string, o simulate.WriteOptions, sink Sink) (Simulated, error) {
	begun := time.Now()
	world, err := simulate.New(w)
	if err != nil {
		return Simulated{}, err
	}
	m := newMeter(sink, "simulate", "requests")
	var requests int64
	o.Progress = func(done, all int64) {
		requests = all
		m.at(done, all, "")
	}
	f, err := world.Write(ctx, dir, o)
	if err != nil {
		return Simulated{}, err
	}
	out := Simulated{Logs: f.Logs, Attacks: f.Attacks, Labels: f.Labels, Truth: f.Truth}
	sink(Event{Stage: &StageEvent{Name: "simulate", Summary: fmt.Sprintf("%d requests in %d log files, %d months, in %s", requests, len(f.Logs), w.Months, elapsed(begun))}})
	return out, nil
}

// demoWorld is small enough for a minute on two cores and large enough for the
// figures to mean something.
func demoWorld(seed int64) simulate.Config {
	const june2024 = row.Month(2024*12 + 5)
	return simulate.Config{Seed: seed, Start: june2024, Months: 3, Rows: 1000, Scale: 0.05, BackgroundIPs: 500}
}

// Demo simulates three months below c.Home, unless they are there already, and
// points c at them.
func Demo(ctx context.Context, c *Config, sink Sink) error {
	w := demoWorld(c.Seed)
	// A store of real data is refused before anything is written beside it.
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{World: featurestore.Simulated, Context: ctx})
	if err != nil {
		return err
	}
	if err := st.Close(); err != nil {
		return err
	}
	name := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%+v", w)))[:12]
	dir := filepath.Join(c.Home, "simulated", name)
	o := simulate.WriteOptions{Format: simulate.NDJSON, Gzip: true, Threads: c.Threads}
	// manifest.json comes last: without it a killed run left the folder.
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if _, err := Simulate(ctx, w, dir, o, sink); err != nil {
			return err
		}
	}
	c.World, c.Demonstration = featurestore.Simulated, true
	if c.Logs, err = logFiles(filepath.Join(dir, "logs")); err != nil {
		return err
	}
	if c.Labels, err = filepath.Glob(filepath.Join(dir, "labels", "check", "*")); err != nil {
		return err
	}
	if c.Windows, err = attack.ReadFile(filepath.Join(dir, "attacks.csv"), time.UTC); err != nil {
		return err
	}
	c.Zone = time.UTC
	c.Web = webrequest.DefaultOptions(webrequest.Wikimedia)
	c.Filter = webrequest.DefaultFilter(webrequest.Wikimedia)
	c.Train = []row.Month{w.Start, w.Start + 1}
	c.Test = []row.Month{w.Start + 2}
	return nil
}

// refuseSimulated keeps the files of a simulated world out of a home of real
// data; their names tell.
func (c *Config) refuseSimulated() error {
	// Where the home is to say, one that is not there yet would be of real data.
	if _, err := os.Stat(c.Home); c.World == "" && !errors.Is(err, fs.ErrNotExist) || c.World == featurestore.Simulated {
		return nil
	}
	for _, given := range []struct {
		flag  string
		files []string
	}{{"logs", c.Logs}, {"labels", c.Labels}} {
		if i := slices.IndexFunc(given.files, simulate.IsSimulated); i >= 0 {
			return fault.Field(fault.Usage, given.flag, "--%s: %s is of a simulated world, and %s would be a home of real data: add --simulated, with a --dir of its own", given.flag, filepath.Base(given.files[i]), c.Home)
		}
	}
	return nil
}

// logFiles lists the files below a folder.
func logFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}
