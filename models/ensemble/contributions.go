package ensemble

import (
	"sluice/featurestore/fault"
)

// Explains says why Contributions and Interactions cannot be answered: nil, or
// an error when a tree has no cover (it came from a dump without statistics).
func (p *Predictor) Explains() error {
	for i := range p.source {
		if t := &p.source[i]; len(t.SumHessian) == 0 {
			return fault.Field(fault.Unsupported, "sum_hessian",
				"tree %d has no cover, so contributions have no expectation to start from: read the model itself, or a dump with statistics", i)
		}
	}
	return nil
}

// Contributions writes, per row and output, NumFeature+1 float32 to dst: each
// feature's Shapley value (path-dependent TreeSHAP: absent features follow the
// cover), then the bias, which is the start margin plus the trees' expectation.
// They add up to the margin. Formula: Lundberg et al., "Consistent
// Individualized Feature Attribution for Tree Ensembles", evaluated by
// quadrature (see shape). gblinear: weight times value.
//
// It panics when Explains is not nil or a slice is too short.
func (p *Predictor) Contributions(dst, x []float32, rows, threads int) {
	width := p.groups * (p.numFeature + 1)
	x = x[:rows*p.numFeature]
	dst = dst[:rows*width]
	if p.linear != nil {
		for r := range rows {
			p.linearContributions(dst[r*width:][:width], x[r*p.numFeature:][:p.numFeature])
		}
		return
	}
	shapes := p.makeShapes()
	p.eachBlock(rows, threads, func(b *block, from, n int) {
		b.load(p, x[from*p.numFeature:], n)
		e := b.explainer(p, shapes)
		clear(e.phi[:n*width])
		for _, s := range shapes {
			for r := range n {
				e.gather(b, r)
				phi := e.phi[r*width+int(s.group)*(p.numFeature+1):][:p.numFeature+1]
				if s.points == fewPoints {
					e.addFew(s, b.row(r), phi)
				} else {
					e.addMany(s, b.row(r), phi)
				}
			}
		}
		for r := range n {
			for g := range p.groups {
				at := r*width + g*(p.numFeature+1)
				e.phi[at+p.numFeature] = e.bias[g]
				for f, v := range e.phi[at:][:p.numFeature+1] {
					dst[from*width+at+f] = float32(v)
				}
			}
		}
	})
}

// makeShapes prepares the trees for contributions, once.
func (p *Predictor) makeShapes() []*shape {
	p.shapesOnce.Do(func() {
		if err := p.Explains(); err != nil {
			panic("ensemble: " + err.Error())
		}
		used := map[slot]uint32{}
		for i, s := range p.slots {
			used[s] = uint32(i)
		}
		for i := range p.source {
			w := float32(1)
			if len(p.weights) > 0 {
				w = p.weights[i]
			}
			p.shapes = append(p.shapes, newShape(p, used, &p.source[i], w, p.trees[i].group))
		}
	})
	return p.shapes
}

// explainer is one goroutine's working memory for contributions.
type explainer struct {
	phi   []float64 // blockRows rows of groups*(features+1)
	bias  []float64 // by group
	path  []float64 // P, then G, of every node of a tree
	state []uint8   // of the edge into each node
	keys  []uint32  // of one row, by slot
}

func (b *block) explainer(p *Predictor, shapes []*shape) *explainer {
	if b.explain != nil {
		return b.explain
	}
	size, nodes := 0, 0
	e := &explainer{bias: make([]float64, p.groups)}
	for g := range e.bias {
		e.bias[g] = float64(p.base[g])
	}
	for _, s := range shapes {
		n := len(s.inner) + len(s.leaves)
		nodes, size = max(nodes, n), max(size, n*s.points)
		e.bias[s.group] += s.mean
	}
	e.phi = make([]float64, blockRows*p.groups*(p.numFeature+1))
	e.path = make([]float64, size)
	e.state = make([]uint8, nodes)
	e.keys = make([]uint32, len(p.slots))
	b.explain = e
	return e
}

// gather collects row r's keys.
func (e *explainer) gather(b *block, r int) {
	for i := range e.keys {
		e.keys[i] = b.keys[i*blockRows+r]
	}
}

// left decides inner node n for the row.
func (e *explainer) left(s *shape, n *shapeNode, row []float32) bool {
	if n.cat >= 0 {
		return n.goesLeft(s.cats, row[n.slot])
	}
	return e.keys[n.slot] < n.threshold
}

