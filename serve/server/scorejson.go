package server

import (
	"math"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "sluice/proto/sluice/v1"
)

// scoreMarshaler writes scores, the answer asked for most, without reflection,
// in a fifth of the time, and rows of scores as every JSON parser reads them;
// everything else as the gateway does.
type scoreMarshaler struct{ *runtime.JSONPb }

// marshalScore writes a score, or gives nil where protobuf has to.
func marshalScore(s *pb.IpScore) []byte {
	if s == nil || len(s.ProtoReflect().GetUnknown()) != 0 {
		return nil
	}
	w := jsonWriter{b: make([]byte, 0, 1024)}
	w.score(s)
	if w.odd {
		return nil
	}
	return w.b
}

// jsonWriter appends JSON with the protos' names, and zeroes as zeroes. What it
// does not write as protobuf's JSON has it makes it odd: text that needs
// escapes, enums without a name, instants that are none.
type jsonWriter struct {
	b   []byte
	odd bool
}

// key begins a field; the first one of a message begins with a brace.
func (w *jsonWriter) key(k string) { w.b = append(w.b, k...) }

func (w *jsonWriter) text(k, s string) {
	w.key(k)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			w.odd = true
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}

func (w *jsonWriter) number(k string, v float64) {
	w.key(k)
	switch a := math.Abs(v); {
	case !(a <= math.MaxFloat64):
		w.odd = true
	case a != 0 && (a < 1e-6 || a >= 1e21):
		w.b = strconv.AppendFloat(w.b, v, 'e', -1, 64)
		// e-7, not e-07
		if n := len(w.b); w.b[n-4] == 'e' && w.b[n-3] == '-' && w.b[n-2] == '0' {
			w.b[n-2] = w.b[n-1]
			w.b = w.b[:n-1]
		}
	default:
		w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
	}
}

func (w *jsonWriter) bool(k string, v bool) {
	w.key(k)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *jsonWriter) name(k string, names map[int32]string, v int32) {
	w.key(k)
	name, ok := names[v]
	w.odd = w.odd || !ok
	w.b = append(append(append(w.b, '"'), name...), '"')
}

// time writes an instant in whole seconds, if there is one.
func (w *jsonWriter) time(k string, t *timestamppb.Timestamp) {
	if t == nil {
		return
	}
	if t.Nanos != 0 || t.CheckValid() != nil {
		w.odd = true
	}
	w.key(k)
	w.b = append(w.b, '"')
	w.b = time.Unix(t.Seconds, 0).UTC().AppendFormat(w.b, "2006-01-02T15:04:05Z")
	w.b = append(w.b, '"')
}

func (w *jsonWriter) score(s *pb.IpScore) {
	w.text(`{"name":`, s.Name)
	w.text(`,"ip":`, s.Ip)
	w.number(`,"confidence":`, s.Confidence)
	w.name(`,"verdict":`, pb.Verdict_name, int32(s.Verdict))
	w.key(`,"reasons":[`)
	for i, r := range s.Reasons {
		if i > 0 {
			w.key(",")
		}
		w.text(`{"feature":`, r.GetFeature())
		if r != nil && r.Value != nil {
			w.number(`,"value":`, *r.Value)
		}
		w.number(`,"contribution":`, r.GetContribution())
		w.key("}")
	}
	w.key(`],"windows":[`)
	for i, x := range s.Windows {
		if i > 0 {
			w.key(",")
		}
		w.text(`{"attack":`, x.GetAttack())
		w.time(`,"start_time":`, x.GetStartTime())
		w.time(`,"end_time":`, x.GetEndTime())
		w.number(`,"confidence":`, x.GetConfidence())
		w.key("}")
	}
	w.text(`],"model_version":`, s.ModelVersion)
	w.time(`,"as_of":`, s.AsOf)
	w.time(`,"expire_time":`, s.ExpireTime)
	if d := s.Decision; d != nil {
		w.key(`,"decision":`)
		w.decision(d)
	}
	w.bool(`,"expired":`, s.Expired)
	w.key("}")
}

func (w *jsonWriter) decision(d *pb.Decision) {
	w.name(`{"verdict":`, pb.Verdict_name, int32(d.Verdict))
	w.name(`,"scored":`, pb.Verdict_name, int32(d.Scored))
	w.name(`,"source":`, pb.DecisionSource_name, int32(d.Source))
	w.text(`,"reason":`, d.Reason)
	w.text(`,"author":`, d.Author)
	w.time(`,"since_time":`, d.SinceTime)
	w.time(`,"until_time":`, d.UntilTime)
	w.text(`,"shared":`, d.Shared)
	w.text(`,"appeal":`, d.Appeal)
	if c := d.Crawler; c != nil {
		w.text(`,"crawler":{"crawler":`, c.Crawler)
		w.bool(`,"claimed":`, c.Claimed)
		w.bool(`,"verified":`, c.Verified)
		w.text(`,"reason":`, c.Reason)
		w.key("}")
	}
	w.key("}")
}
