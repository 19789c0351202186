package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/train/pipeline"
)

func attackCommands() []command {
	return []command{{
		name:    "attacks detect",
		summary: "Find attack windows in logs and say what each is like",
		long: `Compares the cache-busting requests of every five minutes with what is usual in
the same hour of the week, moves the ends of what stands out to where its
participants come and go, and prints the windows with their signature:
addresses, those above one request a second, most frequent paths, queries,
agents and prefixes, and countries where --mmdb names databases. --out writes
them for --attacks: look at them, take out what was no attack, and give the file
to train run. Where nothing stands out no file is written: train with --attacks
none. Give all logs of the months at once: what is usual is learnt from them.`,
		example: `train attacks detect --logs 'access-*.log.gz' --out attacks.csv
train attacks detect --profile wikimedia --logs 'webrequest-*.json.gz' --json`,
		setup: setupAttacksDetect,
	}, {
		name:    "attacks show",
		summary: "Read a file of attack windows and say what it holds",
		long: `Prints each window. With --logs also what its cache-busting requests there have in
common, as attacks detect does, with countries where --mmdb names databases;
without, from which countries they came where the store of --dir has rows of the
window with their country (features build --mmdb). train run --describe-attacks
puts the same into its report.`,
		example: `train attacks show --attacks attacks.csv
train attacks show --attacks attacks.csv --dir site
train attacks show --attacks attacks.csv --logs 'access-*.log.gz' --mmdb countries.mmdb`,
		setup: setupAttacksShow,
	}}
}

func setupAttacksDetect(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	d := declareData(fs)
	out := fs.String("out", "", "`FILE` to write the windows to, CSV with start, end, name, note")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 || len(d.logs.values) == 0 {
			return fault.New(fault.Usage, "attacks detect needs --logs; see train attacks detect --help")
		}
		if err := checkOut(*out); err != nil {
			return err
		}
		c := pipeline.Config{Home: e.global.dir, Threads: threads(e.global.threads)}
		if err := d.fill(&c); err != nil {
			return err
		}
		e.events.begin("attacks detect")
		found, err := pipeline.DetectAttacks(ctx, &c, e.events.send)
		if err != nil {
			return err
		}
		if len(found.Hours) == 0 {
			return fault.Field(fault.Invalid, "logs", "no request that the filter keeps was found in %s: nothing to detect attacks in", strings.Join(c.Logs, ", "))
		}
		write := *out != "" && len(found.Attacks) > 0 // a file without windows is refused by its readers
		if write {
			if err := renameio.WriteFile(*out, attacksCSV(found), 0o644); err != nil {
				// The system's error names a pending file, which nobody asked for.
				if named := (*os.PathError)(nil); errors.As(err, &named) {
					err = named.Err
				}
				return featurestore.DiskError(*out, err)
			}
		}
		e.events.result(map[string]any{"attacks": found.Attacks, "signatures": found.Signatures}, func(w io.Writer) {
			printFound(w, found)
			if *out != "" && !write {
				fmt.Fprintf(w, "%s is not written: there is no window to put into it; train with --attacks none\n", *out)
			}
		})
		return nil
	}
}

func attacksCSV(found attack.Found) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"start", "end", "name", "note"}) // a buffer takes everything
	for i, a := range found.Attacks {
		s := found.Signatures[i]
		_ = w.Write([]string{rfc3339(a.Start), rfc3339(a.End), a.ID,
			fmt.Sprintf("%d requests where %.0f are usual, %d addresses, %d above 1 request/s", a.Requests, a.Usual, s.Addresses, s.Fast)})
	}
	w.Flush()
	return b.Bytes()
}

func rfc3339(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

func printFound(w io.Writer, found attack.Found) {
	if len(found.Attacks) == 0 {
		fmt.Fprintln(w, "nothing stands out from the rhythm of the week")
		return
	}
	fmt.Fprintf(w, "%-8s %-28s %-19s %-19s %10s %10s %9s %9s %6s\n", "month", "attack", "start", "end", "requests", "usual", "peak/min", "addresses", ">1/s")
	for i, a := range found.Attacks {
		s := found.Signatures[i]
		fmt.Fprintf(w, "%-8s %-28s %-19s %-19s %10d %10.0f %9d %9d %6d\n", a.Month, a.ID, instant(a.Start), instant(a.End), a.Requests, a.Usual, a.Peak, s.Addresses, s.Fast)
	}
	for i, a := range found.Attacks {
		fmt.Fprintf(w, "\n%s\n", a.ID)
		printSignature(w, found.Signatures[i])
	}
}

// printable is a log's text, cut to a line of a terminal and without what could
// drive one.
func printable(s string) string {
	if s == "" {
		return "(none)"
	}
	const most = 96
	s = strings.Trim(fmt.Sprintf("%+q", s), `"`)
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

func setupAttacksShow(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	d := declareData(fs)
	return func(ctx context.Context, e *env, args []string) error {
		if file := *d.attacks; len(args) > 0 || file == "" || file == "none" || file == "detect" {
			return fault.New(fault.Usage, "attacks show needs --attacks FILE; see train attacks show --help")
		}
		c := pipeline.Config{Home: e.global.dir, Threads: threads(e.global.threads)}
		if err := d.fill(&c); err != nil {
			return err
		}
		e.events.begin("attacks show")
		ws := c.Windows.Windows()
		result := map[string]any{"windows": ws}
		var signatures []attack.Signature
		var countries map[string][]attack.ValueCount
		var err error
		if len(c.Logs) > 0 {
			if signatures, _, err = pipeline.DescribeAttacks(ctx, &c, e.events.send); err != nil {
				return err
			}
			result["signatures"] = signatures
		} else if countries, err = storedAttackCountries(e.global.dir, ws); err != nil {
			return err
		} else if len(countries) > 0 {
			result["countries"] = countries
		}
		e.events.result(result, func(w io.Writer) {
			fmt.Fprintf(w, "%-8s %-24s %-19s %-19s %10s  %s\n", "month", "attack", "start", "end", "length", "note")
			for i, a := range ws {
				fmt.Fprintf(w, "%-8s %-24s %-19s %-19s %10s  %s\n", a.Month, a.ID, instant(a.Start), instant(a.End), time.Duration(a.End-a.Start)*time.Second, a.Note)
				if signatures != nil {
					s := signatures[i]
					fmt.Fprintf(w, "  %d requests, %d addresses, %d above 1 request/s\n", s.Requests, s.Addresses, s.Fast)
					printSignature(w, s)
				}
				all := int64(0)
				for _, c := range countries[a.ID] {
					all += c.Requests
				}
				printTop(w, "country", countries[a.ID], all)
			}
		})
		return nil
	}
}

func printSignature(w io.Writer, s attack.Signature) {
	for _, part := range []struct {
		name string
		top  []attack.ValueCount
	}{{"path", s.Paths}, {"query", s.Queries}, {"agent", s.Agents}, {"prefix", s.Prefixes}, {"country", s.Countries}} {
		printTop(w, part.name, part.top, s.Requests)
	}
}

// printTop prints the most frequent values of a kind with their shares.
func printTop(w io.Writer, kind string, top []attack.ValueCount, of int64) {
	for _, v := range top[:min(3, len(top))] {
		fmt.Fprintf(w, "  %-7s %5.1f %%  %s\n", kind, 100*float64(v.Requests)/float64(of), printable(v.Value))
	}
}
