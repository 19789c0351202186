package evaluation

import (
	"encoding/json"
	"flag"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// whole is an evaluation in which every field is set that a target precision
// has.
func whole(t testing.TB) *Evaluation { return wholeFor(t, aim.AtPrecision(0.8)) }

func wholeFor(t testing.TB, a aim.Aim) *Evaluation {
	in := fixture(400, 12)
	in.Champion = in.RulesAtHalf
	in.Slices = []SliceInput{{"address family", "IPv6", in.Seen}}
	o, err := Choose(in.Labels, in.Scores, in.Groups, a, "five folds")
	if err != nil {
		t.Fatal(err)
	}
	in.Operating = o
	best, err := ChooseBestF1(in.Labels, in.Scores, "five folds")
	if err != nil {
		t.Fatal(err)
	}
	in.BestF1 = &best
	s := mustEvaluate(t, in, Options{Seed: 3, Draws: 20, Aim: a})
	s.Warnings = []string{"one"}
	part := PartInput{Part: PartAll, Labels: in.Labels, Scores: in.Scores, Flags: in.RulesAtHalf, Groups: in.Groups}
	parts, err := MeasureParts(t.Context(), [][]PartInput{{part}, {part}}, true, Options{Draws: 20})
	if err != nil {
		t.Fatal(err)
	}
	study := Study{Name: StudyColumns, Months: in.Months, Paired: true, Draws: 20}
	for i := range parts {
		study.Variants = append(study.Variants, Variant{Name: "twelve", FoldsROCAUC: 0.5, FoldsPRAUC: 0.5, Threshold: 0.5, Parts: parts[i]})
	}
	aged := study
	aged.Name = StudyAge
	retrain := NewRetrain([]Study{aged}, a)
	e := &Evaluation{
		BestF1: &best, Studies: []Study{study}, Retrain: retrain,
		SchemaVersion: SchemaVersion, ModelVersion: "2024-07-0123456789ab", Seed: 3, Operating: o,
		Splits: []Split{s}, Gate: Judge(&s, DefaultGates().For(a), Facts{MaxPSI: math.NaN(), Aim: a}),
	}
	e.SetAim(a)
	return e
}

// fieldsOf are the names of all fields of an evaluation with their types.
func fieldsOf(t *testing.T, e *Evaluation) map[string]string {
	b, err := e.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	paths("", v, found)
	return found
}

// golden compares lines with a file, or rewrites it.
func golden(t *testing.T, file, lines string) {
	if *update {
		if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines != string(want) {
		t.Errorf("evaluation.json has other fields than %s; run with -update and review the change:\n%s", file, lines)
	}
}

// The other aims add fields, and leave the target precision null.
func TestSchemaOfOtherAims(t *testing.T) {
	usual := fieldsOf(t, whole(t))
	var lines strings.Builder
	for _, a := range []aim.Aim{aim.AtFalsePositiveRate(0.1), aim.AtCosts(3, 1)} {
		e := wholeFor(t, a)
		found := fieldsOf(t, e)
		for _, p := range []string{".target_precision", ".operating_choice.target", ".splits[].operating_point.target", ".splits[].hindsight.target"} {
			if found[p] != "null" {
				t.Errorf("%s: %s is a %s, want null", a.Words(), p, found[p])
			}
		}
		if e.Aim() != a {
			t.Errorf("aim %+v, want %+v", e.Aim(), a)
		}
		b, err := e.MarshalIndent()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(b)
		if err != nil || back.Aim() != a {
			t.Errorf("%s: read back as %+v, %v", a.Words(), back.Aim(), err)
		}
		lines.WriteString("# " + a.Words() + "\n")
		for _, p := range slices.Sorted(maps.Keys(found)) {
			if usual[p] == "" {
				lines.WriteString(strings.TrimPrefix(p, ".") + " " + found[p] + "\n")
			}
		}
		for p := range usual {
			if found[p] == "" && !strings.Contains(p, ".target_precision") {
				t.Errorf("%s: evaluation.json lacks %s", a.Words(), p)
			}
		}
	}
	golden(t, "testdata/schema-aims.txt", lines.String())
}

// paths are the names of all fields, "[]" for the elements of a list, with the
// type of each leaf.
func paths(prefix string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			paths(prefix+"."+k, x, out)
		}
	case []any:
		for _, x := range v {
			paths(prefix+"[]", x, out)
		}
	case string:
		out[prefix] = "string"
	case bool:
		out[prefix] = "bool"
	case float64:
		out[prefix] = "number"
	case nil:
		if out[prefix] == "" {
			out[prefix] = "null"
		}
	}
}

// The schema is a contract: a field that goes away or changes its type shows
// here, and needs another SchemaVersion.
func TestSchema(t *testing.T) {
	found := fieldsOf(t, whole(t))
	var lines strings.Builder
	for _, p := range slices.Sorted(maps.Keys(found)) {
		lines.WriteString(strings.TrimPrefix(p, ".") + " " + found[p] + "\n")
	}
	golden(t, "testdata/schema.txt", lines.String())
	// The names that design and readers rely on.
	for _, p := range []string{
		".splits[].roc_auc", ".splits[].pr_auc", ".splits[].brier", ".splits[].months.train[]", ".splits[].rows.rows",
		".splits[].at_half.confusion.tn", ".splits[].operating_point.threshold", ".splits[].operating_point.target",
		".splits[].operating_point.chosen_on", ".splits[].at_half.classes.True.support", ".splits[].at_half.accuracy",
		".splits[].at_half.macro.f1", ".splits[].rules.operating_point.weighted.recall", ".splits[].listed_before.at_half.confusion.fp",
	} {
		if found[p] == "" {
			t.Errorf("evaluation.json lacks %s", p)
		}
	}
	if found[".splits[].rules.curves"] != "null" || found[".splits[].listed_before.roc_auc"] != "null" {
		t.Error("rules or listed-before have curves")
	}
}

func TestParse(t *testing.T) {
	b, err := whole(t).MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(b) {
		t.Error("evaluation.json changes when read and written again")
	}
	for text, kind := range map[string]fault.Kind{
		`{`: fault.Corrupt, `{}`: fault.Corrupt, `{"schema_version":99}`: fault.Version,
		`{"schema_version":1,"splits":7}`: fault.Corrupt,
	} {
		if _, err := Parse([]byte(text)); !fault.Is(err, kind) {
			t.Errorf("%s: %v, want kind %v", text, err, kind)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := json.Marshal(whole(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"schema_version":1,"splits":[{"roc_auc":null,"curves":{"pr":[{"recall":1e309}]}}]}`))
	f.Add([]byte(`{"schema_version":1,"splits":[{"roc_auc":"x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		if _, err := e.MarshalIndent(); err != nil {
			t.Fatalf("read, yet not written: %v", err)
		}
	})
}

// Every field of evaluation.json is explained in the README, and every gate.
func TestSchemaIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	fields, err := os.ReadFile("testdata/schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("testdata/schema-aims.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(fields) + string(more)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		path, _, _ := strings.Cut(line, " ")
		for _, name := range strings.Split(strings.ReplaceAll(path, "[]", ""), ".") {
			seen[name] = true
		}
	}
	gates, err := json.Marshal(GateConfig{ByAddress: true, MaxCalibrationError: 1, MaxFalsePositiveRate: 1, CheaperThanNothing: true})
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]any
	if err := json.Unmarshal(gates, &names); err != nil {
		t.Fatal(err)
	}
	for name := range names {
		seen[name] = true
	}
	for name := range seen {
		if !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("README.md does not explain `%s`", name)
		}
	}
}
