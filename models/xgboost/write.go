package xgboost

import (
	"io"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// writeAs is the version written into the file of a model that names none.
var writeAs = [3]int32{3, 4, 1}

// WriteJSON writes m as XGBoost's JSON model. The layout is the one that every
// version from 1.7 to 3.4 reads and answers alike: base_score as a scalar
// (1.7 takes a list for another number without a word), dart as a booster of
// its own. A model whose outputs have different base scores can only be
// written for 3.1 and later. The same model gives the same bytes.
func WriteJSON(w io.Writer, m *ensemble.Model) error {
	return write(w, m, &jsonEncoder{})
}

// WriteUBJSON writes m as XGBoost's UBJSON model; see WriteJSON.
func WriteUBJSON(w io.Writer, m *ensemble.Model) error {
	return write(w, m, &ubjEncoder{})
}

// An encoder writes one format. Keys of an object are given sorted.
type encoder interface {
	open()
	key(string)
	close()
	string(string)
	integer(int64)
	float(float32)
	openArray(n int) // of values of any kind
	next()           // before each element
	closeArray()
	float32s([]float32)
	int32s([]int32)
	int64s([]int64)
	bytes([]uint8)
	result() []byte
}

func write(w io.Writer, m *ensemble.Model, e encoder) error {
	if err := m.Check(); err != nil {
		return fault.Wrap(err, "write model")
	}
	base, err := baseScoreText(m)
	if err != nil {
		return err
	}
	encodeModel(e, m, base)
	if _, err := w.Write(e.result()); err != nil {
		return fault.Wrap(err, "write model")
	}
	return nil
}

func formatVersion(m *ensemble.Model) [3]int32 {
	if m.Version == [3]int32{} {
		return writeAs
	}
	return m.Version
}

func baseScoreText(m *ensemble.Model) (string, error) {
	same := true
	for _, b := range m.BaseScore {
		same = same && b == m.BaseScore[0]
	}
	if same {
		return string(appendNumber(nil, m.BaseScore[0])), nil
	}
	if v := formatVersion(m); v[0] < 3 || v[0] == 3 && v[1] < 1 {
		return "", fault.Field(fault.Unsupported, "base_score",
			"base_score has a value per output, which XGBoost before 3.1 cannot read: write the model as version 3.1 or later")
	}
	b := []byte{'['}
	for i, f := range m.BaseScore {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, f)
	}
	return string(append(b, ']')), nil
}

// texts writes an object of strings.
func texts(e encoder, t map[string]string) {
	e.open()
	for _, k := range sortedKeys(t) {
		e.key(k)
		e.string(t[k])
	}
	e.close()
}

func stringArray(e encoder, s []string) {
	e.openArray(len(s))
	for _, v := range s {
		e.next()
		e.string(v)
	}
	e.closeArray()
}

func integerArray(e encoder, a []int32) {
	e.openArray(len(a))
	for _, v := range a {
		e.next()
		e.integer(int64(v))
	}
	e.closeArray()
}

func encodeModel(e encoder, m *ensemble.Model, base string) {
	e.open()
	e.key("learner")
	e.open()
	e.key("attributes")
	texts(e, m.Attributes)
	e.key("feature_names")
	stringArray(e, m.FeatureNames)
	e.key("feature_types")
	stringArray(e, m.FeatureTypes)
	e.key("gradient_booster")
	encodeBooster(e, m)
	e.key("learner_model_param")
	average := "0"
	if m.BoostFromAverage {
		average = "1"
	}
	texts(e, map[string]string{
		"base_score":         base,
		"boost_from_average": average,
		"num_class":          strconv.Itoa(m.NumClass),
		"num_feature":        strconv.Itoa(m.NumFeature),
		"num_target":         strconv.Itoa(max(1, m.NumTarget)),
	})
	e.key("objective")
	encodeObjective(e, m)
	e.close()
	e.key("version")
	v := formatVersion(m)
	integerArray(e, v[:])
	e.close()
}

func encodeObjective(e encoder, m *ensemble.Model) {
	blocks := map[string]map[string]string{"name": nil}
	if block, params := neededParams(m); block != "" {
		blocks[block] = params
	}
	for k, v := range m.ObjectiveParams {
		blocks[k] = v
	}
	e.open()
	for _, k := range sortedKeys(blocks) {
		e.key(k)
		if k == "name" {
			e.string(m.Objective)
			continue
		}
		texts(e, blocks[k])
	}
	e.close()
}

// neededParams is the block without which XGBoost, or 1.7 at least, does not
// load a model of this objective, with its defaults.
func neededParams(m *ensemble.Model) (block string, params map[string]string) {
	switch m.Objective {
	case "binary:logistic", "binary:logitraw", "reg:linear", "reg:logistic", "reg:squarederror", "reg:squaredlogerror":
		return "reg_loss_param", map[string]string{"scale_pos_weight": "1"}
	case "multi:softmax", "multi:softprob":
		return "softmax_multiclass_param", map[string]string{"num_class": strconv.Itoa(m.NumClass)}
	case "count:poisson":
		return "poisson_regression_param", map[string]string{"max_delta_step": "0.699999988"}
	case "reg:tweedie":
		return "tweedie_regression_param", map[string]string{"tweedie_variance_power": "1.5"}
	}
	return "", nil
}

