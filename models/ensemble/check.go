package ensemble

import (
	"sluice/featurestore/fault"
)

// noParent is the parent of the root, and the split index of a deleted node.
const noParent = 1<<31 - 1

// MaxFeature is the largest number of features a model may have.
const MaxFeature = 1 << 22

// Check verifies that the model can be walked: known booster, arrays of one
// length, every tree a tree (each reachable node has one parent, no cycle,
// children and features in range), groups and rounds consistent. Errors name
// the field by its path in a model file.
func (m *Model) Check() error {
	if _, ok := objectives[m.Objective]; !ok {
		return unknownObjective(m.Objective)
	}
	if m.NumFeature < 0 || m.NumFeature > MaxFeature {
		return invalid("learner_model_param.num_feature", "is %d: expected 0 to %d", m.NumFeature, MaxFeature)
	}
	if m.NumClass < 0 || m.NumTarget < 0 || m.Groups() > 1<<16 {
		return invalid("learner_model_param", "has num_class %d and num_target %d: expected 0 to 65536", m.NumClass, m.NumTarget)
	}
	if n := len(m.FeatureNames); n != 0 && n != m.NumFeature {
		return invalid("feature_names", "has %d names for %d features", n, m.NumFeature)
	}
	if n := len(m.FeatureTypes); n != 0 && n != m.NumFeature {
		return invalid("feature_types", "has %d types for %d features", n, m.NumFeature)
	}
	if _, err := m.BaseMargins(); err != nil {
		return err
	}
	switch m.Booster {
	case "gbtree", "dart":
		return m.checkTrees()
	case "gblinear":
		if n, want := len(m.Linear), (m.NumFeature+1)*m.Groups(); n != want {
			return invalid("gradient_booster.model.weights", "has %d numbers: expected %d, (%d features + bias) * %d outputs",
				n, want, m.NumFeature, m.Groups())
		}
		return nil
	}
	return fault.Field(fault.Unsupported, "gradient_booster.name",
		"gradient_booster.name is %q: expected gbtree, dart or gblinear", m.Booster)
}

func (m *Model) checkTrees() error {
	n := len(m.Trees)
	if len(m.TreeInfo) != n {
		return invalid("gradient_booster.model.tree_info", "has %d entries for %d trees", len(m.TreeInfo), n)
	}
	for t, g := range m.TreeInfo {
		if g < 0 || int(g) >= m.Groups() {
			return invalid("gradient_booster.model.tree_info", "[%d] is output %d, the model has %d outputs", t, g, m.Groups())
		}
	}
	if len(m.WeightDrop) != 0 && len(m.WeightDrop) != n {
		return invalid("gradient_booster.weight_drop", "has %d weights for %d trees", len(m.WeightDrop), n)
	}
	if m.Booster == "dart" && len(m.WeightDrop) != n {
		return invalid("gradient_booster.weight_drop", "is missing: a dart model needs one weight per tree")
	}
	if p := m.IterationIndptr; len(p) != 0 {
		ok := p[0] == 0 && int(p[len(p)-1]) == n
		for i := 1; i < len(p); i++ {
			ok = ok && p[i-1] <= p[i]
		}
		if !ok {
			return invalid("gradient_booster.model.iteration_indptr", "does not rise from 0 to the %d trees", n)
		}
	}
	var seen []bool
	for t := range m.Trees {
		var err error
		if seen, err = m.Trees[t].check(m.NumFeature, seen); err != nil {
			return fault.Wrap(err, "gradient_booster.model.trees[%d]", t)
		}
	}
	return nil
}

