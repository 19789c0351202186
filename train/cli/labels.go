package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation/fetch"
	"sluice/featurestore/row"
)

func labelCommands() []command {
	return []command{{
		name:    "labels fetch",
		summary: "Ask AbuseIPDB itself: single addresses, or its blacklist",
		long: `The key is read from ABUSEIPDB_API_KEY. --months checks the addresses of the
store's rows whose label is unknown, those with most requests first; --ips those
of a file. Answers are appended to --out as they came, and an address answered
this month is not asked again: when the daily quota is used up, run the same
command the next day. --blacklist writes the list into the folder --out instead.`,
		example: `train labels fetch --months 2024-08 --out checks.jsonl
train labels fetch --ips addresses.txt --max-age 30 --limit 1000 --out checks.jsonl
train labels fetch --blacklist --out lists`,
		setup: setupLabelsFetch,
	}}
}

func setupLabelsFetch(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	months := list{comma: true}
	fs.Var(&months, "months", "`MONTHS` of the store whose unlabelled addresses are checked")
	ips := fs.String("ips", "", "`FILE` with an address a line; - is stdin")
	out := fs.String("out", "", "`FILE` that answers are appended to; a folder with --blacklist")
	maxAge := fs.Int("max-age", 90, "`DAYS` that reports reach back, 1 to 365")
	limit := fs.Int("limit", 0, "`N` requests of this run at most; entries with --blacklist")
	blacklist := fs.Bool("blacklist", false, "fetch the blacklist")
	confidence := fs.Int("confidence", 0, "least abuseConfidenceScore `N` of the blacklist, 25 to 100; the API's own unless given")
	base := fs.String("api", fetch.DefaultBase, "`URL` of the API")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 || *out == "" || *blacklist == (len(months.values) > 0 || *ips != "") {
			return fault.New(fault.Usage, "labels fetch needs --out, and --months, --ips or --blacklist; see train labels fetch --help")
		}
		c := &fetch.Client{Key: os.Getenv("ABUSEIPDB_API_KEY"), Base: *base}
		if c.Key == "" {
			return fault.New(fault.Usage, "ABUSEIPDB_API_KEY is not set: put the key of your AbuseIPDB account into the environment")
		}
		e.events.begin("labels fetch")
		if *blacklist {
			path, err := c.Blacklist(ctx, *out, *confidence, *limit)
			if err != nil {
				return err
			}
			e.events.result(map[string]any{"file": path}, func(w io.Writer) { fmt.Fprintln(w, path) })
			return nil
		}
		addrs, err := fetchAddresses(e, months.values, *ips)
		if err != nil {
			return err
		}
		res, err := c.Check(ctx, fetch.Checks{Addresses: addrs, File: *out, MaxAge: *maxAge, Limit: *limit})
		if err != nil {
			return err
		}
		e.events.result(res, func(w io.Writer) {
			fmt.Fprintf(w, "%d addresses asked for, %d known already, %d left\n", res.Asked, res.Known, res.Left)
			if res.Left > 0 {
				fmt.Fprintf(w, "%s; run the same command again", res.Stopped)
				if !res.Until.IsZero() {
					fmt.Fprintf(w, " after %s", res.Until.UTC().Format(time.RFC3339))
				}
				fmt.Fprintln(w)
			}
		})
		return nil
	}
}

// fetchAddresses are the addresses of a file, else those of the store's rows
// without a label, most requests first.
func fetchAddresses(e *env, months []string, file string) ([]netip.Addr, error) {
	if file != "" {
		var b []byte
		var err error
		if file == "-" {
			b, err = io.ReadAll(e.stdin)
		} else {
			b, err = os.ReadFile(file)
		}
		if err != nil {
			return nil, fault.Field(fault.Invalid, "ips", "--ips %w", err)
		}
		var out []netip.Addr
		for i, line := range strings.Split(string(b), "\n") {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			ip, ok := row.ParseIP(line)
			if !ok {
				return nil, fault.Field(fault.Invalid, "ips", "--ips %s: line %d is no address", file, i+1)
			}
			out = append(out, ip)
		}
		return out, nil
	}
	ms, err := parseMonths("months", months)
	if err != nil {
		return nil, err
	}
	st, err := featurestore.Open(e.global.dir, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	requests := map[netip.Addr]float64{}
	for _, m := range ms {
		err := st.ScanMonth(m, false, func(r *row.Row) error {
			if r.Label == row.Unknown {
				requests[r.IP] += r.Values[columns.RequestCount]
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var out []netip.Addr
	for ip := range requests {
		out = append(out, ip)
	}
	slices.SortFunc(out, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(requests[b], requests[a]), a.Compare(b)) })
	return out, nil
}
