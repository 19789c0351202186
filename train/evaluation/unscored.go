package evaluation

import "math"

// scored leaves out the rows without a probability and counts them; the rest
// of the evaluation goes on without them. The input comes back as it is where
// every row has one.
func (in Input) scored() (Input, int) {
	scores, calibrated := in.Scores, in.Calibrated
	missing := func(i int) bool {
		return math.IsNaN(scores[i]) || calibrated != nil && math.IsNaN(calibrated[i])
	}
	n := 0
	for i := range in.Scores {
		if missing(i) {
			n++
		}
	}
	if n == 0 || n == len(in.Scores) {
		return in, n
	}
	in.Labels, in.Scores, in.Calibrated = without(in.Labels, missing), without(in.Scores, missing), without(in.Calibrated, missing)
	in.Groups, in.RequestCount, in.Seen = without(in.Groups, missing), without(in.RequestCount, missing), without(in.Seen, missing)
	in.RulesAtHalf, in.RulesOperating = without(in.RulesAtHalf, missing), without(in.RulesOperating, missing)
	in.ListedBefore, in.Champion = without(in.ListedBefore, missing), without(in.Champion, missing)
	slices := make([]SliceInput, len(in.Slices))
	for k, s := range in.Slices {
		s.Include = without(s.Include, missing)
		slices[k] = s
	}
	in.Slices = slices
	return in, n
}

// without copies v but the elements that out names, whose numbers are those of
// the whole; nil stays nil.
func without[T any](v []T, out func(i int) bool) []T {
	if v == nil {
		return nil
	}
	kept := make([]T, 0, len(v))
	for i, x := range v {
		if !out(i) {
			kept = append(kept, x)
		}
	}
	return kept
}
