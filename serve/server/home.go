package server

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/drift"
	"sluice/models/registry"
	"sluice/models/scorer"
)

// keptScorers is how many versions beside the champion stay loaded.
const keptScorers = 4

// homeModels are the versions of a home's registry. The champion is loaded by
// refresh and stays until another one is loaded in full.
type homeModels struct {
	registry *registry.Registry
	champion atomic.Pointer[observed]
	looking  sync.Mutex // one refresh at a time
	refused  refusal    // of a champion; under looking
	shadows  *shadows

	mu      sync.Mutex
	scorers []*scorer.Scorer // the last used last
	infos   map[string]ModelInfo
}

// newHomeModels serves a home's registry; shadow is the version that scores
// beside the champion, "newest", or "".
func newHomeModels(home, shadow string) *homeModels {
	h := &homeModels{registry: registry.Open(home), infos: map[string]ModelInfo{}}
	h.shadows = newShadows(h, shadow)
	return h
}

// refusal remembers a version that can't serve, so that its files are not read
// again at every look.
type refusal struct {
	version string
	err     error
	wait    time.Duration
	until   time.Time
}

// The bounds of the time between two attempts at a version that was refused.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// load loads a version, or gives the error that it gave a short while ago.
func (r *refusal) load(h *homeModels, version string) (*observed, error) {
	now := time.Now()
	if r.version == version && now.Before(r.until) {
		return nil, r.err
	}
	o, err := h.load(version)
	if err == nil {
		*r = refusal{}
		return o, nil
	}
	if r.version != version {
		r.wait = 0
	}
	r.version, r.err = version, err
	r.wait = min(max(2*r.wait, firstRetry), lastRetry)
	r.until = now.Add(r.wait)
	return nil, err
}

// load reads a version whole and holds it against its checksums, the schema of
// this program's columns and its own self-test. Versions made before there were
// self-tests have none.
func (h *homeModels) load(version string) (*observed, error) {
	v, err := h.registry.Get(version)
	if err != nil {
		return nil, err
	}
	if err := v.Verify(); err != nil {
		return nil, err
	}
	s, err := loadScorer(v)
	if err != nil {
		return nil, err
	}
	o := &observed{Scorer: s, shadows: h.shadows}
	if _, ok := v.Manifest.Files[registry.ProfileFile]; !ok {
		return o, nil
	}
	b, err := v.ReadFile(registry.ProfileFile)
	if err != nil {
		return nil, err
	}
	p, err := drift.Parse(b)
	if err == nil {
		o.live, err = drift.NewLive(p, s.FeatureNames(), driftSpan)
	}
	return o, fault.Wrap(err, "version %s: %s", version, registry.ProfileFile)
}

// loadScorer loads a version that answers as it did when it was made.
func loadScorer(v registry.Version) (*scorer.Scorer, error) {
	s, err := scorer.Load(v)
	if err != nil {
		return nil, err
	}
	if _, ok := v.Manifest.Files[registry.SelfTestFile]; !ok {
		return s, nil
	}
	b, err := v.ReadFile(registry.SelfTestFile)
	if err != nil {
		return nil, err
	}
	t, err := scorer.ParseSelfTest(b)
	if err != nil {
		return nil, fault.Wrap(err, "version %s", v.Name)
	}
	return s, s.Check(t)
}

// refresh loads the champion if it is not the one that serves; changed tells
// whether it did. Where it fails, what served goes on serving.
func (h *homeModels) refresh() (changed bool, err error) {
	h.looking.Lock()
	defer h.looking.Unlock()
	name, err := h.registry.Champion()
	if err != nil || name == h.Champion() {
		h.refused = refusal{}
		return false, err
	}
	if name == "" {
		h.champion.Store(nil)
		return true, nil
	}
	o, err := h.refused.load(h, name)
	if err != nil {
		return false, err
	}
	h.champion.Store(o)
	return true, nil
}

// Champion is the version in service, or "".
func (h *homeModels) Champion() string {
	if s := h.champion.Load(); s != nil {
		return s.Version()
	}
	return ""
}

// Scorer gives a version to score with. What is scored with "" is observed:
// counted for drift, and scored by the shadow.
func (h *homeModels) Scorer(version string) (Scorer, error) {
	c := h.champion.Load()
	switch {
	case version == "" && c == nil:
		return nil, errNoChampion()
	case version == "":
		return c, nil
	case c != nil && version == c.Version():
		return c.Scorer, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.IndexFunc(h.scorers, func(s *scorer.Scorer) bool { return s.Version() == version }); i >= 0 {
		s := h.scorers[i]
		h.scorers = append(slices.Delete(h.scorers, i, i+1), s)
		return s, nil
	}
	v, err := h.registry.Get(version)
	if err != nil {
		return nil, versionField(err)
	}
	s, err := loadScorer(v)
	if err != nil {
		return nil, err
	}
	h.scorers = append(h.scorers, s)
	if len(h.scorers) > keptScorers {
		h.scorers = slices.Delete(h.scorers, 0, 1)
	}
	return s, nil
}

// versionField names the request's field in an error about a version.
func versionField(err error) error {
	if k := fault.KindOf(err); k == fault.Invalid || k == fault.NotFound {
		return fault.Field(k, "model_version", "%w", err)
	}
	return err
}

// List describes the versions, the newest first. One that can't be read is left
// out; Get says what is wrong with it.
func (h *homeModels) List() ([]ModelInfo, error) {
	versions, _, err := h.registry.Versions()
	if err != nil {
		return nil, err
	}
	var list []ModelInfo
	for _, v := range versions {
		if m, err := h.describe(v); err == nil {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b ModelInfo) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		if a.Version < b.Version {
			return 1
		}
		return -1
	})
	return list, nil
}