func encodeBooster(e encoder, m *ensemble.Model) {
	e.open()
	switch m.Booster {
	case "gblinear":
		e.key("model")
		e.open()
		e.key("boosted_rounds")
		e.integer(int64(max(1, m.BoostedRounds))) // at 0 XGBoost 3 takes the model for untrained and moves its intercept
		e.key("weights")
		e.float32s(m.Linear)
		e.close()
		e.key("name")
		e.string("gblinear")
	case "dart":
		e.key("gbtree")
		e.open()
		encodeTrees(e, m)
		e.close()
		e.key("name")
		e.string("dart")
		e.key("weight_drop")
		e.openArray(len(m.WeightDrop))
		for _, w := range m.WeightDrop {
			e.next()
			e.float(w)
		}
		e.closeArray()
	default:
		encodeTrees(e, m)
	}
	e.close()
}

// encodeTrees writes the members model and name of a gbtree.
func encodeTrees(e encoder, m *ensemble.Model) {
	e.key("model")
	e.open()
	e.key("gbtree_model_param")
	texts(e, map[string]string{
		"num_parallel_tree": strconv.Itoa(max(1, m.NumParallelTree)),
		"num_trees":         strconv.Itoa(len(m.Trees)),
	})
	e.key("iteration_indptr")
	integerArray(e, m.RoundPointers())
	e.key("tree_info")
	integerArray(e, m.TreeInfo)
	e.key("trees")
	e.openArray(len(m.Trees))
	leafVector := "1"
	if formatVersion(m)[0] < 2 {
		leafVector = "0"
	}
	for i := range m.Trees {
		e.next()
		encodeTree(e, m, i, leafVector)
	}
	e.closeArray()
	e.close()
	e.key("name")
	e.string("gbtree")
}

func encodeTree(e encoder, m *ensemble.Model, i int, leafVector string) {
	t := &m.Trees[i]
	n := len(t.LeftChildren)
	e.open()
	e.key("base_weights")
	e.float32s(filled(t.BaseWeights, n))
	e.key("categories")
	e.int32s(t.Categories)
	e.key("categories_nodes")
	e.int32s(t.CategoriesNodes)
	e.key("categories_segments")
	e.int64s(t.CategoriesSegments)
	e.key("categories_sizes")
	e.int64s(t.CategoriesSizes)
	e.key("default_left")
	left := make([]uint8, n)
	for k, d := range t.DefaultLeft {
		if d {
			left[k] = 1
		}
	}
	e.bytes(left)
	e.key("id")
	e.integer(int64(i))
	e.key("left_children")
	e.int32s(t.LeftChildren)
	e.key("loss_changes")
	e.float32s(filled(t.LossChanges, n))
	e.key("parents")
	parents := t.Parents
	if len(parents) == 0 {
		parents = parentsOf(t)
	}
	e.int32s(parents)
	e.key("right_children")
	e.int32s(t.RightChildren)
	e.key("split_conditions")
	e.float32s(t.SplitConditions)
	e.key("split_indices")
	e.int32s(t.SplitIndices)
	e.key("split_type")
	kinds := t.SplitType
	if len(kinds) == 0 {
		kinds = make([]uint8, n)
	}
	e.bytes(kinds)
	e.key("sum_hessian")
	e.float32s(filled(t.SumHessian, n))
	e.key("tree_param")
	texts(e, map[string]string{
		"num_deleted":      strconv.Itoa(deleted(t)),
		"num_feature":      strconv.Itoa(m.NumFeature),
		"num_nodes":        strconv.Itoa(n),
		"size_leaf_vector": leafVector,
	})
	e.close()
}

// deleted counts the nodes marked as deleted. XGBoost refuses a file whose
// count differs, and 1.0 did not keep it.
func deleted(t *ensemble.Tree) int {
	n := 0
	for i, f := range t.SplitIndices {
		if f == 1<<31-1 && t.DefaultLeft[i] {
			n++
		}
	}
	return n
}

// filled is a, or n zeros where the model has no such statistic.
func filled(a []float32, n int) []float32 {
	if len(a) == 0 {
		return make([]float32, n)
	}
	return a
}

func parentsOf(t *ensemble.Tree) []int32 {
	p := make([]int32, len(t.LeftChildren))
	for i := range p {
		p[i] = 1<<31 - 1
	}
	for i, l := range t.LeftChildren {
		if l != -1 {
			p[l], p[t.RightChildren[i]] = int32(i), int32(i)
		}
	}
	return p
}

// appendJSONString quotes s as XGBoost does: control characters escaped,
// everything else as it is.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) < 0 {
		return append(append(b, s...), '"')
	}
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			if c < ' ' {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
				continue
			}
			b = append(b, c)
		}
	}
	return append(b, '"')
}
