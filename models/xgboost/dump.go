package xgboost

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/models/ensemble"
)

// DumpText gives XGBoost's text dump, one string per tree (for gblinear a
// single one), as get_dump does: node ids, names, thresholds with nine digits,
// and with withStats the gain and cover of each node. dump_model writes each
// after a line "booster[i]:".
func DumpText(m *ensemble.Model, withStats bool) []string {
	if m.Booster == "gblinear" {
		return []string{dumpLinear(m)}
	}
	out := make([]string, len(m.Trees))
	for i := range m.Trees {
		d := dumper{m: m, t: &m.Trees[i], stats: withStats}
		d.text(0, 0)
		out[i] = string(d.b)
	}
	return out
}

// DumpJSON gives XGBoost's JSON dump of all trees, as dump_model writes it.
// Before 2.0 XGBoost escaped nothing in names, and neither does this for a model
// of such a version: a quote in a name then gives a file that is no JSON. gblinear: one object of bias and weights.
func DumpJSON(m *ensemble.Model, withStats bool) string {
	var b []byte
	b = append(b, "[\n"...)
	if m.Booster == "gblinear" {
		b = append(b, dumpLinearJSON(m)...)
	}
	for i := range m.Trees {
		if i > 0 {
			b = append(b, ",\n"...)
		}
		d := dumper{b: b, m: m, t: &m.Trees[i], stats: withStats}
		d.json(0, 0)
		b = d.b
	}
	return string(append(b, "\n]"...))
}

type dumper struct {
	b     []byte
	m     *ensemble.Model
	t     *ensemble.Tree
	stats bool
}

// appendDigits writes f with at most n significant digits, as C++ streams do.
func appendDigits(b []byte, f float32, n int) []byte {
	switch {
	case f != f:
		return append(b, "nan"...)
	case math.IsInf(float64(f), 1):
		return append(b, "inf"...)
	case math.IsInf(float64(f), -1):
		return append(b, "-inf"...)
	}
	// %g of strconv keeps trailing zeros in some cases; C++ never does.
	start := len(b)
	b = strconv.AppendFloat(b, float64(f), 'e', n-1, 64)
	e := start + strings.IndexByte(string(b[start:]), 'e')
	exp, _ := strconv.Atoi(string(b[e+1:]))
	if exp < -4 || exp >= n {
		digits := strings.TrimRight(strings.TrimRight(string(b[start:e]), "0"), ".")
		if !strings.Contains(string(b[start:e]), ".") {
			digits = string(b[start:e])
		}
		tail := string(b[e:])
		return append(append(b[:start], digits...), tail...)
	}
	b = strconv.AppendFloat(b[:start], float64(f), 'f', max(0, n-1-exp), 64)
	if strings.IndexByte(string(b[start:]), '.') >= 0 {
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
		if b[len(b)-1] == '.' {
			b = b[:len(b)-1]
		}
	}
	return b
}

func (d *dumper) str(s string)     { d.b = append(d.b, s...) }
func (d *dumper) int(i int32)      { d.b = strconv.AppendInt(d.b, int64(i), 10) }
func (d *dumper) number(f float32) { d.b = appendDigits(d.b, f, 9) }
func (d *dumper) indent(s string, n int) {
	for range n {
		d.str(s)
	}
}

// featureType is what the dump distinguishes: "i" (indicator), "int", or a
// number.
func (d *dumper) featureType(n int32) string {
	if f := int(d.t.SplitIndices[n]); f < len(d.m.FeatureTypes) {
		return d.m.FeatureTypes[f]
	}
	return ""
}

// threshold writes the condition of a numeric node; that of an int feature is
// the smallest integer that goes right.
func (d *dumper) threshold(n int32) {
	c := d.t.SplitConditions[n]
	if d.featureType(n) == "int" && math.Abs(float64(c)) < 1<<31 {
		d.b = strconv.AppendInt(d.b, int64(math.Ceil(float64(c))), 10)
		return
	}
	d.number(c)
}

func (d *dumper) missing(n int32) int32 {
	if d.t.DefaultLeft[n] {
		return d.t.LeftChildren[n]
	}
	return d.t.RightChildren[n]
}

func (d *dumper) stat(a []float32, n int32) float32 {
	if len(a) == 0 {
		return 0
	}
	return a[n]
}

// name writes a feature's name, escaped as in JSON since version escaped.
func (d *dumper) name(n int32, escaped [3]int32) {
	name := d.m.FeatureName(int(d.t.SplitIndices[n]))
	if v := formatVersion(d.m); slices.Compare(v[:], escaped[:]) < 0 {
		d.str(name)
		return
	}
	quoted := appendJSONString(nil, name)
	d.b = append(d.b, quoted[1:len(quoted)-1]...)
}

