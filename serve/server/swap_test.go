package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/registry"
	pb "sluice/proto/sluice/v1"
)

const (
	versionA = "2024-07-aaaaaaaaaaaa"
	versionB = "2024-07-bbbbbbbbbbbb"
)

// stumpValue is the value of a version's stump.
var stumpValue = map[string]float64{versionA: 1, versionB: 2}

// wrongStump says what is wrong with an answer for a row of this many requests,
// by a formula of the test's own.
func wrongStump(version string, requests, confidence float64) error {
	value, ok := stumpValue[version]
	if !ok {
		return fmt.Errorf("version %q", version)
	}
	if requests < 10 {
		value = -value
	}
	if want := 1 / (1 + math.Exp(-value)); math.Abs(confidence-want) > 1e-6 {
		return fmt.Errorf("version %s gives %v for %v requests, want %v", version, confidence, requests, want)
	}
	return nil
}

func stumpRow(requests float64) []float64 {
	v := make([]float64, columns.NumFeatures)
	v[columns.RequestCount] = requests
	return v
}

// Versions come into service under load, a thousand of them with SLUICE_LONG: each call is answered, by
// one version from its first row to its last, and by the new one once it is in
// service.
func TestSwapUnderLoad(t *testing.T) {
	swaps := 100
	switch {
	case os.Getenv("SLUICE_LONG") != "":
		swaps = 1000
	case testing.Short():
		swaps = 40
	}
	s := start(t, nil, func(c *Config) {
		c.Models, c.Poll, c.Shadow = nil, time.Millisecond, shadowNewest
		writeVersion(t, c.Dir, versionA, 1, asOf)
		writeVersion(t, c.Dir, versionB, 2, asOf.Add(time.Hour))
		setChampion(t, c.Dir, versionA)
	})
	stop := make(chan struct{})
	var calls, answeredB atomic.Int64
	var wg sync.WaitGroup
	check := func(version string, confidences []float64) error {
		if len(confidences) != 2 {
			return fmt.Errorf("%d rows", len(confidences))
		}
		if version == versionB {
			answeredB.Add(1)
		}
		return errors.Join(wrongStump(version, 3, confidences[0]), wrongStump(version, 30, confidences[1]))
	}
	values := append(stumpRow(3), stumpRow(30)...)
	work := func(call func() error) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := call(); err != nil {
					t.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	for range 2 {
		work(func() error {
			a, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: values, MaxReasons: 1})
			if err != nil {
				return err
			}
			return check(a.ModelVersion, a.Confidences)
		})
	}
	stream, err := s.client.StreamScores(ctx)
	if err != nil {
		t.Fatal(err)
	}
	work(func() error {
		if err := stream.Send(&pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: values}); err != nil {
			return err
		}
		a, err := stream.Recv()
		if err != nil {
			return err
		}
		if a.Status != nil {
			return errors.New(a.Status.Message)
		}
		return check(a.ModelVersion, a.Confidences)
	})
	body, err := json.Marshal(map[string]any{"feature_names": columns.Names(), "values": values})
	if err != nil {
		t.Fatal(err)
	}
	work(func() error {
		r, err := http.Post("http://"+s.HTTPAddr()+"/v1/rows:score", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer r.Body.Close()
		var a struct {
			ModelVersion string    `json:"model_version"`
			Confidences  []float64 `json:"confidences"`
		}
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil || r.StatusCode != 200 {
			return fmt.Errorf("%d %w", r.StatusCode, err)
		}
		return check(a.ModelVersion, a.Confidences)
	})
	for i := range swaps {
		next := []string{versionB, versionA}[i%2]
		setChampion(t, s.home, next)
		awaitChampion(t, s, next)
		a, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: values})
		if err != nil || a.ModelVersion != next {
			t.Fatalf("after swap %d: %v, %v; want %s", i, a, err, next)
		}
	}
	close(stop)
	wg.Wait()
	if b, all := answeredB.Load(), calls.Load(); b == 0 || b == all || all < int64(swaps) {
		t.Errorf("%d calls, %d of them by %s: not under load", all, b, versionB)
	}
	t.Logf("%d swaps, %d calls beside them, none lost", swaps, calls.Load())
}

