package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/models/drift"
	"sluice/train/evaluation"
	"sluice/train/report"
)

// built is a small site whose months are in a store.
func built(t *testing.T) Config {
	t.Helper()
	c := smallSite(t, t.TempDir())
	if _, err := Build(context.Background(), c, quiet); err != nil {
		t.Fatal(err)
	}
	c.Logs = nil
	return c
}

// The first variant of each study is the version itself: its figures are those
// of the split, found another way. No other variant is better known.
func TestStudiesBeginWithTheVersion(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some hundred small models")
	}
	c := built(t)
	c.Review, c.Rounds = true, 5
	res, err := Trial(context.Background(), c, "", quiet)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{evaluation.StudyColumns: true, evaluation.StudyTuning: true, evaluation.StudyDefinition: true, evaluation.StudyDelay: true}
	for _, s := range res.Studies {
		delete(want, s.Name)
		p := s.Variants[0].Part(evaluation.PartAll)
		if p == nil {
			t.Errorf("%s: the first variant was not measured: %+v", s.Name, s.Variants[0])
			continue
		}
		if p.ROCAUC.Estimate != res.Split.ROCAUC || p.PRAUC.Estimate != res.Split.PRAUC || p.Confusion != res.Split.OperatingPoint.Confusion || s.Variants[0].Threshold != res.Split.OperatingPoint.Threshold {
			t.Errorf("%s begins with ROC AUC %v, %+v; the split has %v, %+v", s.Name, p.ROCAUC.Estimate, p.Confusion, res.Split.ROCAUC, res.Split.OperatingPoint.Confusion)
		}
		if iv, _ := res.Split.Intervals.Of("roc_auc"); iv.Low != p.ROCAUC.Low || iv.High != p.ROCAUC.High {
			t.Errorf("%s: interval %v to %v, the split has %v to %v", s.Name, p.ROCAUC.Low, p.ROCAUC.High, iv.Low, iv.High)
		}
		for _, v := range s.Variants {
			if v.Skipped == "" && len(v.Parts) == 0 || strings.Contains(v.Skipped, "/") {
				t.Errorf("%s: variant %+v", s.Name, v)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("studies that were not made: %v", want)
	}
}

// A backtest gives the same bytes at any number of threads, and each month's
// youngest model is that of its split.
func TestBacktest(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a dozen models, twice")
	}
	c := built(t)
	c.Rounds = 5
	var before []byte
	for _, threads := range []int{1, 2} {
		c.Threads = threads
		b, err := Backtest(context.Background(), c, 1, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Splits) != 2 || len(b.Studies) != 2 || len(b.Studies[1].Variants) != 2 || b.Retrain == nil || len(b.Skipped) > 0 {
			t.Fatalf("%d splits, %d studies, skipped %v", len(b.Splits), len(b.Studies), b.Skipped)
		}
		for i, s := range b.Studies {
			if got := s.Variants[0].Part(evaluation.PartAll); got.ROCAUC.Estimate != b.Splits[i].ROCAUC || s.Variants[0].Age != 1 {
				t.Errorf("%v: youngest model %v, split %v", s.Months.Test, got.ROCAUC.Estimate, b.Splits[i].ROCAUC)
			}
		}
		if v := b.Studies[1].Variants[1]; v.Age != 2 || v.Part(evaluation.PartAll).ROCAUCGain == nil {
			t.Errorf("the older model: %+v", v)
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && string(before) != string(text) {
			t.Error("other threads, other figures")
		}
		before = text
	}
}

// Every row is tested once over the draws, and the rows of an address together
// in the draws by address.
func TestGridDraws(t *testing.T) {
	c := built(t)
	c.Rounds = 3
	months := append(append([]row.Month{}, c.Train...), c.Test...)
	rows, missing, err := Grid(context.Background(), c, months, quiet)
	if err != nil || len(missing) > 0 {
		t.Fatal(missing, err)
	}
	if len(rows) != 8 {
		t.Fatalf("%d splits", len(rows))
	}
	for _, g := range rows {
		if g.Draws == 0 {
			continue
		}
		if g.Draws != gridDraws || !(g.Least <= g.Mean && g.Mean <= g.Great) || g.Split.ROCAUC < evaluation.Float(g.Least) || g.Split.ROCAUC > evaluation.Float(g.Great) {
			t.Errorf("%s: %+v", g.Name, g)
		}
		if g.HasLeak && !(g.LeakLow <= g.Leakage && g.Leakage <= g.LeakHigh) {
			t.Errorf("%s: leakage %v in %v to %v", g.Name, g.Leakage, g.LeakLow, g.LeakHigh)
		}
		if s := g.Split.Rows; g.Grouped && s.Seen != 0 {
			t.Errorf("%s: %d rows of addresses that training saw", g.Name, s.Seen)
		}
	}
	// A month that is not there costs its own splits.
	rows, missing, err = Grid(context.Background(), c, []row.Month{c.Train[0] - 1, c.Train[0], c.Train[1]}, quiet)
	if err != nil || len(missing) != 1 || len(rows) != 2 {
		t.Errorf("%d splits, missing %q, %v", len(rows), missing, err)
	}
}

func tableOf(rows []row.Row) *table {
	t := &table{names: columns.Names(), rows: rows}
	for i := range rows {
		t.labels = append(t.labels, i%2 == 0)
		t.groups = append(t.groups, i)
	}
	return t
}

func TestRowSlices(t *testing.T) {
	var rows []row.Row
	add := func(ip string, agents float64) {
		r := row.Row{Key: row.Key{Month: 2024 * 12, Attack: "a", IP: netip.MustParseAddr(ip)}, Values: make([]float64, columns.NumFeatures)}
		r.Values[columns.UserAgentCount] = agents
		rows = append(rows, r)
	}
	for i := range 25 {
		add(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), 1)
	}
	add("198.51.100.7", 3)
	add("2001:db8::1", 9)
	got := map[string]int{}
	country := countryMap{netip.MustParseAddr("198.51.100.7"): "NL"}
	for i := range 25 {
		country[rows[i].IP] = "BR"
	}
	for _, s := range rowSlices(tableOf(rows), country) {
		for _, in := range s.Include {
			if in {
				got[s.Family+": "+s.Name]++
			}
		}
	}
	for name, want := range map[string]int{
		"address: IPv6": 1, "shared address: one user agent": 25, "shared address: 2 to 4 user agents": 1, "shared address: 5 or more user agents": 1,
		"prefix (/24, IPv6 /64): 5 or more addresses in the prefix": 25, "prefix (/24, IPv6 /64): alone in its prefix": 2,
		"network (/16, IPv6 /32): 192.0.0.0/16": 25, "network (/16, IPv6 /32): 2 others": 2,
		"country: BR": 25, "country: 1 others": 1,
	} {
		if got[name] != want {
			t.Errorf("%s: %d rows, want %d", name, got[name], want)
		}
	}
}

