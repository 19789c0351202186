package report

import (
	"sluice/featurestore/fault"
)

// Output is the files of a version that people read.
type Output struct {
	HTML      []byte // report.html
	Markdown  []byte // report.md
	ModelCard []byte // MODEL_CARD.md
}

// Render writes all three. The evaluation must hold at least one split.
func Render(in Input) (Output, error) {
	d, err := build(in)
	if err != nil {
		return Output{}, err
	}
	out := Output{HTML: d.html(), Markdown: d.markdown(), ModelCard: modelCard(in).markdown()}
	if len(out.HTML) > MaxHTML {
		return Output{}, fault.New(fault.Exhausted, "report.html has %d bytes, the limit is %d: report fewer months, slices or errors", len(out.HTML), MaxHTML)
	}
	return out, nil
}

// build makes the document.
func build(in Input) (*document, error) {
	s := in.Evaluation.Main()
	if s == nil {
		return nil, fault.New(fault.Invalid, "report of version %s: the evaluation holds no split", in.Version)
	}
	d := &document{title: "Sluice model report", version: in.Version}
	add := func(id, title string, blocks ...block) {
		var kept []block
		for _, b := range blocks {
			if b != nil {
				kept = append(kept, b)
			}
		}
		if len(kept) > 0 {
			d.sections = append(d.sections, section{id, title, kept})
		}
	}
	add("verdict", "Verdict", verdictBlocks(in, s)...)
	add("figures", "Figures", figureBlocks(in, s)...)
	add("comparison", "Against the rules and the list", comparisonBlocks(in, s)...)
	add("new", "New addresses, where a list says nothing", newBlocks(s)...)
	add("curves", "Curves and thresholds", curveBlocks(&in.Evaluation, s)...)
	add("slices", "Slices", sliceBlocks(s)...)
	add("importances", "What the model looks at", importanceBlocks(in)...)
	add("studies", "What if", studyBlocks(in)...)
	add("labels", "Incomplete labels", labelBlocks(in, s)...)
	add("months", "Across months", monthBlocks(in)...)
	add("drift", "Drift", driftBlocks(in)...)
	add("errors", "Largest errors", errorBlocks(in)...)
	add("data", "Data", dataBlocks(in, s)...)
	add("made", "How it was made", madeBlocks(in, s)...)
	add("definitions", "Definitions", definitionsOf(in.Evaluation.Aim()))
	return d, nil
}
