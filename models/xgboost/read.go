package xgboost

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// ReadFile reads the model in the file at path; see Read.
func ReadFile(path string) (*ensemble.Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		k := fault.Unknown
		if errors.Is(err, fs.ErrNotExist) {
			k = fault.NotFound
		}
		return nil, fault.Field(k, path, "read model: %w", err)
	}
	m, err := Read(data)
	return m, fault.Wrap(err, "%s", path)
}

// Read reads a model that XGBoost saved: JSON, UBJSON or the old binary form,
// told apart by its first bytes. The model has been checked
// (ensemble.Model.Check). Errors are of kind Invalid for a damaged file,
// Unsupported for a sound one that cannot be answered for, and name the field.
func Read(data []byte) (*ensemble.Model, error) {
	var root value
	var err error
	switch sniff(data) {
	case "json":
		root, err = parseJSON(data)
	case "ubj":
		root, err = parseUBJSON(data)
	case "gzip":
		err = fault.New(fault.Invalid, "the model is compressed with gzip: decompress it first")
	case "dump":
		err = fault.New(fault.Invalid, "this is a dump, not a model: it lacks the intercept; save the model with save_model, or read it with ReadDump and the base score")
	case "pickle":
		err = fault.New(fault.Unsupported, "this is a Python pickle, not a model: load it in Python and call save_model(\"model.json\")")
	default:
		return readBinary(data)
	}
	if err != nil {
		return nil, err
	}
	m, err := fromDocument(cursor{&root, ""})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// IsDump tells whether data looks like what dump_model wrote, for ReadDump,
// rather than a model.
func IsDump(data []byte) bool { return sniff(data) == "dump" }

// sniff names the format of data by its first bytes.
func sniff(data []byte) string {
	text := strings.TrimLeft(string(data[:min(len(data), 256)]), " \t\r\n")
	switch {
	case len(data) >= 2 && data[0] == 0x1f && data[1] == 0x8b:
		return "gzip"
	case len(data) >= 2 && data[0] == 0x80 && data[1] <= 5:
		return "pickle"
	case len(data) >= 2 && data[0] == '{' && strings.IndexByte("LlIiU}", data[1]) >= 0:
		if data[1] == '}' {
			return "json"
		}
		return "ubj"
	case strings.HasPrefix(text, "{") && (len(text) == 1 || strings.IndexByte(" \t\r\n", text[1]) >= 0 || text[1] > ' ' && text[1] < 0x7f):
		return "json" // else a float of the old binary form
	case strings.HasPrefix(text, "booster["), strings.HasPrefix(text, "0:["), strings.HasPrefix(text, "0:leaf="), strings.HasPrefix(text, "["):
		return "dump"
	}
	return "binary"
}

// fromDocument makes a model of a parsed file.
func fromDocument(root cursor) (*ensemble.Model, error) {
	if root.kind != objectKind {
		return nil, fault.New(fault.Invalid, "the document is %v: expected an object with version and learner", root.kind)
	}
	m := &ensemble.Model{}
	version, err := integers[int32](root, "version", false)
	switch {
	case err != nil:
		return nil, err
	case len(version) != 3:
		return nil, fault.Field(fault.Invalid, "version", "version has %d parts: expected three", len(version))
	}
	copy(m.Version[:], version)
	if err := readLearner(root, m); err != nil {
		return nil, inVersion(m, err)
	}
	if err := m.Check(); err != nil {
		return nil, inVersion(m, err)
	}
	return m, nil
}

// inVersion puts the version of the file before err.
func inVersion(m *ensemble.Model, err error) error {
	hint := ""
	if m.Version[0] > 3 {
		hint = " (newer than the versions known here, 1.0 to 3.4)"
	}
	return fault.Wrap(err, "model of XGBoost %d.%d.%d%s", m.Version[0], m.Version[1], m.Version[2], hint)
}

func readLearner(root cursor, m *ensemble.Model) error {
	learner, err := root.need("learner", objectKind)
	if err != nil {
		return err
	}
	if err := readLearnerParam(learner, m); err != nil {
		return err
	}
	if err := readObjective(learner, m); err != nil {
		return err
	}
	if m.FeatureNames, err = learner.strings("feature_names"); err != nil {
		return err
	}
	if m.FeatureTypes, err = learner.strings("feature_types"); err != nil {
		return err
	}
	m.Attributes = map[string]string{}
	if a, ok := learner.member("attributes"); ok {
		if a.kind != objectKind {
			return a.errorf(fault.Invalid, "is %v: expected an object", a.kind)
		}
		m.Attributes = a.texts()
	}
	booster, err := learner.need("gradient_booster", objectKind)
	if err != nil {
		return err
	}
	return readBooster(booster, m)
}

func readLearnerParam(learner cursor, m *ensemble.Model) error {
	p, err := learner.need("learner_model_param", objectKind)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name      string
		def, high int64
		to        *int
	}{
		{"num_feature", 0, ensemble.MaxFeature, &m.NumFeature},
		{"num_class", 0, 1 << 16, &m.NumClass},
		{"num_target", 1, 1 << 16, &m.NumTarget},
	} {
		n, err := p.integer(f.name, f.def, 0, f.high)
		if err != nil {
			return err
		}
		*f.to = int(n)
	}
	fromAverage, err := p.integer("boost_from_average", 1, 0, 1)
	if err != nil {
		return err
	}
	m.BoostFromAverage = fromAverage == 1
	b, ok := p.member("base_score")
	if !ok {
		return b.errorf(fault.Invalid, "is missing: without the intercept every answer would be shifted")
	}
	m.BaseScore, err = baseScore(b)
	return err
}

