package monthly

import (
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/study"
	"sluice/train/evaluation"
)

// Result is report.json, and all that the pages are made of. It holds no
// address.
type Result struct {
	Simulated   bool    `json:"simulated"`
	MinRequests float64 `json:"min_requests"`
	Sources     Sources `json:"sources"`
	Months      []Month `json:"months"`
}

// Sources sum up the logs behind the months.
type Sources struct {
	Files    int            `json:"files"`
	Lines    int64          `json:"lines"`
	Rejected []study.Reject `json:"rejected"`
	Requests int64          `json:"requests"`
	Kept     int64          `json:"kept"`            // in at least one row
	Outside  int64          `json:"outside_windows"` // after the filter, in no window
	Cache    int64          `json:"filtered_cache"`
	API      int64          `json:"filtered_api"`
	Invalid  int64          `json:"invalid"`
	Notes    []string       `json:"notes"`
}

// Month is one month's data.
type Month struct {
	Month      row.Month `json:"month"`
	Rows       int       `json:"rows"`
	Addresses  int       `json:"addresses"`
	Repeated   int       `json:"addresses_in_several_windows"`
	Requests   int64     `json:"requests"`
	First      string    `json:"first"`
	Last       string    `json:"last"`
	Definition string    `json:"label_definition"` // "" without labels
	study.Tally
	Share    study.Share `json:"share_reported"`
	Windows  []Window    `json:"windows"`
	Coverage Coverage    `json:"coverage"`
	Missing  []Missing   `json:"missing_columns"`
	Notes    []string    `json:"notes"`
	Kept     []Kept      `json:"rows_by_request_count"`
	Columns  []Column    `json:"columns"`
}

// Window is one attack of the month.
type Window struct {
	ID       string  `json:"id"`
	Start    string  `json:"start"` // "" for a whole month
	Hours    float64 `json:"hours"`
	Rows     int     `json:"rows"`
	Requests int64   `json:"requests"`
	Above    int     `json:"rows_above_min_requests"`
	study.Tally
	Share study.Share `json:"share_reported"`
}

// Coverage is which days and hours have requests in rows.
type Coverage struct {
	Days    int      `json:"days"` // with a request
	Of      int      `json:"of"`   // from the first such day to the last
	Hours   int      `json:"hours"`
	Gaps    []string `json:"gaps"`   // days without, between others
	Shades  string   `json:"shades"` // a sign a day
	Busiest string   `json:"busiest_day"`
	Most    int64    `json:"requests_on_busiest_day"`
}

// Missing is a column that some rows lack.
type Missing struct {
	Column string `json:"column"`
	Rows   int64  `json:"rows"`
	Reason string `json:"reason"`
}

// Kept is the rows with at least so many requests.
type Kept struct {
	MinRequests float64     `json:"at_least"`
	Rows        int         `json:"rows"`
	Part        float64     `json:"share_of_rows"`
	Share       study.Share `json:"share_reported"`
}

// Column is the distribution of one of the twelve by label.
type Column struct {
	Name        string       `json:"name"`
	Unit        string       `json:"unit"`
	Reported    Distribution `json:"reported"`
	NotReported Distribution `json:"not_reported"`
	// AUC is how well the column alone orders reported before other rows: 0.5
	// not at all, below it the other way round.
	AUC evaluation.Float `json:"roc_auc_alone"`
	// Edges and the two shares are a histogram: of log10(1 + value) for counts
	// and bytes.
	Edges       []float64 `json:"edges"`
	SharesTrue  []float64 `json:"shares_reported"`
	SharesFalse []float64 `json:"shares_not_reported"`
}

// Distribution is of the rows that have a value.
type Distribution struct {
	Rows    int              `json:"rows"`
	Missing int              `json:"missing"`
	Mean    evaluation.Float `json:"mean"`
	Q05     evaluation.Float `json:"q05"`
	Q25     evaluation.Float `json:"q25"`
	Median  evaluation.Float `json:"median"`
	Q75     evaluation.Float `json:"q75"`
	Q95     evaluation.Float `json:"q95"`
	Zero    evaluation.Float `json:"share_zero"`
}
