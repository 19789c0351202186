package leavesadapter

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
)

// Limits on what a file may announce. leaves allocates by these numbers.
const (
	maxFeatures = 1 << 22
	maxOutputs  = 1 << 12
	maxCategory = 1 << 24
	maxInteger  = 1 << 12 // in a pickle, whose integers leaves multiplies
)

func invalid(field, format string, args ...any) error {
	return fault.Field(fault.Invalid, field, field+" "+format, args...)
}

// params reads the key=value lines of one block of a LightGBM text model.
func params(block string) map[string]string {
	p := map[string]string{}
	for line := range strings.SplitSeq(block, "\n") {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		p[k] = v
	}
	return p
}

// integer reads one number of a block and checks its range.
func integer(p map[string]string, name string, low, high int) (int, error) {
	n, err := strconv.Atoi(p[name])
	if err != nil || n < low || n > high {
		return 0, invalid(name, "is %q: expected %d to %d", shorten(p[name]), low, high)
	}
	return n, nil
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// integers reads a list of exactly n numbers.
func integers(p map[string]string, name string, n int) ([]int, error) {
	words := strings.Fields(p[name])
	if len(words) != n {
		return nil, invalid(name, "has %d entries: expected %d", len(words), n)
	}
	out := make([]int, n)
	for i, w := range words {
		v, err := strconv.ParseInt(w, 10, 32)
		if err != nil {
			return nil, invalid(name, "[%d] is %q: expected an integer", i, shorten(w))
		}
		out[i] = int(v)
	}
	return out, nil
}

// checkText verifies the head and every tree of a LightGBM text model, and
// gives the number of features.
func checkText(data []byte) (features int, err error) {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	head, rest, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n\n")
	p := params(head)
	if v := p["version"]; v != "v2" && v != "v3" {
		return 0, fault.Field(fault.Unsupported, "version",
			"version is %q: leaves reads v2 and v3; save the model with LightGBM 2 or 3, or train with XGBoost", shorten(v))
	}
	top, err := integer(p, "max_feature_idx", 0, maxFeatures-1)
	if err != nil {
		return 0, err
	}
	if _, err := integer(p, "num_class", 1, maxOutputs); err != nil {
		return 0, err
	}
	trees := len(strings.Split(p["tree_sizes"], " "))
	for i := range trees {
		var block string
		block, rest, _ = strings.Cut(strings.TrimLeft(rest, "\n"), "\n\n")
		if err := checkTextTree(params(block), len(block), top); err != nil {
			return 0, fault.Wrap(err, "tree %d of %d", i, trees)
		}
	}
	return top + 1, nil
}

func checkTextTree(p map[string]string, size, top int) error {
	n, err := integer(p, "num_leaves", 1, max(1, size))
	if err != nil {
		return err
	}
	if words := strings.Fields(p["leaf_value"]); len(words) != n {
		return invalid("leaf_value", "has %d entries, num_leaves is %d", len(words), n)
	}
	if n == 1 {
		return nil
	}
	var children [2][]int
	for i, name := range [2]string{"left_child", "right_child"} {
		if children[i], err = integers(p, name, n-1); err != nil {
			return err
		}
	}
	for _, name := range []string{"threshold", "decision_type"} {
		if words := strings.Fields(p[name]); len(words) != n-1 {
			return invalid(name, "has %d entries: expected %d", len(words), n-1)
		}
	}
	split, err := integers(p, "split_feature", n-1)
	if err != nil {
		return err
	}
	for i, f := range split {
		if f < 0 || f > top {
			return invalid("split_feature", "[%d] is %d: expected 0 to max_feature_idx, %d", i, f, top)
		}
	}
	return checkChildren(children, n)
}

// checkChildren verifies that inner nodes 0 to n-2 and leaves ^0 to ^(n-1)
// form one tree: each has exactly one parent, and all hang on node 0.
func checkChildren(children [2][]int, n int) error {
	seen := make([]bool, n-1)
	leaf := make([]bool, n)
	seen[0] = true
	for stack := []int{0}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for side, name := range [2]string{"left_child", "right_child"} {
			c := children[side][at]
			switch {
			case c >= n-1 || c < -n:
				return invalid(name, "[%d] is %d: the tree has nodes to %d and leaves to %d", at, c, n-2, -n)
			case c < 0 && leaf[^c], c >= 0 && seen[c]:
				return invalid(name, "[%d] is %d, which has a parent already: expected a tree", at, c)
			case c < 0:
				leaf[^c] = true
			default:
				seen[c] = true
				stack = append(stack, c)
			}
		}
	}
	return nil
}