// baseScore reads what the versions write: a number, "5E-1", "[5E-1,1E0]".
func baseScore(b cursor) ([]float32, error) {
	switch b.kind {
	case floatKind, floatsKind:
		return b.floats, nil
	case intKind, intsKind:
		out := make([]float32, len(b.ints))
		for i, n := range b.ints {
			out[i] = float32(n)
		}
		return out, nil
	case stringKind:
	default:
		return nil, b.errorf(fault.Invalid, "is %v: expected a number", b.kind)
	}
	s := strings.TrimSpace(b.str)
	if len(s) >= 2 && (s[0] == '[' && s[len(s)-1] == ']' || s[0] == '(' && s[len(s)-1] == ')') {
		s = s[1 : len(s)-1]
	}
	var out []float32
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" && len(out) > 0 { // "(0.5,)"
			continue
		}
		f, err := strconv.ParseFloat(part, 32)
		if err != nil {
			return nil, b.errorf(fault.Invalid, "is %s: expected a number, or numbers in brackets", quote(b.str))
		}
		out = append(out, float32(f))
	}
	return out, nil
}

func readObjective(learner cursor, m *ensemble.Model) error {
	o, err := learner.need("objective", objectKind)
	if err != nil {
		return err
	}
	if m.Objective, err = o.text("name"); err != nil {
		return err
	}
	if m.Objective == "" {
		n, _ := o.member("name")
		return n.errorf(fault.Invalid, "is missing: expected an objective such as binary:logistic")
	}
	m.ObjectiveParams = map[string]map[string]string{}
	for i := range o.members {
		if b := &o.members[i]; b.kind == objectKind {
			m.ObjectiveParams[b.name] = cursor{&b.value, ""}.texts()
		}
	}
	return nil
}

// readBooster takes the three layouts of dart: a booster named dart around a
// gbtree (up to 3.2), and a gbtree with weight_drop beside its model (3.3) or
// inside (3.4).
func readBooster(b cursor, m *ensemble.Model) error {
	name, err := b.text("name")
	if err != nil {
		return err
	}
	m.Booster = name
	switch name {
	case "gbtree":
	case "gblinear":
		model, err := b.need("model", objectKind)
		if err != nil {
			return err
		}
		rounds, err := model.integer("boosted_rounds", 0, 0, 1<<31-1)
		if err != nil {
			return err
		}
		m.BoostedRounds = int(rounds)
		m.Linear, err = model.float32s("weights", false)
		return err
	case "dart":
		m.WeightDrop = []float32{} // checked against the trees
	default:
		n, _ := b.member("name")
		return n.errorf(fault.Unsupported, "is %s: expected gbtree, dart or gblinear", quote(name))
	}
	inner := b
	if g, ok := b.member("gbtree"); ok && name == "dart" {
		inner = g
	}
	model, err := inner.need("model", objectKind)
	if err != nil {
		return err
	}
	for _, c := range [2]cursor{b, model} {
		if _, ok := c.member("weight_drop"); ok {
			m.Booster = "dart"
			if m.WeightDrop, err = c.float32s("weight_drop", false); err != nil {
				return err
			}
		}
	}
	return readTrees(model, m)
}

func readTrees(model cursor, m *ensemble.Model) error {
	p, err := model.need("gbtree_model_param", objectKind)
	if err != nil {
		return err
	}
	if err := refuseVectorLeaf(p); err != nil {
		return err
	}
	if err := refuseCategories(model, m.FeatureNames); err != nil {
		return err
	}
	parallel, err := p.integer("num_parallel_tree", 1, 0, 1<<30)
	if err != nil {
		return err
	}
	m.NumParallelTree = max(1, int(parallel))
	trees, err := model.need("trees", arrayKind)
	if err != nil {
		return err
	}
	if trees.kind != arrayKind {
		return trees.errorf(fault.Invalid, "is %v: expected an array of trees", trees.kind)
	}
	if n, err := p.integer("num_trees", int64(len(trees.items)), 0, 1<<30); err != nil {
		return err
	} else if int(n) != len(trees.items) {
		return trees.errorf(fault.Invalid, "has %d trees, gbtree_model_param.num_trees says %d (is the file complete?)", len(trees.items), n)
	}
	if m.TreeInfo, err = integers[int32](model, "tree_info", false); err != nil {
		return err
	}
	if m.IterationIndptr, err = integers[int32](model, "iteration_indptr", true); err != nil {
		return err
	}
	m.Trees = make([]ensemble.Tree, len(trees.items))
	for i := range trees.items {
		path := trees.path + "[" + strconv.Itoa(i) + "]"
		if err := readTree(cursor{&trees.items[i], path}, &m.Trees[i]); err != nil {
			return err
		}
	}
	return nil
}

