package xgboost

import (
	"fmt"
	"math"
	"sort"
	"strconv"

	"sluice/featurestore/fault"
)

// A value is one node of a parsed document, JSON or UBJSON. Arrays of numbers
// are held flat, which is nearly all of a model.
type value struct {
	kind    kind
	str     string
	ints    []int64   // intKind (one), intsKind
	floats  []float32 // floatKind (one), floatsKind
	items   []value   // arrayKind
	members []member  // objectKind, in file order
}

type member struct {
	name string
	value
}

type kind uint8

const (
	nullKind kind = iota
	boolKind      // ints[0] is 0 or 1
	intKind
	floatKind
	stringKind
	intsKind   // an array of integers or booleans
	floatsKind // an array of numbers, not all integers
	arrayKind  // any other array, and the empty one
	objectKind
)

var kindNames = [...]string{"null", "a boolean", "an integer", "a number", "a string",
	"an array of integers", "an array of numbers", "an array", "an object"}

func (k kind) String() string { return kindNames[k] }

// maxDepth is how deep documents may nest; a model needs eight levels.
const maxDepth = 32

// maxValues bounds the nodes of a document, numbers in flat arrays not counted.
// A tree of a model has about thirty; without a bound, a file of empty arrays
// would take fifty times its size in memory.
const maxValues = 1 << 22

// maxDumpDepth is how deep a JSON dump may nest: two levels per level of a tree.
const maxDumpDepth = 2000

// maxDumpValues bounds the nodes of a JSON dump, about six per node of a tree.
const maxDumpValues = 1 << 24

// budget counts down the nodes that a document may still have.
type budget int

func newBudget(size, most int) budget { return budget(min(size/4+4096, most)) }

// spend takes one node; false when there are too many for a model.
func (b *budget) spend() bool {
	*b--
	return *b >= 0
}

// A cursor is a value with the path that leads to it, for errors.
type cursor struct {
	*value
	path string
}

func (c cursor) errorf(k fault.Kind, format string, args ...any) error {
	return fault.Field(k, c.path, "%s %s", c.path, fmt.Sprintf(format, args...))
}

// member finds a member; ok is false when it is absent or null.
func (c cursor) member(name string) (cursor, bool) {
	path := name
	if c.path != "" {
		path = c.path + "." + name
	}
	if c.value != nil && c.kind == objectKind {
		for i := range c.members {
			if c.members[i].name == name {
				v := &c.members[i].value
				return cursor{v, path}, v.kind != nullKind
			}
		}
	}
	return cursor{nil, path}, false
}

// need is member for what must be there, of kind objectKind or arrayKind.
func (c cursor) need(name string, k kind) (cursor, error) {
	v, ok := c.member(name)
	switch {
	case !ok:
		return v, v.errorf(fault.Invalid, "is missing: expected %v", k)
	case v.kind != k && !(k == arrayKind && (v.kind == intsKind || v.kind == floatsKind)):
		return v, v.errorf(fault.Invalid, "is %v: expected %v", v.kind, k)
	}
	return v, nil
}

// text is a string member, "" when absent.
func (c cursor) text(name string) (string, error) {
	v, ok := c.member(name)
	switch {
	case !ok:
		return "", nil
	case v.kind != stringKind:
		return "", v.errorf(fault.Invalid, "is %v: expected a string", v.kind)
	}
	return v.str, nil
}

// integer is an integer member, in a string or bare; def when absent.
func (c cursor) integer(name string, def, low, high int64) (int64, error) {
	v, ok := c.member(name)
	if !ok {
		return def, nil
	}
	n := int64(0)
	switch v.kind {
	case intKind, boolKind:
		n = v.ints[0]
	case stringKind:
		var err error
		if n, err = strconv.ParseInt(v.str, 10, 64); err != nil {
			return 0, v.errorf(fault.Invalid, "is %s: expected an integer", quote(v.str))
		}
	default:
		return 0, v.errorf(fault.Invalid, "is %v: expected an integer", v.kind)
	}
	if n < low || n > high {
		return 0, v.errorf(fault.Invalid, "is %d: expected %d to %d", n, low, high)
	}
	return n, nil
}

// float32s is an array member; absent gives nil when optional.
func (c cursor) float32s(name string, optional bool) ([]float32, error) {
	v, ok := c.member(name)
	if !ok {
		if optional {
			return nil, nil
		}
		return nil, v.errorf(fault.Invalid, "is missing: expected an array of numbers")
	}
	switch v.kind {
	case floatsKind:
		return v.floats, nil
	case intsKind:
		out := make([]float32, len(v.ints))
		for i, n := range v.ints {
			out[i] = float32(n)
		}
		return out, nil
	case arrayKind:
		if len(v.items) == 0 {
			return []float32{}, nil
		}
	}
	return nil, v.errorf(fault.Invalid, "is %v: expected an array of numbers", v.kind)
}

// integers is an array member whose entries fit T.
func integers[T int32 | int64 | uint8](c cursor, name string, optional bool) ([]T, error) {
	v, ok := c.member(name)
	if !ok {
		if optional {
			return nil, nil
		}
		return nil, v.errorf(fault.Invalid, "is missing: expected an array of integers")
	}
	switch v.kind {
	case intsKind:
		out := make([]T, len(v.ints))
		for i, n := range v.ints {
			if out[i] = T(n); int64(out[i]) != n {
				return nil, v.errorf(fault.Invalid, "[%d] is %d, which is out of range", i, n)
			}
		}
		return out, nil
	case floatsKind: // some writers give every number a fraction
		out := make([]T, len(v.floats))
		for i, f := range v.floats {
			if f != f || math.Abs(float64(f)) > 1<<24 || float32(T(f)) != f {
				return nil, v.errorf(fault.Invalid, "[%d] is %v: expected an integer", i, f)
			}
			out[i] = T(f)
		}
		return out, nil
	case arrayKind:
		if len(v.items) == 0 {
			return []T{}, nil
		}
	}
	return nil, v.errorf(fault.Invalid, "is %v: expected an array of integers", v.kind)
}

// strings is an array member of strings; absent gives nil.
func (c cursor) strings(name string) ([]string, error) {
	v, ok := c.member(name)
	if !ok {
		return nil, nil
	}
	if v.kind != arrayKind {
		return nil, v.errorf(fault.Invalid, "is %v: expected an array of strings", v.kind)
	}
	out := make([]string, len(v.items))
	for i := range v.items {
		if v.items[i].kind != stringKind {
			return nil, v.errorf(fault.Invalid, "[%d] is %v: expected a string", i, v.items[i].kind)
		}
		out[i] = v.items[i].str
	}
	return out, nil
}

// texts is an object member as a map; members that are not strings are left
// out (only training needs them).
func (c cursor) texts() map[string]string {
	out := map[string]string{}
	for i := range c.members {
		m := &c.members[i]
		switch m.kind {
		case stringKind:
			out[m.name] = m.str
		case intKind:
			out[m.name] = strconv.FormatInt(m.ints[0], 10)
		case boolKind:
			out[m.name] = strconv.FormatInt(m.ints[0], 10)
		case floatKind:
			out[m.name] = strconv.FormatFloat(float64(m.floats[0]), 'g', -1, 32)
		}
	}
	return out
}

// quote shortens and escapes what a file holds before it goes into an error.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strconv.Quote(s)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