// Of lists, what is reported by a date is on the month's list or on a later
// one known by then.
func TestListedBy(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, ips := range map[string]string{"list-2024-06.txt": "9.9.9.9\n", "list-2024-07.txt": "8.8.8.8\n"} {
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(files[len(files)-1], []byte(ips), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := reputation.Open(context.Background(), files, reputation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	june := row.Month(2024*12 + 5)
	end := june.End(time.UTC)
	for _, c := range []struct {
		ip   string
		by   time.Time
		want row.Label
	}{
		{"9.9.9.9", end, row.True}, {"8.8.8.8", end, row.False}, {"8.8.8.8", end.AddDate(0, 0, 30), row.False}, {"8.8.8.8", end.AddDate(0, 0, 31), row.True}, {"7.7.7.7", end.AddDate(0, 0, 90), row.False},
		{"2001:db8::1", end, row.Unknown},
	} {
		if got := listedBy(set, netip.MustParseAddr(c.ip), june, c.by); got != c.want {
			t.Errorf("%s by %s: %v, want %v", row.Mask(netip.MustParseAddr(c.ip)), c.by.Format(time.DateOnly), got, c.want)
		}
	}
}

// The score's drift is no feature's.
func TestFeatureDrift(t *testing.T) {
	m := drift.Month{PSI: []float64{0.1, 0.2, 9}}
	if psi, f := featureDrift(m, []string{"a", "b"}); psi != 0.2 || f != "b" {
		t.Errorf("%v of %s", psi, f)
	}
	if psi, _ := featureDrift(drift.Month{PSI: []float64{math.NaN(), 9}}, []string{"a"}); !math.IsNaN(psi) {
		t.Errorf("%v of nothing", psi)
	}
}

// A dossier shows the hours of its address, and no other's.
func TestDossiersHaveHours(t *testing.T) {
	c := built(t)
	c.Rounds = 5
	res, err := Run(context.Background(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(res.Report)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "Requests per hour") {
		t.Error("no error of the report has its hours")
	}
	if strings.Contains(string(page), report.FalsePositive+": ") && !strings.Contains(string(page), ".xxx") {
		t.Error("addresses are not masked")
	}
}

// A home of other months than the test's: worlds must agree, and both labelled.
func TestTrialElsewhere(t *testing.T) {
	c, other := built(t), built(t)
	c.Rounds = 5
	c.Train, c.Test = []row.Month{other.Test[0]}, []row.Month{c.Test[0]}
	res, err := Trial(context.Background(), c, other.Home, quiet)
	if err != nil || res.Split.Rows.Rows == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	// Both sites are drawn alike: every address of the test is in training.
	if res.Split.Rows.Seen != res.Split.Rows.Rows {
		t.Errorf("%d of %d rows seen", res.Split.Rows.Seen, res.Split.Rows.Rows)
	}
	if _, err := Trial(context.Background(), c, c.Home, quiet); !fault.Is(err, fault.Usage) {
		t.Errorf("the same month of one home: %v", err)
	}
	c.Train = []row.Month{1}
	if _, err := Trial(context.Background(), c, other.Home, quiet); !fault.Is(err, fault.NotFound) {
		t.Errorf("a month that is not there: %v", err)
	}
	sim, err := featurestore.Open(filepath.Join(t.TempDir(), "sim"), featurestore.OpenOptions{World: featurestore.Simulated})
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(sim.Dir())
	sim.Close()
	if _, err := Trial(context.Background(), c, home, quiet); err == nil {
		t.Error("simulated months are held against real ones")
	}
}

// With the key, exports tell of a store of pseudonyms what they tell of
// addresses: what was listed before, and the rows' labels under other readings.
func TestListsAndPseudonyms(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some hundred small models")
	}
	key, err := pseudonym.New([]byte("a key of thirty-two bytes, no le"))
	if err != nil {
		t.Fatal(err)
	}
	evaluated := func(key *pseudonym.Key, forget bool) (*TrialResult, map[string]string) {
		c := smallSite(t, t.TempDir())
		c.Pseudonyms = key
		if _, err := Build(t.Context(), c, quiet); err != nil {
			t.Fatal(err)
		}
		c.Logs, c.Review, c.Rounds = nil, true, 3
		if forget {
			c.Pseudonyms = nil
		}
		res, err := Trial(t.Context(), c, "", quiet)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, s := range res.Studies {
			for _, v := range s.Variants {
				told[s.Name] += v.Name + " (" + v.Skipped + ") "
				if p := v.Part(evaluation.PartAll); p != nil && v.Name == "the list alone" {
					told[s.Name] += fmt.Sprint(p.Confusion)
				}
			}
		}
		return res, told
	}
	plain, want := evaluated(nil, false)
	masked, got := evaluated(key, false)
	if plain.Split.ListedBefore == nil || masked.Split.ListedBefore == nil || plain.Split.ListedBefore.OperatingPoint.Confusion != masked.Split.ListedBefore.OperatingPoint.Confusion {
		t.Errorf("listed before: %+v of addresses, %+v of pseudonyms", plain.Split.ListedBefore, masked.Split.ListedBefore)
	}
	if want[evaluation.StudyDelay] == "" || !maps.Equal(got, want) {
		t.Errorf("studies of addresses %v\nof pseudonyms %v", want, got)
	}
	if res, got := evaluated(key, true); res.Split.ListedBefore != nil || got[evaluation.StudyDelay] != "" {
		t.Errorf("without the key: %+v, %v", res.Split.ListedBefore, got)
	}
}