// refuseVectorLeaf turns away trees whose leaves hold one value per target
// (multi_strategy=multi_output_tree).
func refuseVectorLeaf(p cursor) error {
	n, err := p.integer("size_leaf_vector", 0, 0, 1<<30)
	if err == nil && n > 1 {
		v, _ := p.member("size_leaf_vector")
		err = v.errorf(fault.Unsupported, "is %d: trees with vector leaves (multi_strategy=multi_output_tree) are not supported; train with one_output_per_tree", n)
	}
	return err
}

// refuseCategories turns away models that keep the categories of a data frame
// (3.1 and later). XGBoost translates a row's own categories into the model's
// codes by them; an answer for a row that was not translated would be wrong
// without a word. A model trained on codes has the container empty.
func refuseCategories(model cursor, names []string) error {
	c, ok := model.member("cats")
	if !ok {
		return nil
	}
	if c.kind != objectKind {
		return c.errorf(fault.Invalid, "is %v: expected an object", c.kind)
	}
	which := ""
	segments, err := integers[int64](c, "feature_segments", true)
	if err != nil {
		return err
	}
	for f := 1; f < len(segments); f++ {
		if segments[f] != segments[f-1] {
			which = "feature " + strconv.Itoa(f-1)
			if f <= len(names) {
				which += " (" + quote(names[f-1]) + ")"
			}
			break
		}
	}
	if which == "" && !c.empty() {
		which = "its features"
	}
	if which == "" {
		return nil
	}
	return c.errorf(fault.Unsupported, "holds the categories of %s, by which XGBoost translates a data frame: not supported; "+
		"train on category codes, say numpy integers with feature_types \"c\"", which)
}

// empty tells whether no array in the value, however deep, has an entry other
// than arrays and objects that are empty themselves, or zeros.
func (c cursor) empty() bool {
	switch c.kind {
	case objectKind:
		for i := range c.members {
			if c.members[i].name != "type" && !(cursor{&c.members[i].value, ""}).empty() {
				return false
			}
		}
		return true
	case arrayKind:
		for i := range c.items {
			if !(cursor{&c.items[i], ""}).empty() {
				return false
			}
		}
		return true
	case intsKind:
		return !slices.ContainsFunc(c.ints, func(n int64) bool { return n != 0 })
	case intKind:
		return c.ints[0] == 0
	case floatsKind:
		return len(c.floats) == 0
	case nullKind:
		return true
	}
	return false
}

func readTree(c cursor, t *ensemble.Tree) error {
	if c.kind != objectKind {
		return c.errorf(fault.Invalid, "is %v: expected an object", c.kind)
	}
	p, err := c.need("tree_param", objectKind)
	if err != nil {
		return err
	}
	if err := refuseVectorLeaf(p); err != nil {
		return err
	}
	deleted, err := p.integer("num_deleted", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	t.NumDeleted = int32(deleted)
	for _, a := range []struct {
		name string
		to   *[]int32
		opt  bool
	}{
		{"left_children", &t.LeftChildren, false},
		{"right_children", &t.RightChildren, false},
		{"parents", &t.Parents, false},
		{"split_indices", &t.SplitIndices, false},
		{"categories", &t.Categories, true},
		{"categories_nodes", &t.CategoriesNodes, true},
	} {
		if *a.to, err = integers[int32](c, a.name, a.opt); err != nil {
			return err
		}
	}
	for _, a := range []struct {
		name string
		to   *[]float32
	}{
		{"split_conditions", &t.SplitConditions},
		{"loss_changes", &t.LossChanges},
		{"sum_hessian", &t.SumHessian},
		{"base_weights", &t.BaseWeights},
	} {
		if *a.to, err = c.float32s(a.name, false); err != nil {
			return err
		}
	}
	if t.SplitType, err = integers[uint8](c, "split_type", true); err != nil {
		return err
	}
	if t.CategoriesSegments, err = integers[int64](c, "categories_segments", true); err != nil {
		return err
	}
	if t.CategoriesSizes, err = integers[int64](c, "categories_sizes", true); err != nil {
		return err
	}
	left, err := integers[uint8](c, "default_left", false)
	if err != nil {
		return err
	}
	t.DefaultLeft = make([]bool, len(left))
	for i, d := range left {
		t.DefaultLeft[i] = d != 0
	}
	n, err := p.integer("num_nodes", int64(len(t.LeftChildren)), 0, 1<<31-1)
	if err == nil && int(n) != len(t.LeftChildren) {
		err = c.errorf(fault.Invalid, "left_children has %d entries, tree_param.num_nodes says %d", len(t.LeftChildren), n)
	}
	return err
}
