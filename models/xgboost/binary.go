package xgboost

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// Sizes of the old binary form's fixed parts, in bytes.
const (
	learnerHead = 136 // of the learner's parameters
	boosterHead = 160 // of gbtree's parameters
	linearHead  = 136 // of gblinear's parameters
	treeHead    = 148 // of a tree's parameters
	nodeSize    = 20
	statSize    = 16
)

// binaryReader walks the old binary form, little endian, with no tables of
// contents: every length is checked against what is left before it is used.
type binaryReader struct {
	data []byte
	at   int
	err  error
}

// take gives the next n bytes, or zeros after an error.
func (r *binaryReader) take(n int, what string) []byte {
	if r.err == nil && (n < 0 || n > len(r.data)-r.at) {
		r.err = fault.New(fault.Invalid,
			"old binary model, byte %d: %s needs %d bytes, %d are left: the file is cut short, or is no XGBoost model",
			r.at, what, n, len(r.data)-r.at)
	}
	if r.err != nil {
		return make([]byte, min(max(n, 0), learnerHead+boosterHead))
	}
	b := r.data[r.at : r.at+n]
	r.at += n
	return b
}

// count reads a u64 and checks that as many elements of size bytes can follow.
func (r *binaryReader) count(size int, what string) int {
	n := binary.LittleEndian.Uint64(r.take(8, what))
	if r.err == nil && n > uint64(len(r.data)-r.at)/uint64(size) {
		r.err = fault.New(fault.Invalid,
			"old binary model, byte %d: %s has %d entries, more than the file can hold: it is cut short, or is no XGBoost model",
			r.at-8, what, n)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *binaryReader) string(what string) string {
	return string(r.take(r.count(1, what), what))
}

func (r *binaryReader) float32s(what string) []float32 {
	n := r.count(4, what)
	b := r.take(4*n, what)
	if r.err != nil {
		return nil
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func int32At(b []byte, i int) int32 { return int32(binary.LittleEndian.Uint32(b[4*i:])) }

func float32At(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

// readBinary reads the form that XGBoost wrote up to 3.0, with or without the
// leading "binf".
func readBinary(data []byte) (*ensemble.Model, error) {
	if bytes.HasPrefix(data, []byte("bs64")) {
		return nil, fault.New(fault.Unsupported, "this is a base64 model of an XGBoost before 1.0: save it again as JSON")
	}
	r := &binaryReader{data: bytes.TrimPrefix(data, []byte("binf"))}
	head := r.take(learnerHead, "the head")
	m := &ensemble.Model{
		BaseScore:        []float32{float32At(head, 0)},
		NumFeature:       int(int32At(head, 1)),
		NumClass:         int(int32At(head, 2)),
		Version:          [3]int32{int32At(head, 5), int32At(head, 6), 0},
		NumTarget:        max(1, int(int32At(head, 7))),
		BoostFromAverage: int32At(head, 8) != 0,
		Attributes:       map[string]string{},
		ObjectiveParams:  map[string]map[string]string{},
	}
	hasAttributes, hasMetrics := int32At(head, 3) != 0, int32At(head, 4) != 0
	m.Objective = r.string("the objective's name")
	m.Booster = r.string("the booster's name")
	if r.err == nil && (!plausibleName(m.Objective) || !plausibleName(m.Booster)) {
		r.err = fault.New(fault.Invalid,
			"this is no XGBoost model: it is neither JSON nor UBJSON, and where the old binary form has the objective's name stands %s", quote(m.Objective))
	}
	if r.err != nil {
		return nil, r.err
	}
	switch m.Booster {
	case "gbtree", "dart":
		r.trees(m)
	case "gblinear":
		r.take(linearHead, "gblinear's parameters")
		m.Linear = r.float32s("gblinear's weights")
	default:
		return nil, inVersion(m, fault.Field(fault.Unsupported, "gradient_booster.name",
			"the booster is %s: expected gbtree, dart or gblinear", quote(m.Booster)))
	}
	if hasAttributes {
		r.attributes(m)
	}
	// Some versions raise the flag and keep the names among the attributes.
	if hasMetrics && r.at < len(r.data) {
		for range r.count(8, "the metrics") {
			r.string("a metric's name")
			if r.err != nil {
				break
			}
		}
	}
	if r.err == nil && r.at != len(r.data) {
		r.err = fault.New(fault.Invalid, "old binary model: %d bytes are left over at its end", len(r.data)-r.at)
	}
	if r.err != nil {
		return nil, inVersion(m, r.err)
	}
	if m.Version[0] == 0 {
		fromMargin(m)
	}
	if err := m.Check(); err != nil {
		return nil, inVersion(m, err)
	}
	return m, nil
}

func plausibleName(s string) bool {
	return s != "" && len(s) < 64 && strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}

// fromMargin turns the base score of a model before 1.0, which is a margin,
// into the scale that later files use.
func fromMargin(m *ensemble.Model) {
	margin := m.BaseScore[0]
	switch m.Objective {
	case "binary:logistic", "reg:logistic":
		m.BaseScore[0] = ensemble.Sigmoid(margin)
	case "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox":
		m.BaseScore[0] = ensemble.Expf(margin)
	}
}

func (r *binaryReader) trees(m *ensemble.Model) {
	head := r.take(boosterHead, "gbtree's parameters")
	n := int(int32At(head, 0))
	if r.err == nil && (n < 0 || n > (len(r.data)-r.at)/treeHead) {
		r.err = fault.New(fault.Invalid, "old binary model: it announces %d trees, more than the file can hold", n)
	}
	if r.err != nil {
		return
	}
	m.NumParallelTree = max(1, int(int32At(head, 1)))
	m.Trees = make([]ensemble.Tree, n)
	for i := range m.Trees {
		if r.tree(&m.Trees[i]); r.err != nil {
			r.err = fault.Wrap(r.err, "tree %d", i)
			return
		}
	}
	if n > 0 {
		b := r.take(4*n, "tree_info")
		if r.err != nil {
			return
		}
		m.TreeInfo = make([]int32, n)
		for i := range m.TreeInfo {
			m.TreeInfo[i] = int32At(b, i)
		}
	}
	if m.Booster == "dart" {
		m.WeightDrop = r.float32s("weight_drop")
	}
}

func (r *binaryReader) tree(t *ensemble.Tree) {
	head := r.take(treeHead, "its parameters")
	n := int(int32At(head, 1))
	switch {
	case r.err != nil:
		return
	case n <= 0 || n > (len(r.data)-r.at)/(nodeSize+statSize):
		r.err = fault.New(fault.Invalid, "old binary model, byte %d: it announces %d nodes, more than the file can hold", r.at, n)
		return
	case int32At(head, 5) > 1:
		r.err = fault.Field(fault.Unsupported, "size_leaf_vector",
			"trees with vector leaves (size_leaf_vector %d) are not supported", int32At(head, 5))
		return
	}
	t.NumDeleted = int32At(head, 2)
	nodes, stats := r.take(n*nodeSize, "nodes"), r.take(n*statSize, "statistics")
	if r.err != nil {
		return
	}
	for _, a := range []*[]int32{&t.LeftChildren, &t.RightChildren, &t.Parents, &t.SplitIndices} {
		*a = make([]int32, n)
	}
	for _, a := range []*[]float32{&t.SplitConditions, &t.LossChanges, &t.SumHessian, &t.BaseWeights} {
		*a = make([]float32, n)
	}
	t.DefaultLeft = make([]bool, n)
	for i := range n {
		b, s := nodes[i*nodeSize:], stats[i*statSize:]
		const low31 = 1<<31 - 1
		t.Parents[i] = int32At(b, 0) & low31 // the high bit: is a left child; the root has all bits set
		t.LeftChildren[i], t.RightChildren[i] = int32At(b, 1), int32At(b, 2)
		split := uint32(int32At(b, 3))
		t.SplitIndices[i] = int32(split & low31)
		t.DefaultLeft[i] = split>>31 == 1
		t.SplitConditions[i] = float32At(b, 4)
		t.LossChanges[i], t.SumHessian[i], t.BaseWeights[i] = float32At(s, 0), float32At(s, 1), float32At(s, 2)
		if split == math.MaxUint32 || t.LeftChildren[i] == -1 { // deleted, or a leaf
			t.LeftChildren[i], t.RightChildren[i] = -1, -1
		}
	}
}

// attributes takes the users' attributes and the objective's parameters, which
// are kept among them; XGBoost's own bookkeeping is left out.
func (r *binaryReader) attributes(m *ensemble.Model) {
	for range r.count(16, "the attributes") {
		k, v := r.string("an attribute's key"), r.string("an attribute's value")
		switch {
		case r.err != nil:
			return
		case k == "objective":
			if o, err := parseJSON([]byte(v)); err == nil {
				for i := range o.members {
					if b := &o.members[i]; b.kind == objectKind {
						m.ObjectiveParams[b.name] = cursor{&b.value, ""}.texts()
					}
				}
			}
		case k == "metrics" || strings.HasPrefix(k, "SAVED_PARAM_") || k == "count_poisson_max_delta_step":
		default:
			m.Attributes[k] = v
		}
	}
}
