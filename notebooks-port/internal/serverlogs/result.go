package serverlogs

// Schema is the version of report.json. A field is never renamed or given
// another meaning within a version; fields may be added.
const Schema = "sluice.server-logs/1"

// Result is everything the analysis found: report.json as it stands, and what
// the pages are written from. Times are local to Zone, addresses masked unless
// asked for.
type Result struct {
	Schema          string           `json:"schema"`
	Zone            string           `json:"zone"`
	Success         string           `json:"success"`
	Notes           []string         `json:"notes"`
	Profile         Profile          `json:"profile"`
	Days            []Day            `json:"days"`
	Hours           []Hour           `json:"unusual_hours"`
	Top             Top              `json:"top"`
	Groups          []Count          `json:"groups"`
	Incidents       []Incident       `json:"incidents"`
	Calendar        []Event          `json:"calendar"`
	Get             Get              `json:"get"`
	Attacks         Attacks          `json:"attacks"`
	Recommendations []Recommendation `json:"recommendations"`

	weekly [][]float64 // requests by weekday and hour, medians
}

// Profile is what the logs are.
type Profile struct {
	Files       []File            `json:"files"`
	Rows        int64             `json:"rows"`
	Lines       int64             `json:"lines"`
	Skipped     int64             `json:"skipped"`
	Rejected    []Count           `json:"rejected"`
	First       string            `json:"first"`
	Last        string            `json:"last"`
	Days        int               `json:"days"`
	CalendarDay int               `json:"calendar_days"`
	Columns     []Column          `json:"columns"`
	Distinct    []Count           `json:"distinct"`
	Status      []Count           `json:"status"`
	Methods     []Count           `json:"methods"`
	Latency     map[string]string `json:"response_time,omitempty"`
}

// File is one log.
type File struct {
	Name    string   `json:"name"`
	Format  string   `json:"format"`
	Chosen  string   `json:"chosen"`
	Rows    int64    `json:"rows"`
	Columns int      `json:"columns"`
	Ignored []string `json:"ignored"`
	Jumps   int64    `json:"clock_jumps"`
}

// Column is a column of the log and its type. Missing counts the rows without
// a value; nil where the log lacks the column, or an empty value is one.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Here    bool   `json:"available"`
	Missing *int64 `json:"missing"`
}

// Count is a name and how often it came.
type Count struct {
	Name    string  `json:"name"`
	Count   int64   `json:"count"`
	Failed  int64   `json:"failed,omitempty"`
	Share   float64 `json:"share,omitempty"`
	Note    string  `json:"note,omitempty"`
	Group   string  `json:"group,omitempty"`
	Country string  `json:"country,omitempty"`
	// The most requests in a minute and a second; 0 where not counted.
	PeakMinute int64 `json:"peak_minute,omitempty"`
	PeakSecond int64 `json:"peak_second,omitempty"`
}

// Day is one day. Z is the deviation in robust standard deviations.
type Day struct {
	Date     string   `json:"date"`
	Weekday  string   `json:"weekday"`
	Requests int64    `json:"requests"`
	Failed   int64    `json:"failed"`
	Class    [6]int64 `json:"by_class"`
	Bytes    int64    `json:"bytes"`
	GetOK    int64    `json:"get_success"`
	GetFail  int64    `json:"get_failure"`
	Attacks  int64    `json:"attacks"`
	Expected float64  `json:"expected"`
	Z        float64  `json:"z"`
	FailedZ  float64  `json:"failed_z"`
	Partial  bool     `json:"partial,omitempty"`
	Marks    []string `json:"marks,omitempty"`
}

// Hour is an hour that is unlike the same hours of other weeks.
type Hour struct {
	Hour     string  `json:"hour"`
	Requests int64   `json:"requests"`
	Failed   int64   `json:"failed"`
	Expected float64 `json:"expected"`
	Z        float64 `json:"z"`
}

// Top are the most frequent values.
type Top struct {
	Addresses []Count `json:"addresses"`
	Agents    []Count `json:"agents"`
	Endpoints []Count `json:"endpoints"`
	Countries []Count `json:"countries"`
}

