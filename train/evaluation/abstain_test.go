package evaluation

import (
	"math"
	"strings"
	"testing"
)

// Rules that abstain are no easy win: the model must hold its own where both
// are tuned for the best F1.
func TestAbstainingRules(t *testing.T) {
	in := fixture(600, 8)
	in.RulesOperating, in.RulesAbstain = make([]bool, 600), true
	best, err := ChooseBestF1(in.Labels, in.Scores, "folds")
	if err != nil {
		t.Fatal(err)
	}
	in.BestF1 = &best
	gate := GateConfig{NotWorseThanRules: true}
	for _, c := range []struct {
		name   string
		rules  func(i int) bool
		want   Verdict
		passed bool
	}{
		{"rules that know the label", func(i int) bool { return in.Labels[i] }, Worse, false},
		{"rules that are the model", func(i int) bool { return best.Flag(in.Scores[i]) }, NotDistinguishable, true},
		{"rules that flag by chance", func(i int) bool { return i%2 == 0 }, Better, true},
	} {
		in.RulesAtHalf = make([]bool, 600)
		for i := range in.RulesAtHalf {
			in.RulesAtHalf[i] = c.rules(i)
		}
		s := mustEvaluate(t, in, Options{Draws: 300})
		if p := s.Comparison.Rules; p.Verdict != NoContest || !strings.Contains(p.Sentence, "can't be compared") {
			t.Errorf("%s: recall against an abstention: %s: %s", c.name, p.Verdict, p.Sentence)
		}
		p := s.Comparison.AgainstRules()
		if p != s.Comparison.RulesF1 || p.Verdict != c.want {
			t.Errorf("%s: %s: %s", c.name, p.Verdict, p.Sentence)
		}
		if g := Judge(&s, gate, Facts{MaxPSI: math.NaN()}); g.Passed != c.passed {
			t.Errorf("%s: gate %+v", c.name, g)
		}
		g := Judge(&s, GateConfig{BetterThanRules: true}, Facts{MaxPSI: math.NaN()})
		if g.Passed != (c.want == Better) || !strings.Contains(g.Checks[0].Reason, "F1") {
			t.Errorf("%s: better_than_rules: %+v", c.name, g)
		}
	}
	// Without a threshold for F1, as of an older version, nothing is claimed.
	in.BestF1 = nil
	s := mustEvaluate(t, in, Options{Draws: 50})
	if g := Judge(&s, GateConfig{BetterThanRules: true}, Facts{}); g.Passed {
		t.Errorf("better than rules that abstain: %+v", g)
	}
	// Where the rules reach the target, recall decides.
	in.RulesAbstain, in.RulesOperating = false, in.RulesAtHalf
	s = mustEvaluate(t, in, Options{Draws: 50})
	if s.Comparison.AgainstRules() != s.Comparison.Rules || s.Comparison.Rules.Verdict == NoContest {
		t.Errorf("%+v", s.Comparison.Rules)
	}
	// A model that abstains where the rules do not has lost.
	in.Operating = OperatingChoice{Abstains: true, Threshold: NaN(), Target: 0.8}
	s = mustEvaluate(t, in, Options{Draws: 50})
	if s.Comparison.AgainstRules().Verdict != Worse {
		t.Errorf("%+v", s.Comparison.Rules)
	}
}
