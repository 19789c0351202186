package server

import (
	"time"

	"sluice/models/scorer"
)

// Scorer answers for rows with one model version. *scorer.Scorer is one. It is
// safe for concurrent use.
type Scorer interface {
	// Version is the name of the version.
	Version() string
	// FeatureNames are the columns of a row, in order; not to be changed.
	FeatureNames() []string
	// Schema is the hash of the columns.
	Schema() string
	// Threshold is the operating point on the raw probability; ok is false where
	// the model abstains.
	Threshold() (t float64, ok bool)
	// AppendScores appends the answers for n rows, row-major, NaN missing.
	AppendScores(dst []scorer.Score, x []float32, n, threads int) []scorer.Score
	// Explain gives per row the contributions, the greatest first, and the bias.
	Explain(x []float32, n, threads int) ([][]scorer.Reason, []float64)
}

var _ Scorer = (*scorer.Scorer)(nil)

// Models are the versions that can be asked for. Implementations are safe for
// concurrent use.
type Models interface {
	// List describes the versions, the newest first.
	List() ([]ModelInfo, error)
	// Get describes one version. Errors: Invalid, NotFound, Corrupt.
	Get(version string) (ModelInfo, error)
	// Scorer gives a version to score with; "" is the champion. Errors: Invalid,
	// NotFound, Unavailable (no champion), Corrupt.
	Scorer(version string) (Scorer, error)
	// Champion is the version in service, or "".
	Champion() string
}

// ModelInfo describes a version.
type ModelInfo struct {
	Version     string
	Champion    bool
	CreatedAt   time.Time
	TrainMonths []string
	TestMonths  []string
	Features    []string // in the model's order
	SchemaHash  string
	Threshold   *float64 // on the raw probability; nil: the model abstains
	GatePassed  bool
	GateReasons []string
	Splits      []SplitInfo
}

// SplitInfo are the figures of one split. A nil figure is undefined.
type SplitInfo struct {
	Name           string
	Months         []string
	Rows           int
	ROCAUC         *float64
	PRAUC          *float64
	Brier          *float64
	AtHalf         *PointInfo
	OperatingPoint *PointInfo // nil where the model abstains
}

// PointInfo are the figures at one threshold.
type PointInfo struct {
	Threshold      float64
	TN, FP, FN, TP float64
	Accuracy       *float64
	False, True    ClassInfo
}

// ClassInfo are the figures of one class.
type ClassInfo struct {
	Precision, Recall, F1 *float64
	Support               float64
}
