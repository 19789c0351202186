package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/columns"
	"sluice/models/drift"
	"sluice/models/rules"
	"sluice/models/rules/aim"
	"sluice/train/evaluation"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// world draws rows of a month: abusive addresses ask more and get less.
type world struct {
	labels     []bool
	scores     []float64
	count      []float64
	size       []float64
	groups     []int
	seen       []bool
	listed     []bool
	ipv6       []bool
	calibrated []float64
}

func newWorld(n int, seed uint64, skill float64) *world {
	rng := rand.New(rand.NewPCG(seed, 11))
	w := &world{}
	for i := range n {
		abusive := rng.Float64() < 0.4
		shift := -skill
		if abusive {
			shift = skill
		}
		logit := shift + rng.NormFloat64()*1.6
		p := 1 / (1 + math.Exp(-logit))
		c := math.Floor(math.Exp(3 + rng.NormFloat64()*2.4 + max(0, logit)*0.5))
		w.labels = append(w.labels, abusive)
		w.scores = append(w.scores, p)
		w.calibrated = append(w.calibrated, 1/(1+math.Exp(-logit*1.1+0.1)))
		w.count = append(w.count, c)
		w.size = append(w.size, math.Exp(9-0.4*logit+rng.NormFloat64()))
		w.groups = append(w.groups, i*2/3)
		w.seen = append(w.seen, rng.Float64() < 0.3)
		w.listed = append(w.listed, abusive && rng.Float64() < 0.35 || rng.Float64() < 0.02)
		w.ipv6 = append(w.ipv6, rng.Float64() < 0.2)
	}
	return w
}

// fixture is a whole report's input from n rows; the model of little skill is
// held back.
func fixture(t testing.TB, n, draws int, skill float64) Input {
	return fixtureFor(t, n, draws, skill, aim.AtPrecision(0.8))
}

// fixtureFor is fixture with an operating point chosen for at.
func fixtureFor(t testing.TB, n, draws int, skill float64, at aim.Aim) Input {
	t.Helper()
	key := fmt.Sprint(n, draws, skill, at)
	if b, ok := fixtures[key]; ok {
		return b()
	}
	in := newFixture(t, n, draws, skill, at)
	// Tests change what they get: each has its own splits and errors.
	fixtures[key] = func() Input {
		own := in
		own.Evaluation.Splits = slices.Clone(in.Evaluation.Splits)
		own.Errors = slices.Clone(in.Errors)
		dr := *in.Drift
		dr.Months = slices.Clone(dr.Months)
		own.Drift = &dr
		return own
	}
	return fixtures[key]()
}

// fixtures keeps what was made: fitting the rules is the slow part.
var fixtures = map[string]func() Input{}