func (d *dumper) categories(n int32, sep string) {
	set, _ := d.t.CategoriesOf(n)
	for i, c := range set {
		if i > 0 {
			d.str(sep)
		}
		d.int(c)
	}
}

func (d *dumper) text(n int32, depth int) {
	l, r := d.t.LeftChildren[n], d.t.RightChildren[n]
	if l == -1 {
		d.indent("\t", depth)
		d.int(n)
		d.str(":leaf=")
		d.number(d.t.SplitConditions[n])
		if d.stats {
			d.str(",cover=")
			d.number(d.stat(d.t.SumHessian, n))
		}
		d.str("\n")
		return
	}
	yes, no := l, r
	_, categorical := d.t.CategoriesOf(n)
	indicator := !categorical && d.featureType(n) == "i"
	if !indicator { // XGBoost does not indent these
		d.indent("\t", depth)
	}
	d.int(n)
	d.str(":[")
	d.name(n, [3]int32{2, 1, 0})
	switch {
	case categorical:
		yes, no = r, l
		d.str(":{")
		d.categories(n, ",")
		d.str("}")
	case indicator:
		no = d.missing(n)
		yes = l + r - no
	default:
		d.str("<")
		d.threshold(n)
	}
	d.str("] yes=")
	d.int(yes)
	d.str(",no=")
	d.int(no)
	if !indicator {
		d.str(",missing=")
		d.int(d.missing(n))
	}
	if d.stats {
		d.str(",gain=")
		d.number(d.stat(d.t.LossChanges, n))
		d.str(",cover=")
		d.number(d.stat(d.t.SumHessian, n))
	}
	d.str("\n")
	d.text(l, depth+1)
	d.text(r, depth+1)
}

func (d *dumper) json(n int32, depth int) {
	d.indent("  ", depth+1)
	d.str(`{ "nodeid": `)
	d.int(n)
	l, r := d.t.LeftChildren[n], d.t.RightChildren[n]
	if l == -1 {
		d.str(`, "leaf": `)
		d.number(d.t.SplitConditions[n])
		if d.stats {
			d.str(` , "cover": `)
			d.number(d.stat(d.t.SumHessian, n))
		}
		d.str(" }")
		return
	}
	yes, no := l, r
	d.str(`, "depth": `)
	d.int(int32(depth))
	d.str(`, "split": "`)
	d.name(n, [3]int32{2, 0, 0})
	d.str(`"`)
	_, categorical := d.t.CategoriesOf(n)
	indicator := !categorical && d.featureType(n) == "i"
	switch {
	case categorical:
		yes, no = r, l
		d.str(`, "split_condition": [`)
		d.categories(n, ", ")
		d.str("]")
	case indicator:
		no = d.missing(n)
		yes = l + r - no
	default:
		d.str(`, "split_condition": `)
		d.threshold(n)
	}
	d.str(`, "yes": `)
	d.int(yes)
	d.str(`, "no": `)
	d.int(no)
	if !indicator {
		d.str(`, "missing": `)
		d.int(d.missing(n))
	}
	if d.stats {
		d.str(` , "gain": `)
		d.number(d.stat(d.t.LossChanges, n))
		d.str(`, "cover": `)
		d.number(d.stat(d.t.SumHessian, n))
		d.str(`, "children": [`)
	} else {
		d.str(` , "children": [`)
	}
	d.str("\n")
	d.json(l, depth+1)
	d.str(", \n")
	d.json(r, depth+1)
	d.str("\n")
	d.indent("  ", depth+1)
	d.str("]}")
}

// dumpLinear writes biases and weights with six digits, as XGBoost does.
func dumpLinear(m *ensemble.Model) string {
	b := []byte("bias:\n")
	g := m.Groups()
	for i := range g {
		b = append(appendDigits(b, m.Linear[m.NumFeature*g+i], 6), '\n')
	}
	b = append(b, "weight:\n"...)
	for _, w := range m.Linear[:m.NumFeature*g] {
		b = append(appendDigits(b, w, 6), '\n')
	}
	return string(b)
}

func dumpLinearJSON(m *ensemble.Model) string {
	g := m.Groups()
	list := func(b []byte, a []float32) []byte {
		for i, v := range a {
			if i > 0 {
				b = append(b, ",\n"...)
			}
			b = append(b, "      "...)
			b = appendDigits(b, v, 6)
		}
		return append(b, "\n    ]"...)
	}
	b := list([]byte("  { \"bias\": [\n"), m.Linear[m.NumFeature*g:])
	b = list(append(b, ",\n    \"weight\": [\n"...), m.Linear[:m.NumFeature*g])
	return string(append(b, "\n  }"...))
}
