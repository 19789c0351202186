package study

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
	"sluice/notebooks-port/internal/program"
)

// Need says what a program does with a kind of input.
type Need uint8

// The needs. The zero value has no flag for it.
const (
	No Need = iota
	Optional
	Required
)

// Input is the common flags: what is read, and how.
type Input struct {
	// What a program sets before the flags are parsed.
	Logs, Drops, Labels, Attacks, Home Need

	Out           string
	Zone          *time.Location
	Threads       int
	ShowAddresses bool

	logs, drops, labels program.List
	attacks, home       string
	zone                string
	profile, format     string
	mapping, proxies    string
	cacheStatus         program.Words
	apiPrefixes         program.Words
	keepAPI             bool
	definition          string
	progress            func(done, total int64)
}

func (in *Input) declare(f *flag.FlagSet, name string) {
	f.StringVar(&in.Out, "out", name+"-report", "write the reports into this `folder`, which is made if it is missing")
	if in.Home != No {
		f.StringVar(&in.home, "dir", "", "`home` whose store has the months; without it they are built of --logs for the occasion")
	}
	f.Var(&in.logs, "logs", "log `files`, or quoted patterns")
	if in.Drops != No {
		f.Var(&in.drops, "drops", "`files` of silent-drop records: JSON lines, TSV or the proxy's debug lines")
	}
	if in.Labels != No {
		f.Var(&in.labels, "labels", "AbuseIPDB exports: `files` of one shape")
		f.StringVar(&in.definition, "label-definition", "", "what \"reported\" means, `L1` to L6; the shape of the exports decides otherwise")
	}
	if in.Attacks != No {
		f.StringVar(&in.attacks, "attacks", "", "`file` of attack windows (CSV or JSON), or detect to find them in the logs")
	}
	f.StringVar(&in.zone, "zone", "UTC", "time `zone` of months, days and hours, as Europe/London")
	f.StringVar(&in.profile, "profile", "", "whose logs they are: `wikimedia` or site; a log with the column x_analytics is Wikimedia's otherwise")
	f.StringVar(&in.format, "format", accesslog.Auto, "log `format`: "+strings.Join(accesslog.Formats(), ", "))
	f.StringVar(&in.mapping, "map", "", "fields of the log for columns: `column=field,...`")
	f.StringVar(&in.proxies, "trusted-proxies", "", "networks whose X-Forwarded-For is believed: `CIDR,...`")
	f.Var(&in.cacheStatus, "cache-status", "`values` of cache_status that count; all for every one (default miss,pass,int-front)")
	f.Var(&in.apiPrefixes, "api-prefixes", "path `prefixes` of API requests on a site of your own")
	f.BoolVar(&in.keepAPI, "keep-api", false, "count API requests too")
	f.IntVar(&in.Threads, "threads", runtime.GOMAXPROCS(0), "files read at a time; no figure depends on it")
	f.BoolVar(&in.ShowAddresses, "show-addresses", false, "write full addresses; without it they are masked")
}

// check looks at what can be checked before anything is read.
func (in *Input) check() error {
	var err error
	if in.Zone, err = time.LoadLocation(in.zone); err != nil {
		return fault.Field(fault.Usage, "zone", "--zone %q is not known; want a name as UTC or Europe/London", in.zone)
	}
	if in.Threads < 1 || in.Threads > 1024 {
		return fault.Field(fault.Usage, "threads", "--threads %d; want 1 to 1024", in.Threads)
	}
	switch webrequest.Profile(in.profile) {
	case "", webrequest.Site, webrequest.Wikimedia:
	default:
		return fault.Field(fault.Usage, "profile", "--profile %q; want wikimedia or site", in.profile)
	}
	if in.home != "" && len(in.logs) > 0 {
		return fault.Field(fault.Usage, "dir", "--dir has its months already; give it or --logs, not both")
	}
	for _, x := range []struct {
		need  Need
		given bool
		flag  string
		why   string
	}{
		{in.Logs, len(in.logs) > 0 || in.home != "", "logs", "log files or quoted patterns"},
		{in.Drops, len(in.drops) > 0, "drops", "files of silent-drop records"},
		{in.Labels, len(in.labels) > 0 || in.home != "", "labels", "AbuseIPDB exports"},
		{in.Attacks, in.attacks != "" || in.home != "", "attacks", "a file of attack windows, or detect"},
	} {
		if x.need == Required && !x.given {
			or := ""
			if in.Home != No {
				or = ", or --dir with a home that has months"
			}
			return fault.Field(fault.Usage, x.flag, "--%s is missing: give %s%s", x.flag, x.why, or)
		}
	}
	for what, list := range map[string]*program.List{"log": &in.logs, "silent-drop file": &in.drops, "label export": &in.labels} {
		files, err := program.Expand(what, *list)
		if err != nil {
			return err
		}
		if slices.Contains(files, "-") {
			return fault.Field(fault.Usage, what, "%ss are read more than once, which the standard input doesn't allow; give files", what)
		}
		slices.Sort(files)
		*list = slices.Compact(files)
		for _, name := range files {
			if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
				return fault.Field(fault.NotFound, what, "%s: no such %s", name, what)
			}
		}
	}
	_, err = in.access()
	return err
}