func newFixture(t testing.TB, n, draws int, skill float64, at aim.Aim) Input {
	t.Helper()
	ctx := context.Background()
	train, test := newWorld(n, 1, skill), newWorld(n, 2, skill)
	op, err := evaluation.Choose(train.labels, train.scores, train.groups, at, "five folds of 2024-06 and 2024-07, grouped by address")
	if err != nil {
		t.Fatal(err)
	}
	bestF1, err := evaluation.ChooseBestF1(train.labels, train.scores, "five folds")
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Train(ctx, train.count, train.size, train.labels, train.groups, rules.Options{Aim: at})
	if err != nil {
		t.Fatal(err)
	}
	in := evaluation.Input{
		Name: "test", Months: evaluation.Months{Train: []string{"2024-06", "2024-07"}, Test: []string{"2024-08"}},
		Labels: test.labels, Scores: test.scores, Calibrated: test.calibrated, Groups: test.groups, Operating: op, BestF1: &bestF1,
		RulesAtHalf: set.BestF1.Flags(test.count, test.size), RulesOperating: set.AtTarget.Flags(test.count, test.size), RulesAbstain: set.AtTarget.Abstains,
		ListedBefore: test.listed, RequestCount: test.count, Seen: test.seen, Unknown: n / 30,
		Slices: []evaluation.SliceInput{{Family: "address family", Name: "IPv6", Include: test.ipv6}},
	}
	split, err := evaluation.Evaluate(ctx, in, evaluation.Options{Seed: 7, Draws: draws, Aim: at})
	if err != nil {
		t.Fatal(err)
	}
	second := split
	second.Name = "one month earlier"
	second.Months = evaluation.Months{Train: []string{"2024-06"}, Test: []string{"2024-07"}}
	third := split
	third.Name = "unseen months"
	e := evaluation.Evaluation{
		SchemaVersion: evaluation.SchemaVersion, ModelVersion: "2024-07-0123456789ab", Seed: 7, Operating: op,
		Splits: []evaluation.Split{split, second, third}, Gate: evaluation.Judge(&split, evaluation.DefaultGates().For(at), evaluation.Facts{MaxPSI: math.NaN(), Aim: at}),
	}
	e.SetAim(at)
	profile, err := drift.NewProfile([]string{"request_count", "response_size_mean"}, [][]float64{train.count, train.size})
	if err != nil {
		t.Fatal(err)
	}
	dr := drift.NewReport(profile)
	for _, m := range []struct {
		month string
		w     *world
	}{{"2024-07", train}, {"2024-08", test}} {
		c, err := profile.Count([][]float64{m.w.count, m.w.size})
		if err != nil {
			t.Fatal(err)
		}
		if err := dr.Add(m.month, profile, c); err != nil {
			t.Fatal(err)
		}
	}
	out := Input{
		Version: "2024-07-0123456789ab", Evaluation: e, Rules: &set, Drift: dr,
		Model: Model{
			Kind: "gradient-boosted trees", Objective: "binary:logistic", Trees: 100, MaxDepth: 6, Leaves: 4211, Features: columns.Names(),
			SchemaHash: columns.Hash(columns.Names()), Bytes: 412_000, TrainMonths: []string{"2024-06", "2024-07"}, TrainRows: n, TrainIPs: n * 2 / 3, TrainTrue: n * 2 / 5,
			Calibration: "isotonic", CalibrationOn: "five folds of the training months", FormatVersion: "3.4.1",
		},
		Months: []Month{
			{Month: "2024-06", Role: "train", Files: 30, Lines: 1_204_311, Rejected: 17, Requests: 903_114, Rows: n / 2, IPs: n / 3, Attacks: 1, True: n / 5, False: n / 4, Unknown: n / 60, LabelAsOf: "2024-07-07"},
			{Month: "2024-07", Role: "train", Files: 31, Lines: 1_311_004, Rejected: 4, Requests: 1_010_447, Rows: n / 2, IPs: n / 3, Attacks: 1, True: n / 5, False: n / 4, Unknown: n / 60, LabelAsOf: "2024-08-07"},
			{Month: "2024-08", Role: "test", Files: 31, Lines: 1_290_871, Requests: 998_002, Rows: n, IPs: n * 2 / 3, Attacks: 2, True: n * 2 / 5, False: n * 3 / 5, Unknown: n / 30, LabelAsOf: "2024-09-07", Missing: []string{"accept_language"}},
		},
		Labels: Labels{Source: "AbuseIPDB check answers", Definition: "L2: at least one report within 90 days", Delay: "7 days after the end of the month"},
		Attacks: []Attack{
			{ID: "a1", Month: "2024-08", Start: "2024-08-03T10:00:00Z", End: "2024-08-03T16:00:00Z", Requests: 400_112, IPs: 612, True: 301, Known: 600},
			{ID: "<script>alert(1)</script>", Month: "2024-08", Start: "2024-08-19T01:00:00Z", End: "2024-08-19T02:30:00Z", Requests: 90_317, IPs: 77},
		},
		Traffic:    []Traffic{{Month: "2024-08", Whole: true, Hours: hourly(744), Windows: []Shade{{"a1", 58, 64}, {"<script>alert(1)</script>", 433, 434.5}}}},
		Signatures: []Signature{{ID: "a1", Fast: 12, Parts: []SignaturePart{{"path", []SignatureValue{{"/w/index.php", .61}, {"<b>", .02}}}, {"country", []SignatureValue{{"NL", .4}}}}}},
		Config:     []Setting{{"eta", "0.3", ""}, {"max_depth", "6", "XGBoost's default"}, {"seed", "7", ""}},
		Warnings: []string{
			"accept_language is missing in 2024-08: not_null_accept_language_ratio is NaN there",
		},
	}
	for i, c := range columns.Names() {
		g := 0.32 / float64(i+1)
		out.Importances = append(out.Importances, Importance{Feature: c, Gain: g, Cover: 0.1, Weight: 400 / (i + 1), Permutation: g / 8, Low: g/8 - 0.004, High: g/8 + 0.004, MeanAbsSHAP: g * 2})
	}
	dep := Dependence{Feature: "request_count", Unit: "requests", Log: true}
	for x := 1.0; x < 1e5; x *= 1.7 {
		y := math.Log10(x)/2 - 1
		dep.Values = append(dep.Values, math.Floor(x*10)/10)
		dep.Margin, dep.Low, dep.High = append(dep.Margin, y), append(dep.Low, y-0.4), append(dep.High, y+0.4)
	}
	out.Dependence = []Dependence{dep}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range []string{"request_count", "response_size_mean", "not_null_accept_language_ratio"} {
		s := SwarmFeature{Feature: f}
		for i := range 120 {
			v := math.Exp(rng.NormFloat64())
			s.Contributions = append(s.Contributions, math.Log(v)*0.7+rng.NormFloat64()*0.1)
			if i%9 == 0 {
				v = math.NaN()
			}
			s.Values = append(s.Values, v)
		}
		out.Swarm = append(out.Swarm, s)
	}
	out.Evaluation.Studies, out.Evaluation.Retrain = fixtureStudies(t, test, draws, at)
	out.Grid = fixtureGrid(split)
	d := Dossier{Kind: "false positive", IP: "192.0.2.xxx", ID: "3f0c", Attack: "a1", Month: "2024-08", Score: 0.981, Calibrated: 0.953, Country: "CA",
		Values: []Value{{"request_count", 18233, 1.734}, {"response_size_mean", 311.25, 0.92}, {"not_null_accept_language_ratio", math.NaN(), -0.031}}}
	for h := range 9 {
		d.Hours = append(d.Hours, Hour{"2024-08-03T" + string(rune('0'+h/10)) + string(rune('0'+h%10)), int64(400 * (h%4 + 1))})
	}
	miss := d
	miss.Kind, miss.IP, miss.Score, miss.Calibrated, miss.Hours = "false negative", "2001:db8::/64", 0.041, 0.052, nil
	out.Errors = []Dossier{d, miss}
	return out
}

