package silentdrop

import (
	"sluice/notebooks-port/internal/study"
)

// Result is report.json, and all that the pages are made of. Addresses are
// masked unless asked for.
type Result struct {
	Input study.About `json:"input"`
	Drops Records     `json:"drops"`
	// Labels says what "reported" means; "" without labels.
	Labels    string     `json:"labels"`
	Top       []Dropped  `json:"top"`
	Requests  []TopTable `json:"requests"`
	Clients   []Client   `json:"clients"`
	Months    []Month    `json:"months"`
	Exclusion []Excluded `json:"exclusion"`
	Curves    []Curve    `json:"curves"`
	Reversal  Reversal   `json:"reversal"`
	Windows   *InWindows `json:"windows"` // null without windows
	Targets   []Target   `json:"targets"`
	// Missed are addresses with at least Reversal.Peak records none of whose
	// requests on the days with records pass the cache filter.
	Missed     Missed    `json:"missed_by_the_cache_filter"`
	Candidates Candidate `json:"candidates"`
}

// Records count the silent-drop records.
type Records struct {
	Files     []string `json:"files"`
	Records   int      `json:"records"`
	Addresses int      `json:"addresses"` // in the logs
	// AllAddresses have records, in the logs or not.
	AllAddresses int    `json:"all_addresses"`
	Days         int    `json:"days"`
	First        string `json:"first"`
	Last         string `json:"last"`
	Port80       int    `json:"port_80"`
	// NotInLogs are records of addresses without a request in the logs: nothing
	// more can be said of those.
	NotInLogs int `json:"records_not_in_logs"`
}

// Dropped is one of the most dropped addresses.
type Dropped struct {
	Name     string  `json:"address"`
	Records  int     `json:"records"`
	Days     int     `json:"days"`
	InWindow int     `json:"records_in_windows"`
	Kind     string  `json:"client"`
	Requests int64   `json:"requests"` // on days with records
	Mathoid  float64 `json:"mathoid_share"`
	Commons  float64 `json:"commons_share"`
	API      float64 `json:"other_api_share"`
	Hits     float64 `json:"cache_hit_share"`
	Label    string  `json:"label"`
}

// TopTable is one address's most frequent requests on its day with most
// records.
type TopTable struct {
	Name    string       `json:"address"`
	Date    string       `json:"date"`
	Records int          `json:"records"`
	Rows    []TopRequest `json:"rows"`
	// Requests are all on that day; Other those whose kind was not kept, too
	// many being different.
	Requests int64 `json:"requests"`
	Other    int64 `json:"requests_not_told_apart"`
	// AtOnce is the greatest number of requests at once, estimated from dt and
	// time_firstbyte; Without leaves Mathoid and Instant Commons out. -1 where
	// the log has no response times.
	AtOnce  int `json:"most_at_once"`
	Without int `json:"most_at_once_without_excluded"`
}

// TopRequest is a line of it.
type TopRequest struct {
	Agent string `json:"user_agent"`
	Host  string `json:"uri_host"`
	Path  string `json:"uri_path"`
	Count int64  `json:"count"`
}

// Client sums up the addresses of one kind.
type Client struct {
	Name    string `json:"client"`
	Records int    `json:"records"`
	study.Tally
	Share study.Share `json:"share_reported"`
}

// Month is the records of a month by client.
type Month struct {
	Month   string         `json:"month"`
	Records int            `json:"records"`
	Clients map[string]int `json:"records_by_client"`
}

// Excluded is what is left when clients are left out.
type Excluded struct {
	Name    string `json:"without"`
	Records int    `json:"records"`
	study.Tally
	Share     study.Share `json:"share_reported"`
	PeakTally study.Tally `json:"at_peak"` // addresses with at least Reversal.Peak records
	PeakShare study.Share `json:"share_reported_at_peak"`
}

// Curve is the share reported by least number of records.
type Curve struct {
	Name   string  `json:"addresses"`
	Points []Point `json:"points"`
}

// Point is the addresses with at least K records.
type Point struct {
	K int `json:"at_least"`
	study.Tally
	Share study.Share `json:"share_reported"`
}

// Reversal says how the curve of all addresses goes, and why.
type Reversal struct {
	Peak     int    `json:"peak"` // the least number of records with the greatest share; 0 without labels
	Tail     int    `json:"tail"` // the greatest least number that is spoken of
	Reverses bool   `json:"reverses"`
	Text     string `json:"text"`
}

// InWindows compares addresses dropped inside attack windows with the others.
type InWindows struct {
	Windows        int         `json:"windows"`
	RecordsInside  int         `json:"records_inside"`
	RecordsOutside int         `json:"records_outside"`
	Inside         study.Tally `json:"dropped_inside"`
	InsideShare    study.Share `json:"share_reported_inside"`
	Outside        study.Tally `json:"dropped_outside_only"`
	OutsideShare   study.Share `json:"share_reported_outside_only"`
}

// Target is what much dropped addresses asked for most on a day.
type Target struct {
	Date      string  `json:"date"`
	Host      string  `json:"uri_host"`
	Path      string  `json:"uri_path"`
	Addresses int     `json:"addresses"` // whose most frequent request it was
	Requests  int64   `json:"requests"`
	Hits      float64 `json:"cache_hit_share"`
}

// Missed counts addresses that only a detector without the cache filter finds.
type Missed struct {
	Addresses int         `json:"addresses"`
	Of        int         `json:"of"`
	Tally     study.Tally `json:"labels"`
}

// Candidate counts addresses worth a lookup of their own.
type Candidate struct {
	From      int `json:"at_least"`
	Several   int `json:"addresses_with_two_or_more"`
	Addresses int `json:"addresses"`
	Excluded  int `json:"mathoid_and_commons"`
	Unknown   int `json:"without_label"`
}
