package cli

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/build"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/train/pipeline"
)

// fill puts what the flags say into the pipeline's configuration.
func (d *dataFlags) fill(c *pipeline.Config) error {
	var err error
	if c.Logs, err = expandGlobs("logs", d.logs.values); err != nil {
		return err
	}
	if c.Labels, err = expandGlobs("labels", d.labels.values); err != nil {
		return err
	}
	if c.Zone, err = time.LoadLocation(*d.zone); err != nil {
		return fault.Field(fault.Usage, "zone", "--zone %q: want a name of the time zone database, as in UTC or Asia/Tashkent", *d.zone)
	}
	switch *d.attacks {
	case "", "none":
	case "detect":
		c.Detect = true
	default:
		if c.Windows, err = attack.ReadFile(*d.attacks, c.Zone); err != nil {
			return err
		}
	}
	c.Describe = *d.describe
	if c.Describe && c.Windows == nil && !c.Detect {
		return fault.Field(fault.Usage, "describe-attacks", "--describe-attacks says what given windows are like: give them with --attacks FILE")
	}
	switch *d.profile {
	case "site":
		c.Web = webrequest.DefaultOptions(webrequest.Site)
	case "wikimedia":
		c.Web = webrequest.DefaultOptions(webrequest.Wikimedia)
	default:
		return fault.Field(fault.Usage, "profile", "--profile %q: want site or wikimedia", *d.profile)
	}
	c.Web.Derive = *d.derive
	c.Web.SiteHosts = d.siteHosts.values
	c.Web.APIPrefixes = d.apiPrefixes.values
	c.Web.APIHosts = d.apiHosts.values
	c.Filter = webrequest.DefaultFilter(c.Web.Profile)
	if len(d.cacheStatus.values) > 0 {
		c.Filter.CacheStatus = d.cacheStatus.values
	}
	c.Filter.ExcludeAPI = !*d.keepAPI
	c.Access.Format = *d.format
	if c.Access.Mapping, err = parseMapping(*d.mapping); err != nil {
		return err
	}
	for _, s := range d.proxies.values {
		p, err := parsePrefix(s)
		if err != nil {
			return err
		}
		c.Access.TrustedProxies = append(c.Access.TrustedProxies, p)
	}
	if *d.labelMonth != "" {
		if c.LabelOptions.Month, err = row.ParseMonth(*d.labelMonth); err != nil {
			return fault.Field(fault.Usage, "label-month", "--label-month: %w", err)
		}
	}
	if *d.labelDelay < 0 {
		return fault.Field(fault.Usage, "label-delay", "--label-delay %d: want 0 days or more", *d.labelDelay)
	}
	c.LabelOptions.Delay = time.Duration(*d.labelDelay) * 24 * time.Hour
	c.LabelOptions.AllowMixed = *d.allowMixed
	if _, err := reputation.ParseDefinition(*d.labelDef); err != nil {
		return fault.Field(fault.Usage, "label-definition", "--label-definition: %w", err)
	}
	c.LabelDefinition = *d.labelDef
	for _, f := range []struct {
		name string
		from *list
		to   *[]string
	}{{"mmdb", &d.mmdb, &c.Further.MMDB}, {"spur", &d.spur, &c.Further.Spur}, {"drops", &d.drops, &c.Further.Drops}, {"crawler-ranges", &d.crawlerRanges, &c.Further.CrawlerRanges}} {
		if *f.to, err = expandGlobs(f.name, f.from.values); err != nil {
			return err
		}
	}
	for _, s := range d.ownReporters.values {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil || id < 1 {
			return fault.Field(fault.Usage, "own-reporters", "--own-reporters %q: want reporter ids, as AbuseIPDB's answers have them", s)
		}
		c.LabelOptions.OwnReporters = append(c.LabelOptions.OwnReporters, id)
	}
	if *d.pseudonymise != "" {
		if c.Pseudonyms, err = pseudonym.ReadKey(*d.pseudonymise); err != nil {
			return err
		}
	}
	if c.Memory, err = parseSize(*d.memory); err != nil {
		return err
	}
	if c.Memory > 0 && c.Memory < build.LeastMemory {
		return fault.Field(fault.Usage, "memory", "--memory %s: a month's rows can't be made in less than %dMiB; give that or more", *d.memory, build.LeastMemory>>20)
	}
	return nil
}