// Incident is a time in which the site was down or failing.
type Incident struct {
	Name     string      `json:"name"`
	Onset    string      `json:"onset"`
	End      string      `json:"end"`
	Minutes  int64       `json:"minutes"`
	Signs    []Sign      `json:"signs"`
	First    string      `json:"first"`
	Order    []Sign      `json:"order"`
	Errors   []ErrorRow  `json:"errors"`
	Codes    []Count     `json:"codes"`
	Before   Before      `json:"before"`
	Causes   []Cause     `json:"causes"`
	days     [][]float64 // by hour of the day: this day's, then the normal median, low, high
	dayNames []string
	from, to int64 // UTC minutes
}

// Sign is one thing that was seen, and when it began and ended.
type Sign struct {
	Kind  string `json:"kind"`
	From  string `json:"from"`
	To    string `json:"to"`
	Count int64  `json:"count"`
	// Lead is the minutes from the first sign to this one.
	Lead int64  `json:"minutes_after_first"`
	Text string `json:"text"`
	from int64
	to   int64
}

// ErrorRow is the errors of one status in one hour.
type ErrorRow struct {
	Date      string   `json:"date"`
	Hour      int      `json:"hour"`
	Status    int      `json:"status"`
	Endpoint  string   `json:"top_endpoint"`
	Addresses []string `json:"top_addresses"`
	Count     int64    `json:"count"`
}

// Before is the traffic in front of an incident, against the same time of day
// on normal days.
type Before struct {
	Hours       int     `json:"hours"`
	Requests    int64   `json:"requests"`
	Normal      float64 `json:"normal"`
	Ratio       float64 `json:"ratio"`
	NormalDays  int     `json:"normal_days"`
	PeakMinute  int64   `json:"peak_minute"`
	NormalPeak  float64 `json:"normal_peak_minute"`
	Failed      int64   `json:"failed"`
	Addresses   []Count `json:"addresses"`
	TopShare    float64 `json:"top_share"`
	OwnShare    float64 `json:"own_share"`
	Distinct    int64   `json:"distinct_addresses"`
	NewShare    float64 `json:"new_addresses_share"`
	Median      float64 `json:"response_time_median"`
	P95         float64 `json:"response_time_p95"`
	NormalMed   float64 `json:"normal_response_time_median"`
	NormalP95   float64 `json:"normal_response_time_p95"`
	HasLatency  bool    `json:"has_response_time"`
	LatencyRise float64 `json:"response_time_ratio"`
}

// Cause is a possible cause with what speaks for and against it.
type Cause struct {
	Name    string   `json:"name"`
	Verdict string   `json:"verdict"` // supported, possible, unlikely
	For     []string `json:"for"`
	Against []string `json:"against"`
	score   int
}

// Event is an entry of the calendar.
type Event struct {
	Date string `json:"date"`
	Kind string `json:"kind"`
	Text string `json:"text"`
	bad  bool
}

// Get is how GET requests fared.
type Get struct {
	Success       int64        `json:"success"`
	Failure       int64        `json:"failure"`
	FailTargets   int64        `json:"failing_endpoints"`
	Addresses     []GetRow     `json:"addresses"`
	BySuccess     []GetRow     `json:"addresses_by_success"`
	Countries     []GetRow     `json:"countries"`
	Failing       []GetRow     `json:"failing"`
	Succeeding    []GetRow     `json:"succeeding"`
	NeverOK       []GetRow     `json:"never_succeeded"`
	Mismatches    []Mismatch   `json:"mismatches"`
	Spikes        []Event      `json:"spikes"`
	ByCountry     []Cross      `json:"success_by_country_and_endpoint"`
	FailByCountry []Cross      `json:"failure_by_country_and_endpoint"`
	ByDate        []Cross      `json:"success_by_date_and_endpoint"`
	BusyDays      []GetDayNote `json:"busy_days"`
}

// GetDayNote is a day with unusually many successful GETs.
type GetDayNote struct {
	Date    string  `json:"date"`
	Success int64   `json:"success"`
	Z       float64 `json:"z"`
}

// GetRow is the GET requests of one address, country or endpoint.
type GetRow struct {
	Name    string `json:"name"`
	Success int64  `json:"success"`
	Failure int64  `json:"failure"`
	Targets int64  `json:"endpoints,omitempty"`
	Country string `json:"country,omitempty"`
	Group   string `json:"group,omitempty"`
	Attack  string `json:"attack,omitempty"`
}