// fixtureStudies are studies of every kind: two of columns, one of tuning, of
// definitions with one left out, and models of three ages.
func fixtureStudies(t testing.TB, w *world, draws int, at aim.Aim) ([]evaluation.Study, *evaluation.Retrain) {
	part := func(name string, shift float64, keep func(i int) bool) evaluation.PartInput {
		in := evaluation.PartInput{Part: name}
		for i := range w.labels {
			if keep(i) {
				s := min(max(w.scores[i]+shift*(w.count[i]/1000-math.Floor(w.count[i]/1000)-0.5), 0), 1)
				in.Labels, in.Scores, in.Groups, in.Flags = append(in.Labels, w.labels[i]), append(in.Scores, s), append(in.Groups, w.groups[i]), append(in.Flags, s > 0.6)
			}
		}
		return in
	}
	months := func(test string) evaluation.Months {
		return evaluation.Months{Train: []string{"2024-06", "2024-07"}, Test: []string{test}}
	}
	study := func(name, test string, names ...string) evaluation.Study {
		var in [][]evaluation.PartInput
		for k := range names {
			shift := 0.3 * float64(k)
			in = append(in, []evaluation.PartInput{part(evaluation.PartAll, shift, func(int) bool { return true }), part(evaluation.PartUnlisted, shift, func(i int) bool { return !w.listed[i] })})
		}
		parts, err := evaluation.MeasureParts(t.Context(), in, true, evaluation.Options{Draws: draws})
		if err != nil {
			t.Fatal(err)
		}
		s := evaluation.Study{Name: name, Question: "What of " + name + "?", Months: months(test), Paired: true, Draws: draws, Sentence: "It is so."}
		for k, n := range names {
			s.Variants = append(s.Variants, evaluation.Variant{Name: n, Note: "a note", Threshold: 0.6, FoldsROCAUC: 0.9, FoldsPRAUC: 0.8, Parts: parts[k], Age: k + 1, MaxPSI: evaluation.Float(0.2 * float64(k+1)), MaxPSIFeature: "response_size_mean", ScorePSI: 0.1})
		}
		return s
	}
	out := []evaluation.Study{
		study(evaluation.StudyColumns, "2024-08", "twelve", "with behaviour", "with earlier listings"), study(evaluation.StudyColumns, "2024-07", "twelve", "with behaviour", "with earlier listings"),
		study(evaluation.StudyTuning, "2024-08", "as given", "tuned"), study(evaluation.StudyDefinition, "2024-08", "L2", "L1"),
		study(evaluation.StudyAge, "2024-07", "trained on 2024-06"), study(evaluation.StudyAge, "2024-08", "trained on 2024-07", "trained on 2024-06"),
	}
	out[3].Paired = false
	out[3].Variants = append(out[3].Variants, evaluation.Variant{Name: "L4", Skipped: "the exports have no score"})
	return out, evaluation.NewRetrain(out, at)
}