// Get describes one version.
func (h *homeModels) Get(version string) (ModelInfo, error) {
	v, err := h.registry.Get(version)
	if err != nil {
		return ModelInfo{}, err
	}
	return h.describe(v)
}

// describe reads what a version's files tell. They never change, so it is read
// once.
func (h *homeModels) describe(v registry.Version) (ModelInfo, error) {
	h.mu.Lock()
	m, ok := h.infos[v.Name]
	h.mu.Unlock()
	if !ok {
		var err error
		if m, err = describeVersion(v); err != nil {
			return m, err
		}
		h.mu.Lock()
		h.infos[v.Name] = m
		h.mu.Unlock()
	}
	m.Champion = m.Version == h.Champion()
	return m, nil
}

func describeVersion(v registry.Version) (ModelInfo, error) {
	m := ModelInfo{
		Version: v.Name, CreatedAt: v.Manifest.CreatedAt,
		TrainMonths: monthNames(v.Manifest.Train), TestMonths: monthNames(v.Manifest.Test),
		GatePassed: v.Manifest.Gate.Passed, GateReasons: v.Manifest.Gate.Reasons,
	}
	var schema scorer.Schema
	if err := readVersionJSON(v, registry.SchemaFile, &schema); err != nil {
		return m, err
	}
	m.Features, m.SchemaHash = schema.Names, schema.Hash
	m.Threshold = schema.OperatingPoint.Threshold
	var e evaluationJSON
	if err := readVersionJSON(v, registry.EvaluationFile, &e); err != nil {
		return m, err
	}
	for _, s := range e.Splits {
		m.Splits = append(m.Splits, SplitInfo{
			Name: s.Name, Months: s.Months.Test, Rows: s.Rows.Rows, ROCAUC: s.ROCAUC, PRAUC: s.PRAUC, Brier: s.Brier,
			AtHalf: s.AtHalf.info(), OperatingPoint: s.OperatingPoint.info(),
		})
	}
	return m, nil
}

func readVersionJSON(v registry.Version, name string, into any) error {
	b, err := v.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fault.New(fault.Corrupt, "version %s: %s: %w", v.Name, name, err)
	}
	return nil
}

func monthNames(months []row.Month) []string {
	names := make([]string, len(months))
	for i, m := range months {
		names[i] = m.String()
	}
	return names
}

// evaluationJSON is the part of evaluation.json that the API shows. A figure
// that is undefined is null.
type evaluationJSON struct {
	Splits []struct {
		Name   string `json:"name"`
		Months struct {
			Test []string `json:"test"`
		} `json:"months"`
		Rows struct {
			Rows int `json:"rows"`
		} `json:"rows"`
		ROCAUC         *float64   `json:"roc_auc"`
		PRAUC          *float64   `json:"pr_auc"`
		Brier          *float64   `json:"brier"`
		AtHalf         *pointJSON `json:"at_half"`
		OperatingPoint *pointJSON `json:"operating_point"`
	} `json:"splits"`
}

type pointJSON struct {
	Threshold *float64 `json:"threshold"`
	Abstains  bool     `json:"abstains"`
	Confusion struct {
		TN float64 `json:"tn"`
		FP float64 `json:"fp"`
		FN float64 `json:"fn"`
		TP float64 `json:"tp"`
	} `json:"confusion"`
	Classes struct {
		False classJSON `json:"False"`
		True  classJSON `json:"True"`
	} `json:"classes"`
	Accuracy *float64 `json:"accuracy"`
}

type classJSON struct {
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
	F1        *float64 `json:"f1"`
	Support   *float64 `json:"support"`
}

// info is the point, or nil where there is none.
func (p *pointJSON) info() *PointInfo {
	if p == nil || p.Abstains || p.Threshold == nil {
		return nil
	}
	class := func(c classJSON) ClassInfo {
		i := ClassInfo{Precision: c.Precision, Recall: c.Recall, F1: c.F1}
		if c.Support != nil {
			i.Support = *c.Support
		}
		return i
	}
	return &PointInfo{
		Threshold: *p.Threshold, TN: p.Confusion.TN, FP: p.Confusion.FP, FN: p.Confusion.FN, TP: p.Confusion.TP,
		Accuracy: p.Accuracy, False: class(p.Classes.False), True: class(p.Classes.True),
	}
}
