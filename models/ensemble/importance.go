package ensemble

import (
	"fmt"

	"sluice/featurestore/fault"
)

// FeatureScore is one feature's importance.
type FeatureScore struct {
	Index   int
	Feature string // its name, f0, f1, … where the model has none
	Score   float32
}

// Importance is XGBoost's get_score, in order of the features; those never
// used are left out. kind is weight (number of splits), gain (mean loss change
// of its splits), cover (mean hessian sum), total_gain or total_cover. Sums are
// float32 in XGBoost's order. A gblinear model has only weight: the
// coefficients, of all features, output by output within a feature.
func Importance(m *Model, kind string) ([]FeatureScore, error) {
	switch kind {
	case "weight", "gain", "cover", "total_gain", "total_cover":
	default:
		return nil, fault.Field(fault.Invalid, "importance_type",
			"importance type %q is not known: expected weight, gain, cover, total_gain or total_cover", kind)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	var out []FeatureScore
	if m.Booster == "gblinear" {
		if kind != "weight" {
			return nil, fault.Field(fault.Unsupported, "importance_type",
				"a gblinear model has no %s: its importance is weight, the coefficients", kind)
		}
		for f := range m.NumFeature {
			for g := range m.Groups() {
				out = append(out, FeatureScore{f, m.FeatureName(f), m.Linear[f*m.Groups()+g]})
			}
		}
		return out, nil
	}
	sums := make([]float32, m.NumFeature)
	counts := make([]float32, m.NumFeature)
	for i := range m.Trees {
		t := &m.Trees[i]
		stats := t.LossChanges
		if kind == "cover" || kind == "total_cover" {
			stats = t.SumHessian
		}
		if kind != "weight" && len(stats) == 0 {
			return nil, fault.Field(fault.Unsupported, "importance_type",
				"tree %d has no statistics: only weight can be told from a dump without them", i)
		}
		for stack := []int32{0}; len(stack) > 0; {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if t.LeftChildren[n] == -1 {
				continue
			}
			f := t.SplitIndices[n]
			counts[f]++
			if kind != "weight" {
				sums[f] += stats[n]
			}
			stack = append(stack, t.LeftChildren[n], t.RightChildren[n])
		}
	}
	for f, n := range counts {
		if n == 0 {
			continue
		}
		score := sums[f]
		switch kind {
		case "weight":
			score = n
		case "gain", "cover":
			score /= n
		}
		out = append(out, FeatureScore{f, m.FeatureName(f), score})
	}
	return out, nil
}

// FeatureName is the name of feature f, or f<index> where the model has none.
func (m *Model) FeatureName(f int) string {
	if f < len(m.FeatureNames) {
		return m.FeatureNames[f]
	}
	return fmt.Sprintf("f%d", f)
}