// A version that is damaged, of other columns, or that answers otherwise than
// when it was made is refused and reported; the one before goes on. So it is
// for the shadow.
func TestBadVersionIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(files map[string][]byte)
		want string
	}{
		"answers otherwise": {func(f map[string][]byte) {
			f[registry.ModelFile] = versionFiles(t, versionB, 2.25)[registry.ModelFile]
		}, "answers otherwise than when it was made: row 0 of its self-test"},
		"columns of another definition": {func(f map[string][]byte) {
			f[registry.SchemaFile] = bytes.Replace(f[registry.SchemaFile], []byte(`"hash":"`), []byte(`"hash":"f`), 1)
		}, "are defined otherwise than this program's"},
		"no model": {func(f map[string][]byte) {
			f[registry.ModelFile] = []byte("{")
		}, registry.ModelFile},
		"a damaged self-test": {func(f map[string][]byte) {
			f[registry.SelfTestFile] = []byte("{}")
		}, "self-test"},
		"a profile of other columns": {func(f map[string][]byte) {
			f[registry.ProfileFile] = bytes.Replace(f[registry.ProfileFile], []byte(`"score"`), []byte(`"other"`), 1)
		}, `the profile has no column "score"`},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var warnings []string
			s := start(t, nil, func(conf *Config) {
				conf.Models = nil
				conf.Events = func(e Event) {
					if e.Warning != nil {
						mu.Lock()
						warnings = append(warnings, e.Warning.Message)
						mu.Unlock()
					}
				}
				writeVersion(t, conf.Dir, versionA, 1, asOf)
				writeVersion(t, conf.Dir, versionB, 2, asOf, c.edit)
				setChampion(t, conf.Dir, versionA)
			})
			awaitChampion(t, s, versionA)
			setChampion(t, s.home, versionB)
			for range 500 {
				mu.Lock()
				n := len(warnings)
				mu.Unlock()
				if n > 0 {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			time.Sleep(60 * time.Millisecond) // some looks more
			mu.Lock()
			if len(warnings) != 1 || !strings.Contains(warnings[0], c.want) || !strings.HasPrefix(warnings[0], "the new model is not loaded: ") {
				t.Errorf("warnings %q, want one of %q", warnings, c.want)
			}
			mu.Unlock()
			a, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: stumpRow(30)})
			if err != nil || a.ModelVersion != versionA {
				t.Errorf("the one before: %v, %v", a, err)
			}
			if _, _, body := s.rest(t, "GET", "/metrics", ""); !strings.Contains(body, "sluice_refused{what=\"model\"} 1\n") || !strings.Contains(body, `sluice_reloads_total{outcome="failed",what="model"} 1`) {
				t.Error("metrics don't tell of it")
			}
			// By name it is refused as well.
			if _, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{ModelVersion: versionB, FeatureNames: columns.Names(), Values: stumpRow(30)}); err == nil && name != "a profile of other columns" {
				t.Error("asked for by name it answers")
			}
			// The old one is asked for again: nothing is wrong any more.
			setChampion(t, s.home, versionA)
			for range 500 {
				if _, _, body := s.rest(t, "GET", "/metrics", ""); strings.Contains(body, "sluice_refused{what=\"model\"} 0\n") {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			t.Error("metrics go on telling of it")
		})
	}
}

// A version that was refused is not read again at every look, and is once it
// may have been repaired.
func TestRefusedVersionIsTriedAgain(t *testing.T) {
	home := t.TempDir()
	writeVersion(t, home, versionA, 1, asOf, func(f map[string][]byte) { f[registry.ModelFile] = []byte("{") })
	setChampion(t, home, versionA)
	h := newHomeModels(home, "")
	_, first := h.refresh()
	_, again := h.refresh()
	if first == nil || again != first {
		t.Errorf("%v, then %v: it was read again at once", first, again)
	}
	h.refused.until = time.Now()
	if _, err := h.refresh(); err == first || !fault.Is(err, fault.KindOf(first)) {
		t.Errorf("%v: it was not read again", err)
	}
	if h.refused.wait != 2*firstRetry {
		t.Errorf("the wait is %v", h.refused.wait)
	}
}

