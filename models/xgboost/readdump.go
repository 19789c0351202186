package xgboost

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// DumpOptions says what a dump does not hold.
type DumpOptions struct {
	// BaseScore is the intercept on the objective's scale, one value or one
	// per output. It is required: a dump lacks it, and a guess would shift
	// every answer.
	BaseScore []float32
	// Objective is required for the same reason.
	Objective string
	// FeatureNames is the order of the columns. Required unless the dump
	// names its features f0, f1, ….
	FeatureNames []string
	// NumFeature is the length of a row; 0 takes the number of FeatureNames,
	// or the highest f<number> plus one.
	NumFeature int
	// NumClass is the number of classes of a multi-class model, whose trees
	// take turns; NumParallelTree that of trees per round and class (0 is 1).
	NumClass, NumParallelTree int
}

// ReadDump reads what dump_model wrote, text or JSON, with or without
// statistics. Thresholds and leaves have nine digits there, which is all of a
// float32. A dart model's weights are not in a dump, so a dart model must not
// be read from one.
func ReadDump(data []byte, o DumpOptions) (*ensemble.Model, error) {
	switch {
	case len(o.BaseScore) == 0:
		return nil, fault.Field(fault.Invalid, "base_score",
			"a dump lacks the intercept: give base_score (in the model file it is learner.learner_model_param.base_score)")
	case o.Objective == "":
		return nil, fault.Field(fault.Invalid, "objective", "a dump lacks the objective: give it, for example binary:logistic")
	}
	d := dumpReader{o: o, index: map[string]int32{}}
	for i, n := range o.FeatureNames {
		d.index[n] = int32(i)
		if e := string(appendJSONString(nil, n)); len(e) != len(n)+2 { // as 2.1 and later write it in text
			d.index[e[1:len(e)-1]] = int32(i)
		}
	}
	var err error
	if b := bytes.TrimLeft(data, " \t\r\n"); len(b) > 0 && (b[0] == '[' || b[0] == '{') {
		err = d.readJSON(data)
	} else {
		err = d.readText(string(data))
	}
	if err != nil {
		return nil, err
	}
	return d.model()
}

type dumpReader struct {
	o       DumpOptions
	index   map[string]int32
	highest int32
	trees   [][]dumpNode
}

// dumpNode is one node as a dump tells it.
type dumpNode struct {
	id               int32
	leaf             bool
	value            float32 // of a leaf, or the threshold
	feature          int32
	yes, no, missing int32
	categories       []int32 // nil unless a categorical split
	gain, cover      float32
	hasCover         bool
}

// maxDumpNodes bounds the ids, and with them the memory of one tree.
const maxDumpNodes = 1 << 24

func (d *dumpReader) feature(name string) (int32, error) {
	if i, ok := d.index[name]; ok {
		return i, nil
	}
	if len(d.o.FeatureNames) == 0 && len(name) > 1 && name[0] == 'f' {
		if n, err := strconv.ParseUint(name[1:], 10, 31); err == nil && n < ensemble.MaxFeature {
			d.highest = max(d.highest, int32(n))
			return int32(n), nil
		}
	}
	return 0, fault.Field(fault.Invalid, "feature_names",
		"the dump splits on %s, whose place in a row is not known: give feature_names in the order of the columns", quote(name))
}

func (d *dumpReader) model() (*ensemble.Model, error) {
	m := &ensemble.Model{
		Version: writeAs, Booster: "gbtree", Objective: d.o.Objective, ObjectiveParams: map[string]map[string]string{},
		BaseScore: slices.Clone(d.o.BaseScore), NumClass: d.o.NumClass, NumTarget: 1,
		FeatureNames: slices.Clone(d.o.FeatureNames), Attributes: map[string]string{},
		NumParallelTree: max(1, d.o.NumParallelTree),
	}
	m.NumFeature = d.o.NumFeature
	if m.NumFeature == 0 {
		if m.NumFeature = len(d.o.FeatureNames); m.NumFeature == 0 {
			m.NumFeature = int(d.highest) + 1
		}
	}
	for i, nodes := range d.trees {
		t, err := treeOf(nodes)
		if err != nil {
			return nil, fault.Wrap(err, "dump, tree %d", i)
		}
		m.Trees = append(m.Trees, t)
		m.TreeInfo = append(m.TreeInfo, int32(i/m.NumParallelTree%m.Groups()))
	}
	if err := m.Check(); err != nil {
		return nil, fault.Wrap(err, "dump")
	}
	return m, nil
}