// fixtureGrid is two random splits, by row and by address, and one forward.
func fixtureGrid(s evaluation.Split) []GridRow {
	return []GridRow{
		{Name: "2024-06 .8/.2", Split: s, Draws: 5, Mean: 0.94, Least: 0.93, Great: 0.95, HasLeak: true, Leakage: 0.012, LeakLow: 0.004, LeakHigh: 0.019},
		{Name: "2024-06 .8/.2", Split: s, Draws: 5, Mean: 0.928, Least: 0.91, Great: 0.94, Grouped: true},
		{Name: "2024-06 → 2024-07", Split: s},
	}
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name  string
		skill float64
	}{{"passed", 1.9}, {"heldback", 0.25}} {
		out, err := Render(fixture(t, 300, 60, c.skill))
		if err != nil {
			t.Fatal(err)
		}
		for ext, got := range map[string][]byte{"html": out.HTML, "md": out.Markdown, "card.md": out.ModelCard} {
			if c.name == "passed" && ext == "html" {
				// One page is enough to review; the other is checked by its
				// structure.
				continue
			}
			file := filepath.Join("testdata", c.name+"."+ext)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs at byte %d; run the test with -update and review the change", file, firstDifference(got, want))
			}
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

var (
	hrefs = regexp.MustCompile(`href="#([^"]+)"`)
	idsRe = regexp.MustCompile(` id="([^"]+)"`)
)

// The page is well-formed, links only into itself, and holds nothing that a
// strict policy would refuse.
func TestPageStructure(t *testing.T) {
	out, err := Render(fixture(t, 300, 60, 1.9))
	if err != nil {
		t.Fatal(err)
	}
	page := string(out.HTML)
	for _, bad := range []string{"<script", "style=", "http://", "javascript:", "onload", "<img", "<link", "@import", "url("} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	checkLinks(t, page)
	// All elements close: the page without its doctype, void elements closed,
	// is XML.
	x := strings.TrimPrefix(page, "<!DOCTYPE html>")
	x = regexp.MustCompile(`<meta ([^>]*)>`).ReplaceAllString(x, "<meta $1/>")
	dec := xml.NewDecoder(strings.NewReader(x))
	images, headings := 0, 0
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if el, ok := tok.(xml.StartElement); ok {
			switch el.Name.Local {
			case "svg":
				images++
			case "h2":
				headings++
			}
		}
	}
	if images < 12 || headings < 12 {
		t.Errorf("%d pictures and %d sections, want all of them", images, headings)
	}
	if len(out.HTML) > 600_000 {
		t.Errorf("page of %d bytes", len(out.HTML))
	}
	if n := strings.Count(page, "<table"); n != strings.Count(page, "<caption") {
		t.Errorf("%d tables, %d captions", n, strings.Count(page, "<caption"))
	}
}

// checkLinks follows every link of a page to an id that occurs once.
func checkLinks(t *testing.T, page string) {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range idsRe.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %q occurs twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range hrefs.FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("link to #%s, which is nowhere", m[1])
		}
	}
}

// A report says the same in both forms: each number of a table in the Markdown
// is in the page.
func TestMarkdownSaysTheSame(t *testing.T) {
	out, err := Render(fixture(t, 300, 60, 1.9))
	if err != nil {
		t.Fatal(err)
	}
	page := string(out.HTML)
	n := 0
	for _, num := range regexp.MustCompile(`[0-9]\.[0-9]{3,6}`).FindAllString(string(out.Markdown), -1) {
		n++
		if !strings.Contains(page, num) {
			t.Errorf("the Markdown says %s, the page does not", num)
		}
	}
	if n < 200 {
		t.Errorf("only %d numbers in the Markdown", n)
	}
}