// The shadow scores what callers that name no version send, nobody sees its
// answers, and metrics tell how they differ. A version of other columns can't.
func TestShadow(t *testing.T) {
	s := start(t, nil, func(c *Config) {
		c.Models, c.Shadow = nil, shadowNewest
		writeVersion(t, c.Dir, versionA, 1, asOf)
		writeVersion(t, c.Dir, versionB, 2, asOf.Add(time.Hour))
		setChampion(t, c.Dir, versionA)
	})
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: append(stumpRow(3), stumpRow(30)...)}
	bad := make([]float64, columns.NumFeatures) // one row that can't be scored
	bad[columns.SpiderRatio] = 7
	q.Values = append(q.Values, bad...)
	for range 10 {
		a, err := s.client.ScoreRows(ctx, q)
		if err != nil || a.ModelVersion != versionA || wrongStump(versionA, 30, a.Confidences[1]) != nil {
			t.Fatalf("%v, %v", a, err)
		}
	}
	named := &pb.ScoreRowsRequest{ModelVersion: versionA, FeatureNames: columns.Names(), Values: stumpRow(3)}
	if _, err := s.client.ScoreRows(ctx, named); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"sluice_shadow_rows_total 20", `sluice_shadow_verdicts_total{champion="abstain",shadow="abstain"} 20`, "sluice_shadow_dropped_rows_total 0",
		// Below 10 requests the sigmoids of -1 and -2 lie 0.15 apart, above as much the other way.
		`sluice_shadow_confidence_difference_bucket{le="-0.1"} 10`, `sluice_shadow_confidence_difference_bucket{le="0.1"} 10`, `sluice_shadow_confidence_difference_bucket{le="0.2"} 20`,
		`sluice_model_info{role="champion",version="` + versionA + `"} 1`, `sluice_model_info{role="shadow",version="` + versionB + `"} 1`,
	}
	body := ""
	for range 300 {
		// A row counts in one figure after the other: wait for all of them.
		_, _, body = s.rest(t, "GET", "/metrics", "")
		if !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(body, w+"\n") }) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, w := range want {
		if !strings.Contains(body, w+"\n") {
			t.Errorf("no %s", w)
		}
	}
	// Its turn comes: the shadow takes over, and the champion before shadows.
	setChampion(t, s.home, versionB)
	awaitChampion(t, s, versionB)
	for range 300 {
		if s.Server.home.shadows.version() == versionA {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the champion before does not shadow")
}

// Live rows are held against the training rows, as the profile has them.
func TestDriftMetrics(t *testing.T) {
	s := start(t, nil, func(c *Config) {
		c.Models = nil
		writeVersion(t, c.Dir, versionA, 1, asOf)
		setChampion(t, c.Dir, versionA)
	})
	psi := func() (rows, requestCount, score, other float64) {
		_, _, body := s.rest(t, "GET", "/metrics", "")
		read := func(name string) float64 {
			_, rest, ok := strings.Cut(body, "\n"+name+" ")
			if !ok {
				return math.NaN()
			}
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
		return read("sluice_drift_rows"), read(`sluice_drift_psi{column="request_count"}`), read(`sluice_drift_psi{column="score"}`), read(`sluice_drift_psi{column="spider_ratio"}`)
	}
	if rows, r, _, _ := psi(); rows != 0 || !math.IsNaN(r) {
		t.Errorf("before there was anything: %v rows, PSI %v", rows, r)
	}
	send := func(requests func(i int) float64) {
		q := &pb.ScoreRowsRequest{FeatureNames: columns.Names()}
		for i := range 1000 {
			q.Values = append(q.Values, stumpRow(requests(i))...)
		}
		if _, err := s.client.ScoreRows(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	send(func(i int) float64 { return float64(i % 20) }) // as it was trained
	if rows, r, score, other := psi(); rows != 1000 || r > 0.01 || score > 0.01 || other > 0.01 {
		t.Errorf("%v rows, PSI of request_count %v, score %v, spider_ratio %v", rows, r, score, other)
	}
	send(func(int) float64 { return 25 }) // only busy ones
	if rows, r, score, other := psi(); rows != 2000 || r < 0.25 || score < 0.1 || other > 0.01 {
		t.Errorf("%v rows, PSI of request_count %v, score %v, spider_ratio %v", rows, r, score, other)
	}
	if _, _, body := s.rest(t, "GET", "/metrics", ""); !strings.Contains(body, "\nsluice_model_age_seconds ") {
		t.Error("no age of the model")
	}
}