// treeOf places nodes by id. Ids that a dump leaves out are deleted nodes.
func treeOf(nodes []dumpNode) (ensemble.Tree, error) {
	var t ensemble.Tree
	top := int32(0)
	stats := len(nodes) > 0
	for _, n := range nodes {
		top = max(top, n.id)
		stats = stats && n.hasCover
	}
	if len(nodes) == 0 || int(top) > 64*len(nodes)+64 {
		return t, fault.New(fault.Invalid, "has %d nodes and ids up to %d: expected a tree", len(nodes), top)
	}
	n := int(top) + 1
	const none = math.MaxInt32
	ints := func(v int32) []int32 {
		a := make([]int32, n)
		for i := range a {
			a[i] = v
		}
		return a
	}
	t.LeftChildren, t.RightChildren, t.Parents, t.SplitIndices = ints(-1), ints(-1), ints(none), ints(none)
	t.SplitConditions, t.DefaultLeft, t.SplitType = make([]float32, n), make([]bool, n), make([]uint8, n)
	if stats {
		t.SumHessian, t.LossChanges, t.BaseWeights = make([]float32, n), make([]float32, n), make([]float32, n)
	}
	seen := make([]bool, n)
	slices.SortStableFunc(nodes, func(a, b dumpNode) int { return int(a.id) - int(b.id) })
	for _, d := range nodes {
		i := d.id
		if seen[i] {
			return t, fault.New(fault.Invalid, "has node %d twice", i)
		}
		seen[i] = true
		t.SplitIndices[i] = 0
		t.SplitConditions[i] = d.value
		if stats {
			t.SumHessian[i], t.LossChanges[i] = d.cover, d.gain
		}
		if d.leaf {
			continue
		}
		left, right := d.yes, d.no
		if d.categories != nil { // "yes" is the chosen categories' side, the right
			left, right = right, left
			t.SplitType[i] = 1
			t.CategoriesNodes = append(t.CategoriesNodes, i)
			t.CategoriesSegments = append(t.CategoriesSegments, int64(len(t.Categories)))
			t.CategoriesSizes = append(t.CategoriesSizes, int64(len(d.categories)))
			t.Categories = append(t.Categories, d.categories...)
		}
		if d.missing != left && d.missing != right {
			return t, fault.New(fault.Invalid, "node %d sends missing values to node %d, which is not its child", i, d.missing)
		}
		t.LeftChildren[i], t.RightChildren[i] = left, right
		t.SplitIndices[i] = d.feature
		t.DefaultLeft[i] = d.missing == left
		for _, c := range [2]int32{left, right} {
			if c < 0 || int(c) >= n {
				return t, fault.New(fault.Invalid, "node %d has the child %d, which is not there", i, c)
			}
			t.Parents[c] = i
		}
	}
	for i, s := range seen {
		if !s {
			t.NumDeleted++
			t.DefaultLeft[i] = true
			t.Parents[i] = none
		}
	}
	for i, l := range t.LeftChildren {
		if l != -1 && (!seen[l] || !seen[t.RightChildren[i]]) {
			return t, fault.New(fault.Invalid, "node %d has a child that is not there", i)
		}
	}
	return t, nil
}

// readText reads lines such as
//
//	0:[f2<3.5] yes=1,no=2,missing=1,gain=10,cover=20
//	1:leaf=0.25,cover=7
func (d *dumpReader) readText(text string) error {
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "booster["):
			continue
		case strings.HasPrefix(line, "bias:"):
			return fault.New(fault.Unsupported, "dump, line %d: a gblinear dump has six digits, too few to answer from: read the model itself", number)
		}
		n, err := d.textNode(line)
		if err != nil {
			return fault.Wrap(err, "dump, line %d", number)
		}
		if n.id == 0 {
			d.trees = append(d.trees, nil)
		}
		if len(d.trees) == 0 {
			return fault.New(fault.Invalid, "dump, line %d: the tree does not begin with node 0", number)
		}
		last := &d.trees[len(d.trees)-1]
		*last = append(*last, n)
	}
	return nil
}

func (d *dumpReader) textNode(line string) (dumpNode, error) {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "expected %s, found %s", what, quote(line))
	}
	var n dumpNode
	id, rest, ok := strings.Cut(line, ":")
	if n.id, ok = nodeID(id, ok); !ok {
		return n, bad("a node's number and a colon")
	}
	if v, isLeaf := strings.CutPrefix(rest, "leaf="); isLeaf {
		n.leaf = true
		v, rest, _ = strings.Cut(v, ",")
		if n.value, ok = float(v); !ok {
			return n, bad("leaf=<number>")
		}
		return n, d.textFields(&n, rest, bad)
	}
	condition, fields, ok := strings.Cut(rest, "] ")
	if !ok || !strings.HasPrefix(condition, "[") {
		return n, bad("[feature<threshold] or leaf=")
	}
	condition = condition[1:]
	name := condition
	if i := strings.LastIndex(condition, ":{"); i >= 0 && strings.HasSuffix(condition, "}") {
		name = condition[:i]
		n.categories = []int32{}
		for c := range strings.SplitSeq(condition[i+2:len(condition)-1], ",") {
			v, ok := nodeID(c, true)
			if c == "" {
				continue
			}
			if !ok {
				return n, bad("categories in braces")
			}
			n.categories = append(n.categories, v)
		}
	} else if i := strings.LastIndexByte(condition, '<'); i >= 0 {
		name = condition[:i]
		if n.value, ok = float(condition[i+1:]); !ok {
			return n, bad("a threshold after <")
		}
	} else {
		return n, noThreshold(name)
	}
	var err error
	if n.feature, err = d.feature(name); err != nil {
		return n, err
	}
	n.missing = -1
	return n, d.textFields(&n, fields, bad)
}

