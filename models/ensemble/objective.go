package ensemble

import (
	"math"
	"strconv"

	"sluice/featurestore/fault"
)

// link is how an objective reads the file's base score: as the margin itself,
// as a probability, or as a positive mean.
type link uint8

const (
	identity link = iota
	logitLink
	logLink
)

// output is what an objective makes of a margin.
type output uint8

const (
	rawOutput     output = iota // the margin
	sigmoidOutput               // Sigmoid(margin)
	expOutput                   // Expf(margin)
	hingeOutput                 // 1 above 0, else 0
	softmaxOutput               // one probability per class
	argmaxOutput                // the index of the likeliest class, one number a row
)

type objectiveFacts struct {
	link   link
	output output
}

// objectives are XGBoost's, up to 3.4.
var objectives = map[string]objectiveFacts{
	"binary:hinge":         {identity, hingeOutput},
	"binary:logistic":      {logitLink, sigmoidOutput},
	"binary:logitraw":      {identity, rawOutput},
	"count:poisson":        {logLink, expOutput},
	"multi:softmax":        {identity, argmaxOutput},
	"multi:softprob":       {identity, softmaxOutput},
	"rank:map":             {identity, rawOutput},
	"rank:ndcg":            {identity, rawOutput},
	"rank:pairwise":        {identity, rawOutput},
	"reg:absoluteerror":    {identity, rawOutput},
	"reg:expectileerror":   {identity, rawOutput},
	"reg:gamma":            {logLink, expOutput},
	"reg:linear":           {identity, rawOutput},
	"reg:logistic":         {logitLink, sigmoidOutput},
	"reg:pseudohubererror": {identity, rawOutput},
	"reg:quantileerror":    {identity, rawOutput},
	"reg:squarederror":     {identity, rawOutput},
	"reg:squaredlogerror":  {identity, rawOutput},
	"reg:tweedie":          {logLink, expOutput},
	"survival:aft":         {logLink, expOutput},
	"survival:cox":         {logLink, expOutput},
}

// BaseMargins gives the start margin of each output group: the base score of
// the file through the objective's link, in float32 as XGBoost does it.
func (m *Model) BaseMargins() ([]float32, error) {
	o, ok := objectives[m.Objective]
	if !ok {
		return nil, unknownObjective(m.Objective)
	}
	g := m.Groups()
	if n := len(m.BaseScore); n != 1 && n != g {
		return nil, fault.Field(fault.Invalid, "base_score",
			"base_score has %d values, the model has %d outputs: expected one value or one per output", n, g)
	}
	out := make([]float32, g)
	for i := range out {
		s := m.BaseScore[0]
		if len(m.BaseScore) == g {
			s = m.BaseScore[i]
		}
		switch {
		case s != s || math.IsInf(float64(s), 0):
			return nil, fault.Field(fault.Invalid, "base_score", "base_score is %v: expected a finite number", s)
		case o.link == logitLink:
			if s < 0 || s > 1 {
				return nil, fault.Field(fault.Invalid, "base_score",
					"base_score is %v: %s expects a probability between 0 and 1", s, m.Objective)
			}
			s = logit(s)
		case o.link == logLink:
			if s <= 0 {
				return nil, fault.Field(fault.Invalid, "base_score",
					"base_score is %v: %s expects a mean above 0", s, m.Objective)
			}
			s = Logf(s)
		}
		out[i] = s
	}
	return out, nil
}

// Groups is the number of outputs: classes, targets, or 1.
func (m *Model) Groups() int { return max(1, m.NumClass, m.NumTarget) }

func unknownObjective(name string) error {
	return fault.Field(fault.Unsupported, "objective",
		"objective %s is not known: its base score and its transformation would be a guess; known are XGBoost's own up to 3.4",
		strconv.Quote(name))
}

// transform turns the margins of whole rows into what the objective answers,
// dst may be margins itself. len(margins) is rows*groups.
func (o output) transform(dst, margins []float32, groups int) {
	switch o {
	case rawOutput:
		copy(dst, margins)
	case sigmoidOutput:
		for i, m := range margins {
			dst[i] = Sigmoid(m)
		}
	case expOutput:
		for i, m := range margins {
			dst[i] = Expf(m)
		}
	case hingeOutput:
		for i, m := range margins {
			dst[i] = 0
			if m > 0 {
				dst[i] = 1
			}
		}
	case softmaxOutput:
		for i := 0; i < len(margins); i += groups {
			softmax(dst[i:i+groups], margins[i:i+groups])
		}
	case argmaxOutput:
		for i := 0; i < len(margins); i += groups {
			best := 0
			for k, m := range margins[i : i+groups] {
				if m > margins[i+best] {
					best = k
				}
			}
			dst[i/groups] = float32(best)
		}
	}
}

// softmax shifts by the largest margin, sums in float64 and divides in float32,
// as XGBoost does.
func softmax(dst, margins []float32) {
	top := margins[0]
	for _, m := range margins[1:] {
		top = max(top, m)
	}
	sum := 0.0
	for i, m := range margins {
		dst[i] = Expf(m - top)
		sum += float64(dst[i])
	}
	for i := range dst {
		dst[i] /= float32(sum)
	}
}
