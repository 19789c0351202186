package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"runtime"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/accesslog"
	"sluice/featurestore/aggregate"
	"sluice/featurestore/attack"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// Config says what is built, and how.
type Config struct {
	// Files are log files, plain or compressed; "-" is the standard input, which
	// is known by its content.
	Files []string
	// Windows are the attack windows; nil is none: whole months in Zone.
	Windows *attack.Set
	// Zone decides the month of a whole-month window; nil is UTC. Windows bring
	// their own.
	Zone *time.Location
	// Access says how lines are read. Its Rejects is called as well.
	Access accesslog.Options
	// Web says how columns are derived. Without a profile it is the default of
	// webrequest.Site. Trusted proxies may be given here or in Access.
	Web webrequest.Options
	// Filter says which requests count; nil is webrequest.DefaultFilter.
	Filter *webrequest.Filter
	// Pseudonyms, if not nil, replaces every address as it is read, behind
	// Access.TrustedProxies. The store records the key's Check; rejected lines,
	// which may hold addresses, are counted and not kept. Labeler is asked about
	// pseudonyms: see Relabel.
	Pseudonyms *pseudonym.Key
	// Twelve leaves behaviour columns out of partials and months, which takes
	// about half of the time. Files read with and without them share no month.
	Twelve bool
	// Later leaves months unmerged, so that a file costs what it costs and no more;
	// the next build without it, of any files, merges all that wait.
	Later bool
	// Labeler labels the months that change; nil leaves their labels unknown.
	Labeler featurestore.Labeler
	// Columns, if not nil, opens what months that change get from elsewhere than
	// the logs. It is called once logs are read and before months are merged.
	Columns func(ctx context.Context, known Known) ([]featurestore.ColumnSource, error)
	// Threads is the number of goroutines that work; 0 is one per processor.
	Threads int
	// Memory bounds the groups held in memory, in bytes; 0 is
	// aggregate.DefaultMemory.
	Memory int64
	// Progress is told how far the work is, a few times a second and from one
	// goroutine at a time; may be nil.
	Progress func(Progress)
}

// Known finds the addresses that have rows after the build, for sources of which
// only those are worth keeping.
type Known func() (*featurestore.AddressSet, error)

// The stages of a build, as Progress names them.
const (
	StageHash  = "hash"  // bytes of all files
	StageRead  = "read"  // bytes of the files that must be read
	StageMerge = "merge" // months
)

// Progress is how far a stage is.
type Progress struct {
	Stage       string
	Done, Total int64  // bytes or months; Total is 0 while unknown
	Detail      string // a file's name or a month
}

// Result is what a build did.
type Result struct {
	Files     int   `json:"files"`     // named, without repetitions
	Read      int   `json:"read"`      // contents that were read
	Unchanged int   `json:"unchanged"` // in the store already, read alike
	Same      int   `json:"same"`      // of the same content as another file
	Replaced  int   `json:"replaced"`  // known, with other content than before
	Bytes     int64 `json:"bytes"`     // read, as stored
	Lines     int64 `json:"lines"`
	// Requests count what became of the requests that were read.
	Requests aggregate.Stats  `json:"requests"`
	Rejects  map[string]int64 `json:"rejects,omitempty"` // lines that are no request, by reason
	Months   []row.Month      `json:"months"`            // whose rows changed, ascending
	Pending  []row.Month      `json:"pending,omitempty"` // that wait to be merged
	Rows     int64            `json:"rows"`              // of those months
	Warnings []string         `json:"warnings,omitempty"`
}

// settings are a Config with its defaults, and their fingerprints.
type settings struct {
	Config
	windows *attack.Set
	filter  webrequest.Filter
	deriver *webrequest.Deriver

	options     string // of everything that rows of one month must share
	optionsText json.RawMessage
	reading     string // of what may differ from file to file
}

func (c Config) settings() (*settings, error) {
	s := &settings{Config: c, windows: c.Windows}
	if s.windows == nil {
		s.windows = attack.Months(c.Zone)
	}
	if s.Threads <= 0 {
		s.Threads = runtime.GOMAXPROCS(0)
	}
	if s.Memory <= 0 {
		s.Memory = aggregate.DefaultMemory
	}
	if s.Web.Profile == "" {
		proxies := s.Web.TrustedProxies
		s.Web = webrequest.DefaultOptions(webrequest.Site)
		s.Web.TrustedProxies = proxies
	}
	// The address behind a proxy is found once, by the reader.
	if len(s.Access.TrustedProxies) == 0 {
		s.Access.TrustedProxies = s.Web.TrustedProxies
	}
	s.Web.TrustedProxies = s.Access.TrustedProxies
	s.filter = webrequest.DefaultFilter(s.Web.Profile)
	if s.Filter != nil {
		s.filter = *s.Filter
	}
	var err error
	if s.deriver, err = webrequest.New(s.Web); err != nil {
		return nil, err
	}
	s.optionsText, err = json.Marshal(struct {
		Derivation string             `json:"derivation"`
		Web        webrequest.Options `json:"web"`
		Filter     webrequest.Filter  `json:"filter"`
		Zone       string             `json:"zone"`
		Pseudonyms string             `json:"pseudonyms,omitempty"`
		Twelve     bool               `json:"twelve,omitempty"`
	}{s.Web.Fingerprint(), s.deriver.Options(), s.filter, s.windows.Zone().String(), s.pseudonyms(), s.Twelve})
	if err != nil {
		return nil, err
	}
	reading, err := json.Marshal(struct {
		Format         string
		Mapping        map[string]string
		MaxLine        int
		TrustedProxies []netip.Prefix
	}{s.Access.Format, s.Access.Mapping, s.Access.MaxLine, s.Access.TrustedProxies})
	if err != nil {
		return nil, err
	}
	s.options, s.reading = fingerprint(s.optionsText), fingerprint(reading)
	return s, nil
}

func (c *Config) pseudonyms() string {
	if c.Pseudonyms == nil {
		return ""
	}
	return c.Pseudonyms.Check()
}

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
