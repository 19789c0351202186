package report

import (
	"fmt"
	"strings"

	"sluice/train/evaluation"
)

func dataBlocks(in Input, s *evaluation.Split) []block {
	out := []block{paragraph{
		{text: fmt.Sprintf("Trained on %s, tested on %s: ", joined(s.Months.Train), joined(s.Months.Test))},
		{text: plural(s.Rows.Rows, "labelled row", "labelled rows"), def: "row"},
		{text: fmt.Sprintf(" of %s, ", plural(s.Rows.IPs, "address", "addresses"))},
		{text: pct(float64(s.Rows.Prevalence())), def: "label"},
		{text: fmt.Sprintf(" of them labelled True; %s with an unknown label, scored and not tested. ", plural(s.Rows.Unknown, "row", "rows"))},
		{text: pct(float64(s.Rows.Seen) / float64(max(1, s.Rows.Rows))), def: "unseen"},
		{text: " of the test rows belong to addresses that training saw."},
	}}
	if l := in.Labels; l.Source != "" {
		text := "**Labels.** " + l.Source
		if l.Definition != "" {
			text += "; " + l.Definition
		}
		if l.Delay != "" {
			text += "; known " + l.Delay
		}
		out = append(out, para(text+"."))
	}
	if len(in.Months) > 0 {
		t := newTable("Months", th("Month"), th("Role"), thNum("Files", ""), thNum("Lines", ""), thNum("Rejected", ""), thNum("Requests kept", ""), thNum("Rows", "row"), thNum("Addresses", ""),
			thNum("Windows", ""), thNum("True", "label"), thNum("False", "label"), thNum("Unknown", "label"), th("Labels as of"), th("Missing columns"))
		for _, m := range in.Months {
			missing := "none"
			if len(m.Missing) > 0 {
				missing = strings.Join(m.Missing, ", ")
			}
			t.add(name(m.Month), td(m.Role), plainNum(count(m.Files)), plainNum(count(m.Lines)), plainNum(count(m.Rejected)), plainNum(count(m.Requests)), plainNum(count(m.Rows)), plainNum(count(m.IPs)),
				plainNum(count(m.Attacks)), plainNum(count(m.True)), plainNum(count(m.False)), plainNum(count(m.Unknown)), td(m.LabelAsOf), prose(missing))
		}
		out = append(out, *t)
		out = append(out, coverageBlocks(in.Months)...)
	}
	if len(in.Attacks) > 0 {
		const most = 60
		t := newTable("Attack windows", th("Window"), th("Month"), th("Start"), th("End"), thNum("Requests", ""), thNum("Addresses", ""), thNum("Reported", "label"))
		for i, a := range in.Attacks {
			if i == most {
				break
			}
			reported := dash
			if a.Known > 0 {
				reported = pct(float64(a.True) / float64(a.Known))
			}
			t.add(name(a.ID), td(a.Month), td(a.Start), td(a.End), plainNum(count(a.Requests)), plainNum(count(a.IPs)), plainNum(reported))
		}
		if n := len(in.Attacks); n > most {
			t.caption += fmt.Sprintf(": the first %d of %s", most, count(n))
		}
		out = append(out, *t)
	}
	return append(out, trafficBlocks(in)...)
}

func madeBlocks(in Input, s *evaluation.Split) []block {
	m := in.Model
	var out []block
	if m.Kind != "" {
		t := newTable("The model", th(""), th(""))
		add := func(k, v string) {
			if v != "" {
				t.add(name(k), prose(v))
			}
		}
		add("Form", m.Kind)
		add("Objective", m.Objective)
		if m.Trees > 0 {
			add("Trees", fmt.Sprintf("%s, at most %d deep, %s leaves", count(m.Trees), m.MaxDepth, count(m.Leaves)))
		}
		add("Features", strings.Join(m.Features, ", "))
		add("Schema", m.SchemaHash)
		if m.TrainRows > 0 {
			add("Trained on", fmt.Sprintf("%s of %s, %s labelled True, from %s", plural(m.TrainRows, "row", "rows"), plural(m.TrainIPs, "address", "addresses"), count(m.TrainTrue), joined(m.TrainMonths)))
		}
		if m.Calibration != "" {
			add("Calibration", m.Calibration+on(m.CalibrationOn))
		}
		if m.Bytes > 0 {
			add("Size of model.json", bytesText(m.Bytes))
		}
		out = append(out, *t)
	}
	if o := in.Evaluation.Operating; o.ChosenOn != "" {
		text := fmt.Sprintf("**The operating point** was chosen on %s: %s.", o.ChosenOn, strings.TrimSuffix(o.Reason, "."))
		if !o.Abstains {
			text += fmt.Sprintf(" There the threshold %s gave precision %s (lower bound %s) and recall %s.", share(o.Threshold), share(o.Precision), share(o.Lower), share(o.Recall))
		}
		out = append(out, para(text))
	}
	if len(in.Config) > 0 {
		t := newTable("Settings", th("Setting"), th("Value"), th("Note"))
		for _, c := range in.Config {
			t.add(name(c.Name), td(c.Value), prose(c.Note))
		}
		out = append(out, *t)
	}
	return out
}

func on(s string) string {
	if s == "" {
		return ""
	}
	return ", on " + s
}