func TestCompare(t *testing.T) {
	a, b := fixture(t, 300, 60, 1.9).Evaluation, fixture(t, 300, 60, 0.25).Evaluation
	b.ModelVersion = "2024-07-ba9876543210"
	html, md, err := Compare(&a, &b)
	if err != nil {
		t.Fatal(err)
	}
	checkLinks(t, string(html))
	for _, want := range []string{a.ModelVersion, b.ModelVersion, "passes every gate", "held back", share(a.Splits[0].ROCAUC)} {
		if !strings.Contains(string(html), want) || !strings.Contains(string(md), want) {
			t.Errorf("the comparison lacks %q", want)
		}
	}
	if strings.Contains(string(html), ">NaN") {
		t.Error("the page shows NaN")
	}
	if _, _, err := Compare(&a, &evaluation.Evaluation{}); err == nil {
		t.Error("an empty evaluation gives no error")
	}
	b.Splits[0].Rows.Rows++
	if html, _, _ = Compare(&a, &b); !strings.Contains(string(html), "The test rows differ") {
		t.Error("other rows are compared without a word")
	}
}

// The report of an abstaining model on one class still says what it can.
func TestDegenerateReport(t *testing.T) {
	in := fixture(t, 300, 60, 0.25)
	w := newWorld(60, 5, 0)
	for i := range w.labels {
		w.labels[i] = false
	}
	s, err := evaluation.Evaluate(context.Background(), evaluation.Input{
		Name: "none", Months: evaluation.Months{Test: []string{"2024-08"}}, Labels: w.labels, Scores: w.scores, Groups: w.groups,
		Operating: evaluation.OperatingChoice{Abstains: true, Threshold: evaluation.NaN(), Target: 0.8, ChosenOn: "folds"},
	}, evaluation.Options{Draws: 10})
	if err != nil {
		t.Fatal(err)
	}
	in.Evaluation.Splits = []evaluation.Split{s}
	in.Evaluation.Gate = evaluation.Judge(&s, evaluation.DefaultGates(), evaluation.Facts{MaxPSI: math.NaN()})
	out, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"held back", "abstains"} {
		if !strings.Contains(string(out.Markdown), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(string(out.HTML), ">NaN") {
		t.Error("the page shows NaN")
	}
	if _, err := Render(Input{Version: "x"}); err == nil {
		t.Error("an empty evaluation gives no error")
	}
}

// By hand: 1,000 rows, half reported, 250 of 300 flagged right. At a tenth of
// that share precision is .5 * .05 / (.5 * .05 + .1 * .95).
func TestPrevalence(t *testing.T) {
	e := evaluation.Evaluation{Operating: evaluation.OperatingChoice{Rows: 1000, Flagged: 300, Precision: 250.0 / 300, Recall: 0.5}}
	s := evaluation.Split{Rows: evaluation.Rows{Rows: 1000, True: 50, False: 950}}
	d := document{sections: []section{{"x", "x", []block{prevalenceBlock(&e, &s)}}}}
	if md := string(d.markdown()); !strings.Contains(md, "**20.8 %**") || !strings.Contains(md, "50.0 % of the training rows") {
		t.Errorf("%s", md)
	}
	s.Rows.True, s.Rows.False = 480, 520
	if b := prevalenceBlock(&e, &s); b != nil {
		t.Errorf("like shares are spoken of: %v", b)
	}
}

// A year of months, every error a month of hours long, stays below the limit.
func TestYearFits(t *testing.T) {
	in := fixture(t, 300, 60, 1.9)
	for len(in.Evaluation.Splits) < 12 {
		in.Evaluation.Splits = append(in.Evaluation.Splits, in.Evaluation.Splits[0])
	}
	s := &in.Evaluation.Splits[0]
	for len(s.Slices) < 80 {
		s.Slices = append(s.Slices, s.Slices[len(s.Slices)-1])
	}
	for len(in.Drift.Months) < 12 {
		in.Drift.Months = append(in.Drift.Months, in.Drift.Months[0])
	}
	d := in.Errors[0]
	d.Hours = nil
	for h := range 744 {
		d.Hours = append(d.Hours, Hour{fmt.Sprintf("2024-08-%02dT%02d", 1+h/24, h%24), int64(1 + h*h%977)})
	}
	in.Errors = nil
	for range 40 {
		in.Errors = append(in.Errors, d)
	}
	out, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.HTML) > MaxHTML*3/4 {
		t.Errorf("%d bytes, the limit is %d", len(out.HTML), MaxHTML)
	}
	t.Logf("%d bytes of HTML, %d of Markdown", len(out.HTML), len(out.Markdown))
}

func BenchmarkRender(b *testing.B) {
	in := fixture(b, 2000, 20, 1.5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Render(in); err != nil {
			b.Fatal(err)
		}
	}
}

// hourly is a rhythm of days with two attacks in it.
func hourly(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 100 + 50*float64(i%24)
		if i >= 58 && i < 64 || i == 433 {
			out[i] *= 9
		}
	}
	return out
}