// states sets the states of the two edges below n.
func (e *explainer) states(s *shape, n *shapeNode, row []float32) (l, r uint8) {
	if n.prev >= 0 && e.state[n.prev] != onState {
		l, r = deadState, deadState
	} else if e.left(s, n, row) {
		l, r = onState, offState
	} else {
		l, r = offState, onState
	}
	e.state[n.left], e.state[n.right] = l, r
	return l, r
}

// addFew adds the tree's contributions to phi, three points at a time.
func (e *explainer) addFew(s *shape, row []float32, phi []float64) {
	const n = fewPoints
	path := e.path
	path[0], path[1], path[2] = 1, 1, 1
	for i := range s.inner {
		node := &s.inner[i]
		sl, sr := e.states(s, node, row)
		p := (*[n]float64)(path[i*n:])
		l := (*[n]float64)(path[int(node.left)*n:])
		r := (*[n]float64)(path[int(node.right)*n:])
		ml := (*[n]float64)(s.edges[(int(node.left)*3+int(sl))*2*n:])
		mr := (*[n]float64)(s.edges[(int(node.right)*3+int(sr))*2*n:])
		l[0], l[1], l[2] = float64(p[0]*ml[0]), float64(p[1]*ml[1]), float64(p[2]*ml[2])
		r[0], r[1], r[2] = float64(p[0]*mr[0]), float64(p[1]*mr[1]), float64(p[2]*mr[2])
	}
	at := len(s.inner) * n
	for i := range s.leaves {
		v := s.leaves[i].value
		p := (*[n]float64)(path[at+i*n:])
		p[0], p[1], p[2] = float64(p[0]*v), float64(p[1]*v), float64(p[2]*v)
	}
	for i := len(s.inner) - 1; i >= 0; i-- {
		node := &s.inner[i]
		g := (*[n]float64)(path[i*n:])
		l := (*[n]float64)(path[int(node.left)*n:])
		r := (*[n]float64)(path[int(node.right)*n:])
		kl := (*[n]float64)(s.edges[(int(node.left)*3+int(e.state[node.left]))*2*n+n:])
		kr := (*[n]float64)(s.edges[(int(node.right)*3+int(e.state[node.right]))*2*n+n:])
		g[0], g[1], g[2] = l[0]+r[0], l[1]+r[1], l[2]+r[2]
		phi[node.feature] += float64(kl[0]*l[0]) + float64(kl[1]*l[1]) + float64(kl[2]*l[2]) +
			float64(kr[0]*r[0]) + float64(kr[1]*r[1]) + float64(kr[2]*r[2])
	}
}

// addMany is addFew for any number of points.
func (e *explainer) addMany(s *shape, row []float32, phi []float64) {
	n := s.points
	path := e.path
	for q := range n {
		path[q] = 1
	}
	for i := range s.inner {
		node := &s.inner[i]
		sl, sr := e.states(s, node, row)
		p := path[i*n:][:n]
		for _, c := range [2]struct {
			at    int32
			state uint8
		}{{node.left, sl}, {node.right, sr}} {
			m := s.edges[(int(c.at)*3+int(c.state))*2*n:][:n]
			to := path[int(c.at)*n:][:n]
			for q, v := range p {
				to[q] = float64(v * m[q])
			}
		}
	}
	for i := range s.leaves {
		p := path[(len(s.inner)+i)*n:][:n]
		for q := range p {
			p[q] = float64(p[q] * s.leaves[i].value)
		}
	}
	for i := len(s.inner) - 1; i >= 0; i-- {
		node := &s.inner[i]
		g := path[i*n:][:n]
		clear(g)
		sum := 0.0
		for _, c := range [2]int32{node.left, node.right} {
			k := s.edges[(int(c)*3+int(e.state[c]))*2*n+n:][:n]
			for q, v := range path[int(c)*n:][:n] {
				g[q] += v
				sum += float64(k[q] * v)
			}
		}
		phi[node.feature] += sum
	}
}

func (p *Predictor) linearContributions(dst, row []float32) {
	width := p.numFeature + 1
	for g := range p.groups {
		for f, v := range row {
			dst[g*width+f] = 0
			if v == v {
				dst[g*width+f] = float32(v * p.linear[f*p.groups+g])
			}
		}
		dst[g*width+p.numFeature] = p.linear[p.numFeature*p.groups+g] + p.base[g]
	}
}