// check verifies one tree; seen is scratch memory, given back grown.
func (t *Tree) check(features int, seen []bool) ([]bool, error) {
	n := len(t.LeftChildren)
	if n == 0 {
		return seen, invalid("left_children", "is empty: a tree has at least a root")
	}
	for _, a := range []struct {
		name string
		got  int
		opt  bool
	}{
		{"right_children", len(t.RightChildren), false},
		{"split_indices", len(t.SplitIndices), false},
		{"split_conditions", len(t.SplitConditions), false},
		{"default_left", len(t.DefaultLeft), false},
		{"parents", len(t.Parents), true},
		{"loss_changes", len(t.LossChanges), true},
		{"sum_hessian", len(t.SumHessian), true},
		{"base_weights", len(t.BaseWeights), true},
		{"split_type", len(t.SplitType), true},
	} {
		if a.got != n && (!a.opt || a.got != 0) {
			return seen, invalid(a.name, "has %d entries, left_children has %d", a.got, n)
		}
	}
	if err := t.checkCategories(); err != nil {
		return seen, err
	}
	if cap(seen) < n {
		seen = make([]bool, n)
	}
	seen = seen[:n]
	clear(seen)
	seen[0] = true
	stack := []int32{0}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		l, r := t.LeftChildren[i], t.RightChildren[i]
		if l == -1 && r == -1 {
			continue
		}
		if f := t.SplitIndices[i]; f < 0 || int(f) >= features {
			return seen, invalid("split_indices", "[%d] is feature %d, the model has %d features", i, f, features)
		}
		if _, categorical := t.CategoriesOf(i); !categorical && t.SplitConditions[i] != t.SplitConditions[i] {
			return seen, invalid("split_conditions", "[%d] is NaN: no value is on either side of it", i)
		}
		for _, c := range [2]struct {
			name string
			id   int32
		}{{"left_children", l}, {"right_children", r}} {
			switch {
			case c.id < 0 || int(c.id) >= n:
				return seen, invalid(c.name, "[%d] is node %d, the tree has nodes 0 to %d", i, c.id, n-1)
			case seen[c.id]:
				return seen, invalid(c.name, "[%d] is node %d, which has a parent already: expected a tree", i, c.id)
			case len(t.Parents) != 0 && t.Parents[c.id] != i:
				return seen, invalid("parents", "[%d] is %d, but node %d has it as a child", c.id, t.Parents[c.id], i)
			}
			seen[c.id] = true
			stack = append(stack, c.id)
		}
	}
	return seen, nil
}

// checkCategories verifies the arrays of categorical splits.
func (t *Tree) checkCategories() error {
	k := len(t.CategoriesNodes)
	if len(t.CategoriesSegments) != k || len(t.CategoriesSizes) != k {
		return invalid("categories_nodes", "has %d entries, categories_segments %d, categories_sizes %d: expected as many",
			k, len(t.CategoriesSegments), len(t.CategoriesSizes))
	}
	listed := 0
	for i, n := range t.CategoriesNodes {
		if n < 0 || int(n) >= len(t.LeftChildren) || len(t.SplitType) == 0 || t.SplitType[n] != 1 {
			return invalid("categories_nodes", "[%d] is node %d, which has no categorical split", i, n)
		}
		if i > 0 && n <= t.CategoriesNodes[i-1] {
			return invalid("categories_nodes", "[%d] is node %d after node %d: expected rising ids", i, n, t.CategoriesNodes[i-1])
		}
		from, size := t.CategoriesSegments[i], t.CategoriesSizes[i]
		if from < 0 || size < 0 || from > int64(len(t.Categories)) || size > int64(len(t.Categories))-from {
			return invalid("categories_segments", "[%d] is %d with size %d, categories has %d entries", i, from, size, len(t.Categories))
		}
	}
	for i, c := range t.Categories {
		if c < 0 || c >= maxCategory {
			return invalid("categories", "[%d] is %d: expected 0 to %d", i, c, maxCategory-1)
		}
	}
	for n, s := range t.SplitType {
		switch {
		case s > 1:
			return invalid("split_type", "[%d] is %d: expected 0 (numeric) or 1 (categorical)", n, s)
		case s == 1 && t.LeftChildren[n] != -1:
			listed++
		}
	}
	if listed > k {
		return invalid("categories_nodes", "lists %d of %d categorical splits", k, listed)
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return fault.Field(fault.Invalid, field, field+" "+format, args...)
}

// RoundPointers is IterationIndptr, rebuilt where the file had none: each
// round has NumParallelTree trees per output.
func (m *Model) RoundPointers() []int32 {
	if len(m.IterationIndptr) != 0 {
		return m.IterationIndptr
	}
	step := max(1, m.NumParallelTree) * m.Groups()
	p := []int32{0}
	for n := step; n < len(m.Trees); n += step {
		p = append(p, int32(n))
	}
	if len(m.Trees) > 0 {
		p = append(p, int32(len(m.Trees)))
	}
	return p
}

// Rounds is the number of boosting rounds; 0 for gblinear, whose file does not
// always say.
func (m *Model) Rounds() int {
	if m.Booster == "gblinear" {
		return 0
	}
	return len(m.RoundPointers()) - 1
}