// noThreshold refuses an indicator split, whose threshold the dump leaves out.
func noThreshold(name string) error {
	return fault.Field(fault.Unsupported, name,
		"the dump has an indicator split on %s, written without its threshold: read the model itself", quote(name))
}

func (d *dumpReader) textFields(n *dumpNode, fields string, bad func(string) error) error {
	for f := range strings.SplitSeq(fields, ",") {
		if f == "" {
			continue
		}
		k, v, _ := strings.Cut(f, "=")
		ok := true
		switch k {
		case "yes":
			n.yes, ok = nodeID(v, true)
		case "no":
			n.no, ok = nodeID(v, true)
		case "missing":
			n.missing, ok = nodeID(v, true)
		case "gain":
			n.gain, ok = float(v)
		case "cover":
			n.cover, ok = float(v)
			n.hasCover = true
		default:
			ok = false
		}
		if !ok {
			return bad("yes=, no=, missing=, gain= and cover= with numbers")
		}
	}
	return nil
}

func nodeID(s string, ok bool) (int32, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int32(n), ok && err == nil && n < maxDumpNodes
}

func float(s string) (float32, bool) {
	f, err := strconv.ParseFloat(s, 32)
	return float32(f), err == nil
}

// readJSON reads the nested objects of a JSON dump.
func (d *dumpReader) readJSON(data []byte) error {
	root, err := parseDeepJSON(data)
	if err != nil {
		return err
	}
	if root.kind != arrayKind {
		root = value{kind: arrayKind, items: []value{root}}
	}
	for i := range root.items {
		c := cursor{&root.items[i], "dump[" + strconv.Itoa(i) + "]"}
		if c.kind != objectKind {
			return c.errorf(fault.Invalid, "is %v: expected a tree", c.kind)
		}
		if _, ok := c.member("bias"); ok {
			return c.errorf(fault.Unsupported, "is a gblinear dump, which has six digits, too few to answer from: read the model itself")
		}
		if _, ok := c.member("learner"); ok {
			return c.errorf(fault.Invalid, "is a model, not a dump: read it with Read")
		}
		d.trees = append(d.trees, nil)
		if err := d.jsonNode(c); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumpReader) jsonNode(c cursor) error {
	var n dumpNode
	var err error
	get := func(name string) int32 {
		if err != nil {
			return 0
		}
		var v int64
		v, err = c.integer(name, -1, -1, maxDumpNodes)
		return int32(v)
	}
	number := func(name string) (float32, bool) {
		v, ok := c.member(name)
		if ok && err == nil {
			switch v.kind {
			case intKind:
				return float32(v.ints[0]), true
			case floatKind:
				return v.floats[0], true
			}
			err = v.errorf(fault.Invalid, "is %v: expected a number", v.kind)
		}
		return 0, false
	}
	n.id = get("nodeid")
	if err == nil && n.id < 0 {
		return c.errorf(fault.Invalid, "has no nodeid")
	}
	n.value, n.leaf = number("leaf")
	n.gain, _ = number("gain")
	n.cover, n.hasCover = number("cover")
	if err != nil {
		return err
	}
	last := &d.trees[len(d.trees)-1]
	if n.leaf {
		*last = append(*last, n)
		return nil
	}
	n.yes, n.no, n.missing = get("yes"), get("no"), get("missing")
	if err != nil {
		return err
	}
	name, err := c.text("split")
	if err != nil {
		return err
	}
	if n.feature, err = d.feature(name); err != nil {
		return err
	}
	switch s, ok := c.member("split_condition"); {
	case !ok:
		return noThreshold(name)
	case s.kind == intsKind || s.kind == arrayKind:
		if n.categories, err = integers[int32](c, "split_condition", false); err != nil {
			return err
		}
	default:
		n.value, _ = number("split_condition")
		if err != nil {
			return err
		}
	}
	*last = append(*last, n)
	children, err := c.need("children", arrayKind)
	if err != nil {
		return err
	}
	for i := range children.items {
		k := cursor{&children.items[i], children.path + "[" + strconv.Itoa(i) + "]"}
		if k.kind != objectKind {
			return k.errorf(fault.Invalid, "is %v: expected a node", k.kind)
		}
		if err := d.jsonNode(k); err != nil {
			return err
		}
	}
	return nil
}
