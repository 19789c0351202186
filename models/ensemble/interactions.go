package ensemble

// Interactions writes, per row and output, a square of (NumFeature+1)^2
// float32: the SHAP interaction value of each pair of features, symmetric, the
// diagonal holding what is left of each feature's contribution, the last cell
// the bias. Each row of the square adds up to the feature's contribution.
// gblinear has no interactions: all zero, as XGBoost answers.
//
// It panics when Explains is not nil or a slice is too short.
func (p *Predictor) Interactions(dst, x []float32, rows, threads int) {
	side := p.numFeature + 1
	width := p.groups * side * side
	x = x[:rows*p.numFeature]
	dst = dst[:rows*width]
	if p.linear != nil {
		clear(dst)
		return
	}
	shapes := p.makeShapes()
	single := make([]float32, rows*p.groups*side)
	p.Contributions(single, x, rows, threads)
	p.eachBlock(rows, threads, func(b *block, from, n int) {
		b.load(p, x[from*p.numFeature:], n)
		e := b.explainer(p, shapes)
		pairs := make([]float64, width)
		for r := range n {
			e.gather(b, r)
			clear(pairs)
			for _, s := range shapes {
				e.addPairs(s, b.row(r), pairs[int(s.group)*side*side:][:side*side], side)
			}
			for g := range p.groups {
				sq := pairs[g*side*side:][:side*side]
				one := single[((from+r)*p.groups+g)*side:][:side]
				out := dst[(from+r)*width+g*side*side:][:side*side]
				for i := range side {
					rest := float64(one[i])
					for j := range side {
						v := sq[min(i, j)*side+max(i, j)]
						out[i*side+j] = float32(v)
						rest -= v
					}
					out[i*side+i] = float32(rest)
				}
			}
		}
	})
}

// addPairs adds, for each leaf and each pair i < j of the features on its path,
// v/2 (o_i-z_i)(o_j-z_j) times the integral of the other features' product.
func (e *explainer) addPairs(s *shape, row []float32, pairs []float64, side int) {
	for i := range s.inner {
		e.states(s, &s.inner[i], row)
	}
	var few [32]float64
	ratio := few[:]
	if n := s.unique * s.points; n > len(few) {
		ratio = make([]float64, n)
	}
	n := s.points
	for i := range s.leaves {
		leaf := &s.leaves[i]
		path := s.paths[leaf.from:leaf.to]
		for q, t := range s.t {
			product := leaf.value / 2 * s.w[q]
			for k := range path {
				// (o-z) / (t*o + (1-t)*z), and the product of the divisors
				z := path[k].z
				if e.state[path[k].last] == onState {
					d := t + float64((1-t)*z)
					product *= d
					ratio[k*n+q] = (1 - z) / d
				} else {
					product *= (1 - t) * z
					ratio[k*n+q] = -1 / (1 - t)
				}
			}
			for a := range path {
				ra := product * ratio[a*n+q]
				for c := a + 1; c < len(path); c++ {
					f, g := path[a].feature, path[c].feature
					pairs[int(min(f, g))*side+int(max(f, g))] += float64(ra * ratio[c*n+q])
				}
			}
		}
	}
}