// checkJSON verifies sizes of a LightGBM JSON model, whose nesting makes its
// trees trees, and gives the number of features.
func checkJSON(data []byte) (features int, err error) {
	var m struct {
		MaxFeatureIdx int `json:"max_feature_idx"`
		NumClass      int `json:"num_class"`
		Trees         []struct {
			NumLeaves int      `json:"num_leaves"`
			NumCat    int      `json:"num_cat"`
			Root      jsonNode `json:"tree_structure"`
		} `json:"tree_info"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return 0, fault.New(fault.Invalid, "%w", err)
	}
	if m.MaxFeatureIdx < 0 || m.MaxFeatureIdx >= maxFeatures {
		return 0, invalid("max_feature_idx", "is %d: expected 0 to %d", m.MaxFeatureIdx, maxFeatures-1)
	}
	if m.NumClass < 1 || m.NumClass > maxOutputs {
		return 0, invalid("num_class", "is %d: expected 1 to %d", m.NumClass, maxOutputs)
	}
	for i := range m.Trees {
		t := &m.Trees[i]
		leaves, err := t.Root.count(m.MaxFeatureIdx)
		if err != nil {
			return 0, fault.Wrap(err, "tree %d", i)
		}
		if t.NumLeaves != leaves || t.NumCat < 0 || t.NumCat > leaves {
			return 0, invalid("num_leaves", "of tree %d is %d, num_cat %d: the tree has %d leaves", i, t.NumLeaves, t.NumCat, leaves)
		}
	}
	return m.MaxFeatureIdx + 1, nil
}

type jsonNode struct {
	Feature   *int            `json:"split_feature"`
	Threshold json.RawMessage `json:"threshold"`
	Left      *jsonNode       `json:"left_child"`
	Right     *jsonNode       `json:"right_child"`
}

// count gives the leaves below n, whose splits are checked. encoding/json
// limits the depth.
func (n *jsonNode) count(top int) (int, error) {
	if n.Left == nil && n.Right == nil {
		return 1, nil
	}
	if n.Left == nil || n.Right == nil || n.Feature == nil || *n.Feature < 0 || *n.Feature > top {
		return 0, invalid("tree_structure", "has a split without two children or with a feature outside 0 to %d", top)
	}
	var set string
	if json.Unmarshal(n.Threshold, &set) == nil {
		for c := range strings.SplitSeq(set, "||") {
			if v, err := strconv.Atoi(c); err != nil || v < 0 || v >= maxCategory {
				return 0, invalid("threshold", "lists the category %q: expected 0 to %d", shorten(c), maxCategory-1)
			}
		}
	}
	l, err := n.Left.count(top)
	if err != nil {
		return 0, err
	}
	r, err := n.Right.count(top)
	return l + r, err
}

// checkPickle bounds the integers of a protocol 0 pickle, whose arguments all
// end their lines: leaves takes them for sizes without a look.
func checkPickle(data []byte) error {
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		// Opcodes without arguments may stand before I or L in a line.
		line = bytes.TrimLeft(line, "(tsaubdl0.]}N)R")
		if len(line) < 2 || line[0] != 'I' && line[0] != 'L' {
			continue
		}
		word := string(bytes.TrimSuffix(line[1:], []byte{'L'}))
		n, err := strconv.ParseInt(word, 10, 64)
		if err == nil && n > maxInteger {
			return fault.Field(fault.Exhausted, "pickle", "it holds the number %d: sizes above %d are refused", n, maxInteger)
		}
	}
	return nil
}
