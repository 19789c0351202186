package ensemble

import "slices"

// A shape is a tree prepared for contributions: inner nodes breadth first, so
// that parents come before children, and for each edge the factors that a
// Shapley value needs at the points of the quadrature.
//
// Notation, for one leaf with value v and the distinct features on its path:
// o is 1 if the row satisfies every split of the feature on the path, else 0;
// z is the product of cover fractions of those splits. Then the feature's
// contribution from the leaf is v (o-z) times the integral over t in [0, 1] of
// the product, over the other features, of t*o + (1-t)*z. At a quadrature
// point, the product P over all features of the path is carried down the tree,
// the sums G of v*P are carried up, and each edge adds its share.
type shape struct {
	inner  []shapeNode
	leaves []shapeLeaf
	points int
	// edges holds, per edge and state, points factors for P and points
	// coefficients for G. The edge into node i (inner nodes first, then
	// leaves) starts at i*3*2*points.
	edges  []float64
	paths  []pathStep // of all leaves, for interactions
	cats   []uint32
	group  int32
	mean   float64 // the expectation by cover
	t, w   []float64
	unique int // most distinct features on one path
}

// The states of an edge, given a row.
const (
	onState   = iota // every split of the feature down to here is satisfied
	offState         // this split is the first that is not
	deadState        // an earlier split of the feature is not
)

type shapeNode struct {
	linkedNode       // left and right are positions: inner nodes, then leaves
	feature    int32 // of the row
	prev       int32 // position below the last edge of this feature above, or -1
}

type shapeLeaf struct {
	value float64
	// The distinct features of the path are paths[from:to].
	from, to int32
}

// pathStep is one distinct feature of a leaf's path.
type pathStep struct {
	feature int32
	last    int32 // position below its last edge, whose state is the path's
	z       float64
}

// trees kept as [3]float64 points are the common case: paths of up to six
// features need no more.
const fewPoints = 3

func newShape(p *Predictor, used map[slot]uint32, t *Tree, w float32, group int32) *shape {
	s := &shape{group: group}
	place := make([]int32, len(t.LeftChildren))
	var inner, leaves []int32
	for queue := []int32{0}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if t.LeftChildren[n] == -1 {
			leaves = append(leaves, n)
			continue
		}
		place[n] = int32(len(inner))
		inner = append(inner, n)
		queue = append(queue, t.LeftChildren[n], t.RightChildren[n])
	}
	for i, n := range leaves {
		place[n] = int32(len(inner) + i)
	}
	total := len(inner) + len(leaves)
	up := make([]int32, total) // position of the parent
	z := make([]float64, total)
	zPrev := make([]float64, total) // of the feature's earlier edge
	up[0] = -1
	for i, n := range inner {
		l, r := t.LeftChildren[n], t.RightChildren[n]
		sn := shapeNode{linkedNode: p.decision(used, t, n, &s.cats), feature: t.SplitIndices[n], prev: -1}
		sn.left, sn.right = place[l], place[r]
		for a := int32(i); up[a] >= 0; a = up[a] {
			if s.inner[up[a]].feature == sn.feature {
				sn.prev = a
				break
			}
		}
		for _, c := range [2]int32{l, r} {
			at := place[c]
			up[at] = int32(i)
			zPrev[at] = -1
			z[at] = coverFraction(t, c, n)
			if sn.prev >= 0 {
				zPrev[at] = z[sn.prev]
				z[at] *= z[sn.prev]
			}
		}
		s.inner = append(s.inner, sn)
	}
	for i, n := range leaves {
		leaf := shapeLeaf{value: float64(weighted(t.SplitConditions[n], w)), from: int32(len(s.paths))}
		share := leaf.value
		for a := int32(len(inner) + i); up[a] >= 0; a = up[a] {
			f := s.inner[up[a]].feature
			if !slices.ContainsFunc(s.paths[leaf.from:], func(q pathStep) bool { return q.feature == f }) {
				s.paths = append(s.paths, pathStep{f, a, z[a]})
				share = float64(share * z[a])
			}
		}
		leaf.to = int32(len(s.paths))
		s.unique = max(s.unique, int(leaf.to-leaf.from))
		s.mean += share
		s.leaves = append(s.leaves, leaf)
	}
	s.points = max(fewPoints, (s.unique+1)/2)
	s.t, s.w = gaussLegendre(s.points)
	s.fillEdges(z, zPrev)
	return s
}

// fillEdges computes each edge's factors and coefficients in its three states.
func (s *shape) fillEdges(z, zPrev []float64) {
	n := s.points
	s.edges = make([]float64, len(z)*6*n)
	for i := range z {
		if i == 0 {
			continue // the root has no edge
		}
		e := s.edges[i*6*n:][:6*n]
		for q, t := range s.t {
			off := float64((1 - t) * z[i])
			on := t + off
			kOn, kOff := s.w[q]*(1-z[i])/on, -s.w[q]/(1-t)
			dead := 0.0
			if zPrev[i] >= 0 { // the feature's earlier edge is taken back
				was := t + float64((1-t)*zPrev[i])
				on, off = on/was, off/was
				kWas := s.w[q] * (1 - zPrev[i]) / was
				kOn, kOff = kOn-kWas, kOff-kWas
				if zPrev[i] > 0 {
					dead = z[i] / zPrev[i]
				}
			}
			e[q], e[n+q] = on, kOn
			e[2*n+q], e[3*n+q] = off, kOff
			e[4*n+q], e[5*n+q] = dead, 0
		}
	}
}

// coverFraction is the share of node n's cover that its child c has.
func coverFraction(t *Tree, c, n int32) float64 {
	if t.SumHessian[n] == 0 {
		return 0
	}
	return float64(t.SumHessian[c]) / float64(t.SumHessian[n])
}