// Cross is a cell of a cross table.
type Cross struct {
	Key      string `json:"key"`
	Endpoint string `json:"endpoint"`
	Count    int64  `json:"count"`
	Attack   string `json:"attack,omitempty"`
}

// Mismatch is an endpoint that is asked with a method it does not take.
type Mismatch struct {
	Endpoint string `json:"endpoint"`
	Method   string `json:"method"`
	Requests int64  `json:"requests"`
	OK       int64  `json:"success"`
	Refused  int64  `json:"refused"`
	Served   string `json:"served_by"`
}

// Attacks is what was attempted.
type Attacks struct {
	Requests  int64       `json:"requests"`
	Addresses int64       `json:"addresses"`
	Classes   []ClassRow  `json:"classes"`
	Targets   []TargetRow `json:"targets"`
	Answered  []TargetRow `json:"answered"`
	Dossiers  []Dossier   `json:"dossiers"`
	Findings  []Finding   `json:"findings"`
	PerDay    float64     `json:"per_day"`
}

// ClassRow is one kind of attack.
type ClassRow struct {
	Class       string   `json:"class"`
	Name        string   `json:"name"`
	Requests    int64    `json:"requests"`
	Addresses   int64    `json:"addresses"`
	Answered    int64    `json:"answered"`
	AsUsual     int64    `json:"answered_as_usual"`
	Differs     int64    `json:"answered_differently"`
	Likely      int64    `json:"likely_success"`
	Techniques  []string `json:"techniques"`
	Description string   `json:"description"`
	Risk        string   `json:"risk"`
	Action      string   `json:"action"`
}

// TargetRow is an attacked target and how it was answered.
type TargetRow struct {
	Target     string   `json:"target"`
	Decoded    string   `json:"decoded"`
	Class      string   `json:"class"`
	Techniques []string `json:"techniques"`
	Requests   int64    `json:"requests"`
	Addresses  int64    `json:"addresses"`
	Status     []Count  `json:"status"`
	Answered   int64    `json:"answered"`
	Size       int64    `json:"size"`
	Usual      int64    `json:"usual_size"`
	UsualOf    string   `json:"usual_size_of"`
	Outcome    string   `json:"outcome"`
	Why        string   `json:"why"`
}

// Dossier is what one address did.
type Dossier struct {
	Address   string     `json:"address"`
	Country   string     `json:"country,omitempty"`
	Group     string     `json:"group,omitempty"`
	Requests  int64      `json:"requests"`
	Attempts  int64      `json:"attempts"`
	Classes   string     `json:"classes"`
	First     string     `json:"first"`
	Last      string     `json:"last"`
	Peak      int64      `json:"peak_minute"`
	PeakSec   int64      `json:"peak_second"`
	Agents    []string   `json:"agents"`
	Phases    []Phase    `json:"phases"`
	Timeline  []Timeline `json:"timeline"`
	State     string     `json:"state"`
	Reasons   []string   `json:"reasons"`
	Omitted   int        `json:"timeline_omitted"`
	addr      uint32
	firstTime int64
}

// Phase is a part of what an address did: looking around, probing, attacking.
type Phase struct {
	Name     string `json:"name"`
	From     string `json:"from"`
	To       string `json:"to"`
	Requests int64  `json:"requests"`
}

// Timeline is a run of like requests.
type Timeline struct {
	Time   string `json:"time"`
	Method string `json:"method"`
	Target string `json:"target"`
	Status int    `json:"status"`
	Count  int64  `json:"count"`
	Size   int64  `json:"size"`
	Class  string `json:"class,omitempty"`
}

// Finding is a judgement with its reasons.
type Finding struct {
	State      string   `json:"state"` // ignore, watch, act
	Title      string   `json:"title"`
	Impact     string   `json:"impact"`
	Plausible  string   `json:"plausibility"`
	Rate       string   `json:"rate"`
	Reasons    []string `json:"reasons"`
	Evidence   []string `json:"evidence"`
	Repudiated string   `json:"ignore_if,omitempty"`
}

// Recommendation is something to do, with the rows that it follows from.
type Recommendation struct {
	Title    string    `json:"title"`
	Why      string    `json:"why"`
	Rows     []Count   `json:"rows"`
	Snippets []Snippet `json:"snippets"`
}

// Snippet is a piece of configuration.
type Snippet struct {
	For  string `json:"for"`
	Text string `json:"text"`
}