// checkOut refuses an --out that can't become a file before any work is done
// for it; "" is none.
func checkOut(path string) error {
	if path == "" {
		return nil
	}
	if fi, err := os.Stat(path); err == nil && fi.IsDir() || strings.HasSuffix(path, "/") {
		return fault.Field(fault.Invalid, "out", "--out %s is a folder; name a file", path)
	}
	dir := filepath.Dir(path)
	switch fi, err := os.Stat(dir); {
	case err != nil:
		return fault.Field(fault.NotFound, "out", "--out %s: there is no folder %s; make it first", path, dir)
	case !fi.IsDir():
		return fault.Field(fault.Invalid, "out", "--out %s: %s is a file, not a folder", path, dir)
	}
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	if a, ok := row.ParseIP(s); ok {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.Prefix{}, fault.Field(fault.Usage, "trusted-proxies", "--trusted-proxies %q: want an address or a prefix, as in 192.0.2.0/24", s)
}

// parseMapping reads "ip=client,dt=when".
func parseMapping(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	m := map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		k, v, ok := strings.Cut(part, "=")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if !ok || k == "" || v == "" {
			return nil, fault.Field(fault.Usage, "mapping", "--mapping %q: want COLUMN=FIELD, as in ip=client,dt=when", part)
		}
		m[k] = v
	}
	return m, nil
}

// parseSize reads "512MiB", "2GB", "1048576"; "" is 0.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	units := []struct {
		suffix string
		n      int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err == nil && v > 0 && v*float64(u.n) < 1<<62 {
			return int64(v * float64(u.n)), nil
		}
		break
	}
	return 0, fault.Field(fault.Usage, "memory", "--memory %q: want a size, as in 512MiB or 2GiB", s)
}

// parseColumns reads --columns: names of columns, and of groups of them, each
// column once. "behaviour" is with the twelve.
func parseColumns(s string) ([]string, error) {
	if s == "" {
		s = "twelve"
	}
	groups := map[string][]string{"twelve": columns.Names(), "behaviour": columns.Stored()}
	known, all := []string{"twelve", "behaviour"}, columns.Stored()
	for _, g := range columns.Further() {
		groups[g.Name] = g.Names()
		known, all = append(known, g.Name), append(all, g.Names()...)
	}
	var names []string
	for name := range strings.SplitSeq(s, ",") {
		name = strings.TrimSpace(name)
		if name == columns.Label {
			return nil, fault.Field(fault.Usage, "columns", "--columns: %s is the label; a model that is handed it learns nothing else", name)
		}
		group, ok := groups[name]
		if !ok {
			if _, ok := columns.ByName(name); !ok {
				return nil, fault.Field(fault.Usage, "columns", "--columns: %q is no column%s; want groups of them (%s) or some of %s", name, fault.DidYouMean(name, append(known, all...)), strings.Join(known, ", "), strings.Join(all, ", "))
			}
			group = []string{name}
		}
		for _, n := range group {
			// A group may hold what was named before it; a name given twice is a
			// mistake.
			if !slices.Contains(names, n) {
				names = append(names, n)
			} else if len(group) == 1 {
				return nil, fault.Field(fault.Usage, "columns", "--columns names a column twice: %s", n)
			}
		}
	}
	return names, nil
}

// parseTrainMonths reads --train: months, or last-N.
func parseTrainMonths(values []string) ([]row.Month, int, error) {
	if len(values) == 1 {
		if n, ok := strings.CutPrefix(values[0], "last-"); ok {
			k, err := strconv.Atoi(n)
			if err != nil || k < 1 {
				return nil, 0, fault.Field(fault.Usage, "train", "--train %q: want last-N with N at least 1, or months", values[0])
			}
			return nil, k, nil
		}
	}
	m, err := parseMonths("train", values)
	return m, 0, err
}
