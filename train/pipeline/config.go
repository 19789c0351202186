package pipeline

import (
	"time"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/attack"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/models/rules/aim"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
)

// Config is one run. Every field that can change a byte of the outcome enters
// the version's hash; Home, Threads, Memory, Who and DryRun can't.
type Config struct {
	Home string
	// World is "real" or "simulated"; a home holds one kind.
	World string

	Logs   []string // files, or "-"
	Labels []string // AbuseIPDB exports

	Train []row.Month // months to train on
	LastN int         // or: the N months before the first test month
	Test  []row.Month // months to test on; none means the latest labelled

	Windows *attack.Set // nil: each month is one window
	Detect  bool        // find the windows in Logs, where Windows is nil
	// Describe reads Logs once more for what the requests of Windows have in
	// common, which a report then shows.
	Describe bool
	Zone     *time.Location
	Access   accesslog.Options
	Web      webrequest.Options
	Filter   webrequest.Filter
	// Pseudonyms replaces addresses as they are read; nil keeps them.
	Pseudonyms *pseudonym.Key

	// Twelve stores rows without behaviour columns; Later leaves the months of the
	// logs read now to a later run. Both are for building a store alone.
	Twelve, Later bool

	LabelOptions    reputation.Options
	LabelDefinition string // "", "L1" … "L6"

	Further FurtherFiles // what columns from elsewhere than the logs are made of

	Columns   []string // of the model
	Params    gbtree.Params
	Rounds    int // num_boost_round
	Tune      bool
	Seed      int64
	Aim       aim.Aim               // of the operating point; the zero aim is a precision of 0.8
	Gates     evaluation.GateConfig // those of Aim unless set
	ExpiresIn time.Duration         // of a score after its as_of; 0 means 7 days

	Threads int
	Memory  int64 // bytes that the program may take until months are made, from build.LeastMemory on; 0 means no bound
	Grid    bool  // add the published splits to the report
	// Review adds the studies to the report: three sets of columns, tuned and
	// untuned parameters, other label definitions and delays.
	Review bool
	// CountryDB is a MaxMind database with countries, for slices; "" for none.
	CountryDB string
	// Backtest adds every other labelled month of the store to the report,
	// each measured by a model of as many months before it.
	Backtest bool
	DryRun   bool
	Who      string
	// Demonstration puts a version in service though a gate held it back, so
	// that the whole road can be seen; for simulated worlds only.
	Demonstration bool
}

// DefaultRounds is num_boost_round where nothing is said: XGBoost's
// scikit-learn default, 100.
const DefaultRounds = 100

// DefaultExpiry is how long a score counts after its as_of. Consumers of
// reputation feeds drop entries after a week.
const DefaultExpiry = 7 * 24 * time.Hour

// Result is what a run came to.
type Result struct {
	World     string            `json:"world"`
	Version   string            `json:"version,omitempty"`
	Rerun     bool              `json:"rerun"` // the version existed: nothing was trained
	Verdict   string            `json:"verdict,omitempty"`
	Gate      *GateResult       `json:"gate,omitempty"`   // none in a dry run
	Report    string            `json:"report,omitempty"` // path of report.html
	Threshold *float64          `json:"threshold"`        // null where the model abstains
	Main      *evaluation.Split `json:"-"`
	DryRun    bool              `json:"dry_run,omitempty"`
	Plan      []string          `json:"plan,omitempty"`
	Service
}

// GateResult says whether the gates let the version pass.
type GateResult struct {
	Passed bool     `json:"passed"`
	Failed []string `json:"failed,omitempty"` // one sentence a gate that did not
}

// Service is what is in service afterwards.
type Service struct {
	Champion string `json:"champion"`
	Feed     string `json:"feed,omitempty"` // path of the feed written now
	FeedRows int    `json:"feed_rows,omitempty"`
}
