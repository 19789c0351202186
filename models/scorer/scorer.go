package scorer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sync"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/calibration"
	"sluice/models/ensemble"
	"sluice/models/registry"
	"sluice/models/rules/aim"
	"sluice/models/xgboost"
)

// Verdict is what the operating point says of a row.
type Verdict string

// The verdicts. Abstain is every row's where no threshold served the aim on the
// training months.
const (
	Abusive    Verdict = "abusive"
	NotAbusive Verdict = "not_abusive"
	Abstain    Verdict = "abstain"
)

// Score is the answer for one row.
type Score struct {
	Confidence  float64 // calibrated probability that the address is abusive, [0, 1]
	Probability float64 // the trees' own, [0, 1]; what the threshold is held against
	Margin      float32 // log-odds, the trees' sum
	Verdict     Verdict
}

// Reason is one feature's part in a margin.
type Reason struct {
	Feature      string
	Value        float64 // NaN where the feature is missing
	Contribution float64 // log-odds; all of them and the bias add up to the margin
}

// Schema is schema.json: the columns a row must have, in their order, and
// where a probability becomes a verdict.
type Schema struct {
	SchemaVersion  int            `json:"schema_version"` // of the columns' definitions
	Names          []string       `json:"names"`
	Hash           string         `json:"hash"` // columns.Hash of Names
	OperatingPoint OperatingPoint `json:"operating_point"`
}

// NewSchema is the schema of an ordered list of columns.
func NewSchema(names []string, op OperatingPoint) Schema {
	return Schema{SchemaVersion: columns.SchemaVersion, Names: names, Hash: columns.Hash(names), OperatingPoint: op}
}

// OperatingPoint is where a raw probability becomes a verdict.
type OperatingPoint struct {
	Threshold *float64 `json:"threshold"` // on the raw probability; null: the model abstains
	aim.Aim            // what it was chosen for; the default has target_precision
	ChosenOn  string   `json:"chosen_on"`
}

// Scorer answers for rows. It is immutable and safe for concurrent use.
type Scorer struct {
	version   string
	schema    Schema
	predictor *ensemble.Predictor
	cal       *calibration.Calibrator
}

// Load reads a version, its checksums and its schema. Errors: Corrupt,
// Unsupported (not one output), Invalid (model and schema disagree), Version
// (columns of another definition).
func Load(v registry.Version) (*Scorer, error) {
	var schema Schema
	if err := readJSON(v, registry.SchemaFile, &schema); err != nil {
		return nil, err
	}
	b, err := v.ReadFile(registry.CalibrationFile)
	if err != nil {
		return nil, err
	}
	cal, err := calibration.Parse(b)
	if err != nil {
		return nil, fault.Wrap(err, "version %s: %s", v.Name, registry.CalibrationFile)
	}
	if b, err = v.ReadFile(registry.ModelFile); err != nil {
		return nil, err
	}
	m, err := xgboost.Read(b)
	if err != nil {
		return nil, fault.Wrap(err, "version %s: %s", v.Name, registry.ModelFile)
	}
	s, err := New(v.Name, m, schema, cal)
	if err != nil {
		return nil, fault.Wrap(err, "version %s", v.Name)
	}
	return s, nil
}

func readJSON(v registry.Version, name string, into any) error {
	b, err := v.ReadFile(name)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fault.New(fault.Corrupt, "version %s: %s: %w", v.Name, name, err)
	}
	return nil
}

// New makes a Scorer of parts.
func New(version string, m *ensemble.Model, schema Schema, cal *calibration.Calibrator) (*Scorer, error) {
	if schema.SchemaVersion != columns.SchemaVersion || schema.Hash != columns.Hash(schema.Names) {
		return nil, fault.New(fault.Version, "its columns (schema %d, hash %s) are defined otherwise than this program's (schema %d, hash %s): retrain, or use the program that trained it", schema.SchemaVersion, schema.Hash, columns.SchemaVersion, columns.Hash(schema.Names))
	}
	if m.Groups() != 1 {
		return nil, fault.New(fault.Unsupported, "the model has %d outputs; a score needs one", m.Groups())
	}
	if len(m.FeatureNames) > 0 && !slices.Equal(m.FeatureNames, schema.Names) || m.NumFeature != len(schema.Names) {
		return nil, fault.New(fault.Invalid, "the model's features %v are not the schema's %v", m.FeatureNames, schema.Names)
	}
	if t := schema.OperatingPoint.Threshold; t != nil && !(*t >= 0 && *t <= 1) {
		return nil, fault.New(fault.Invalid, "operating point %v: want a probability", *t)
	}
	p, err := ensemble.NewPredictor(m, ensemble.PredictorOptions{})
	if err != nil {
		return nil, err
	}
	return &Scorer{version: version, schema: schema, predictor: p, cal: cal}, nil
}

