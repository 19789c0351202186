package attackagents

import "sluice/notebooks-port/internal/study"

// Result is report.json, and all that the pages are made of. It holds no
// address.
type Result struct {
	Input       study.About `json:"input"`
	Labels      string      `json:"labels"` // what "reported" means; "" without labels
	Rate        float64     `json:"rate"`   // requests a second above which an address is abusive
	MinRequests int64       `json:"min_requests"`
	FewAre      int         `json:"few_are_up_to"`
	Windows     []Window    `json:"windows"`
	Few         Group       `json:"windows_with_few"`
	Many        Group       `json:"windows_with_many"`
	Months      []Month     `json:"months"`
	Crawlers    []Crawler   `json:"crawlers"`
	Verifies    string      `json:"verifies"` // by what crawlers are verified
}

// Window is one attack.
type Window struct {
	ID        string  `json:"id"`
	Month     string  `json:"month"`
	Start     string  `json:"start"`
	End       string  `json:"end"`
	Seconds   int64   `json:"seconds"`
	All       int64   `json:"all_requests"`
	Requests  int64   `json:"requests"` // that count
	Addresses int     `json:"addresses"`
	Above     int     `json:"addresses_above_min_requests"`
	AboveTold Labels  `json:"labels_above_min_requests"`
	Abusive   Abusive `json:"abusive"`
	// Agents are those of all requests that count, AbusiveAgents those of the
	// abusive addresses.
	Agents        []Agent   `json:"agents"`
	AbusiveAgents []Agent   `json:"abusive_agents"`
	Crawlers      []Visitor `json:"crawlers"`
}

// Labels are addresses by label, with the share reported.
type Labels struct {
	study.Tally
	Share study.Share `json:"share_reported"`
}

// Abusive is the addresses above the rate.
type Abusive struct {
	Labels
	Requests int64 `json:"requests"`
	// Declared are those of whose requests at least half have the agent type
	// spider.
	Declared int `json:"declared_crawlers"`
	Verified int `json:"verified_crawlers"`
}

// Agent is a user agent in a window.
type Agent struct {
	Agent     string  `json:"user_agent"`
	Name      string  `json:"name"` // "" for what looks like a person's
	Requests  int64   `json:"requests"`
	Share     float64 `json:"share"`
	Addresses int     `json:"addresses"`
}

// Visitor is a crawler in a window.
type Visitor struct {
	Name      string `json:"name"`
	Requests  int64  `json:"requests"`
	Addresses int    `json:"addresses"`
	Abusive   int    `json:"abusive_addresses"`
	Verified  int    `json:"verified"`
	Refuted   int    `json:"refuted"`
	Untold    int    `json:"not_told"`
}

// Group is windows together: each abusive address once a window.
type Group struct {
	Windows int `json:"windows"`
	Labels
}

// Month counts the attacks of a month that have addresses above the least
// number of requests.
type Month struct {
	Month     string `json:"month"`
	Windows   int    `json:"windows"`
	WithAbove int    `json:"windows_with_addresses_above_min_requests"`
	Above     int    `json:"addresses_above_min_requests"`
	Abusive   int    `json:"abusive_addresses"`
}

// Crawler is a declared crawler over all requests that count.
type Crawler struct {
	Name     string `json:"name"`
	Requests int64  `json:"requests"`
	Inside   int64  `json:"requests_in_windows"`
	Busiest  string `json:"busiest_hour"` // its start, in the zone
	Most     int64  `json:"requests_in_busiest_hour"`
}