func (in *Input) access() (accesslog.Options, error) {
	o := accesslog.Options{Format: in.format}
	var err error
	if o.Mapping, err = program.Mapping(in.mapping); err != nil {
		return o, err
	}
	o.TrustedProxies, err = program.Networks("trusted-proxies", in.proxies)
	return o, err
}

// web is how columns are derived. Only Wikimedia's logs have x_analytics.
func (in *Input) web(access accesslog.Options) (webrequest.Options, webrequest.Filter, error) {
	p := webrequest.Profile(in.profile)
	if p == "" {
		p = webrequest.Site
		if len(in.logs) > 0 {
			log, err := accesslog.Open(in.logs[0], access)
			switch {
			case errors.Is(err, accesslog.ErrEmpty):
			case err != nil:
				return webrequest.Options{}, webrequest.Filter{}, err
			default:
				if log.Available().Has(webrequest.FieldXAnalytics) {
					p = webrequest.Wikimedia
				}
				log.Close()
			}
		}
	}
	o, filter := webrequest.DefaultOptions(p), webrequest.DefaultFilter(p)
	o.APIPrefixes = in.apiPrefixes.List
	if len(in.apiPrefixes.List) > 0 && p == webrequest.Wikimedia {
		return o, filter, fault.Field(fault.Usage, "api-prefixes", "--api-prefixes is for a site of your own; Wikimedia's API requests are known")
	}
	filter.ExcludeAPI = !in.keepAPI
	if len(in.cacheStatus.List) > 0 {
		filter.CacheStatus = in.cacheStatus.List
		if slices.Equal(in.cacheStatus.List, program.List{"all"}) {
			filter.CacheStatus = nil
		}
	}
	return o, filter, nil
}

// OpenLabels reads the label exports; nil where none were given.
func (in *Input) OpenLabels(ctx context.Context) (*reputation.Set, error) {
	if len(in.labels) == 0 {
		return nil, nil
	}
	def, err := reputation.ParseDefinition(in.definition)
	if err != nil {
		return nil, fault.As(fault.Usage, err)
	}
	return reputation.Open(ctx, in.labels, reputation.Options{Definition: def, Location: in.Zone, Threads: in.Threads})
}

// OpenDrops reads the silent-drop records; nil where none were given.
func (in *Input) OpenDrops(ctx context.Context) (*reputation.Drops, error) {
	if len(in.drops) == 0 {
		return nil, nil
	}
	return reputation.OpenDrops(ctx, in.drops)
}

// OpenAttacks reads the windows, or finds them in the logs; nil where there are
// none.
func (in *Input) OpenAttacks(ctx context.Context, s *Source) (*attack.Set, error) {
	switch in.attacks {
	case "", "none":
		return nil, nil
	case "detect":
		found, err := attack.Find(ctx, attack.Search{Files: s.Files, Access: s.Access, Filter: s.Filter, Zone: in.Zone, Threads: in.Threads})
		if err == nil && found.Set == nil {
			err = fault.Field(fault.Invalid, "attacks", "--attacks detect: no attack stands out in these logs; name the windows in a file")
		}
		return found.Set, err
	}
	return attack.ReadFile(in.attacks, in.Zone)
}

// simulated reports whether any input is a simulated world's, by its name.
func (in *Input) simulated() bool {
	for _, list := range []program.List{in.logs, in.drops, in.labels} {
		if slices.ContainsFunc(list, func(name string) bool { return simulate.IsSimulated(filepath.Base(name)) }) {
			return true
		}
	}
	return false
}