// Version is the name of the version that answers.
func (s *Scorer) Version() string { return s.version }

// FeatureNames are the columns of a row, in order. They are not to be changed.
func (s *Scorer) FeatureNames() []string { return s.schema.Names }

// Schema is columns.Hash of FeatureNames.
func (s *Scorer) Schema() string { return s.schema.Hash }

// Threshold is the operating point on the raw probability; ok is false where
// the model abstains.
func (s *Scorer) Threshold() (t float64, ok bool) {
	if s.schema.OperatingPoint.Threshold == nil {
		return 0, false
	}
	return *s.schema.OperatingPoint.Threshold, true
}

// Columns finds a row's columns by name: at[i] is the position in have of the
// i-th feature. A name the model needs and have lacks is an error; it is never
// taken for missing.
func (s *Scorer) Columns(have []string) (at []int, err error) {
	at = make([]int, len(s.schema.Names))
	for i, n := range s.schema.Names {
		if at[i] = slices.Index(have, n); at[i] < 0 {
			return nil, fault.Field(fault.Invalid, "feature_names", "version %s needs the column %q, which is not among the row's", s.version, n)
		}
	}
	return at, nil
}

// maxStack is the widest row that Score keeps on its stack.
const maxStack = 64

// Score answers for one row: values in the order of FeatureNames, NaN missing.
// It allocates nothing for rows of up to 64 features.
func (s *Scorer) Score(values []float64) (Score, error) {
	if len(values) != len(s.schema.Names) {
		return Score{}, fault.Field(fault.Invalid, "values", "%d values for %d features", len(values), len(s.schema.Names))
	}
	var stack [maxStack]float32
	row := stack[:0]
	for _, v := range values {
		row = append(row, float32(v))
	}
	return s.of(s.predictor.MarginRow(row)), nil
}

func (s *Scorer) of(margin float32) Score {
	p := float64(ensemble.Sigmoid(margin))
	out := Score{Confidence: s.cal.Apply(p), Probability: p, Margin: margin, Verdict: Abstain}
	if t := s.schema.OperatingPoint.Threshold; t != nil {
		out.Verdict = NotAbusive
		if p >= *t {
			out.Verdict = Abusive
		}
	}
	return out
}

// ScoreFloat32 answers for n rows: x is row-major, n*len(FeatureNames) values,
// NaN missing.
func (s *Scorer) ScoreFloat32(x []float32, n, threads int) []Score {
	return s.AppendScores(make([]Score, 0, n), x, n, threads)
}

// AppendScores is ScoreFloat32 with the answers appended to dst. With room in
// dst and one thread it allocates nothing.
func (s *Scorer) AppendScores(dst []Score, x []float32, n, threads int) []Score {
	buf := marginPool.Get().(*[]float32)
	defer marginPool.Put(buf)
	margins := slices.Grow((*buf)[:0], n)[:n]
	*buf = margins
	s.predictor.Margin(margins, x, n, threads)
	dst = slices.Grow(dst, n)
	for _, m := range margins {
		dst = append(dst, s.of(m))
	}
	return dst
}

var marginPool = sync.Pool{New: func() any { return new([]float32) }}

// Explain gives the reasons for n rows, x as in ScoreFloat32: for each row all
// features' contributions by size, greatest first, and the bias, which is what
// the margin would be of a row nothing is known of.
func (s *Scorer) Explain(x []float32, n, threads int) (reasons [][]Reason, bias []float64) {
	f := len(s.schema.Names)
	c := make([]float32, n*(f+1))
	s.predictor.Contributions(c, x, n, threads)
	reasons, bias = make([][]Reason, n), make([]float64, n)
	for i := range n {
		row := make([]Reason, f)
		for j, name := range s.schema.Names {
			row[j] = Reason{Feature: name, Value: float64(x[i*f+j]), Contribution: float64(c[i*(f+1)+j])}
		}
		slices.SortStableFunc(row, func(a, b Reason) int {
			return cmp.Compare(math.Abs(b.Contribution), math.Abs(a.Contribution))
		})
		reasons[i], bias[i] = row, float64(c[i*(f+1)+f])
	}
	return reasons, bias
}
