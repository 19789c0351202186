package ipseries

import "sluice/notebooks-port/internal/study"

// Result is report.json, and all that the pages are made of. Addresses are
// masked unless asked for.
type Result struct {
	Input   study.About `json:"input"`
	Labels  string      `json:"labels"`  // what "reported" means; "" without labels
	Origin  string      `json:"origin"`  // start of the day of the first request, in the zone: hour 0 of the series
	Windows []Window    `json:"windows"` // empty without windows
	Drops   bool        `json:"drops"`   // silent-drop records were given
	Series  []Series    `json:"series"`
	Compare *Compare    `json:"compare"` // null unless there are busy and dropped addresses
}

// Window is an attack window, in hours since the origin.
type Window struct {
	ID    string  `json:"id"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Series is one address's requests by the hour.
type Series struct {
	Name    string `json:"address"`
	Chosen  string `json:"chosen_as"` // busiest, most dropped, named
	Label   string `json:"label"`
	All     int64  `json:"requests"`
	Counted int64  `json:"requests_that_count"`
	Inside  int64  `json:"requests_that_count_in_windows"`
	Hours   int    `json:"active_hours"`
	Peak    int64  `json:"most_in_an_hour"`
	PeakAt  string `json:"busiest_hour"`
	// Records are its silent-drop records, DropsInside those in windows;
	// DropTimes when, in hours since the origin.
	Records     int       `json:"silent_drops"`
	DropsInside int       `json:"silent_drops_in_windows"`
	DropTimes   []float64 `json:"silent_drop_times"`
	// ByHour holds the hours with a request.
	ByHour []Hour `json:"hours"`
}

// Hour is one hour's requests.
type Hour struct {
	Hour    int   `json:"hour"` // since the origin
	All     int64 `json:"requests"`
	Counted int64 `json:"that_count"`
}

// Compare is medians over the busiest addresses and the most dropped ones.
type Compare struct {
	Busy    Medians `json:"busiest"`
	Dropped Medians `json:"most_dropped"`
	// BusyDropped are the busiest that were ever dropped.
	BusyDropped int `json:"busiest_ever_dropped"`
}

// Medians are of addresses.
type Medians struct {
	Addresses int     `json:"addresses"`
	Requests  float64 `json:"requests"`
	Peak      float64 `json:"most_in_an_hour"`
	Hours     float64 `json:"active_hours"`
	Records   float64 `json:"silent_drops"`
}
