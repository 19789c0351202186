package gbtree

import (
	"math"

	"sluice/models/ensemble"
)

const rootParent = math.MaxInt32

// treeBuilder grows an ensemble.Tree node by node.
type treeBuilder struct{ t ensemble.Tree }

// add appends a leaf and returns its id.
func (b *treeBuilder) add(parent int32, leaf, sumHessian, baseWeight float32) int32 {
	t := &b.t
	id := int32(len(t.Parents))
	t.LeftChildren = append(t.LeftChildren, -1)
	t.RightChildren = append(t.RightChildren, -1)
	t.Parents = append(t.Parents, parent)
	t.SplitIndices = append(t.SplitIndices, 0)
	t.SplitConditions = append(t.SplitConditions, leaf)
	t.DefaultLeft = append(t.DefaultLeft, false)
	t.LossChanges = append(t.LossChanges, 0)
	t.SumHessian = append(t.SumHessian, sumHessian)
	t.BaseWeights = append(t.BaseWeights, baseWeight)
	t.SplitType = append(t.SplitType, 0)
	return id
}

// divide turns leaf id into an inner node with two new leaves.
func (b *treeBuilder) divide(id int32, s *split, left, right leafFacts) (l, r int32) {
	l = b.add(id, left.value, left.sumHessian, left.baseWeight)
	r = b.add(id, right.value, right.sumHessian, right.baseWeight)
	t := &b.t
	t.LeftChildren[id], t.RightChildren[id] = l, r
	t.SplitIndices[id] = s.feature
	t.SplitConditions[id] = s.threshold
	t.DefaultLeft[id] = s.defaultLeft
	t.LossChanges[id] = s.loss
	return l, r
}

// leafFacts is what a new leaf starts with.
type leafFacts struct{ value, sumHessian, baseWeight float32 }
