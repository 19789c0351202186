package server

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	pb "sluice/proto/sluice/v1"
)

// drawMessage fills every field that the message's type has, so that one that
// is added and not written is seen. A plain one holds nothing that the short way
// leaves to protobuf.
func drawMessage(t *rapid.T, m protoreflect.Message, plain bool) {
	if m.Descriptor().FullName() == "google.protobuf.Timestamp" {
		f := m.Descriptor().Fields()
		m.Set(f.ByName("seconds"), protoreflect.ValueOfInt64(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds")))
		if !plain {
			m.Set(f.ByName("nanos"), protoreflect.ValueOfInt32(rapid.SampledFrom([]int32{0, 0, 5, 500_000_000}).Draw(t, "nanos")))
		}
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
			continue
		}
		if f.IsList() {
			l := m.Mutable(f).List()
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				drawMessage(t, l.AppendMutable().Message(), plain)
			}
			continue
		}
		switch f.Kind() {
		case protoreflect.MessageKind:
			drawMessage(t, m.Mutable(f).Message(), plain)
		case protoreflect.StringKind:
			texts := rapid.StringMatching("[ !#-\\[\\]-~]{0,12}")
			if !plain {
				texts = rapid.OneOf(texts, rapid.StringMatching("[ -~]{0,12}"), rapid.String())
			}
			m.Set(f, protoreflect.ValueOfString(texts.Draw(t, "text")))
		case protoreflect.DoubleKind:
			numbers := rapid.OneOf(rapid.Float64Range(-1, 1), rapid.Float64(),
				rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e-6, 9.99e-7, 1e-7, 1e-10, 1e21, 1e20, 5e-324, math.MaxFloat64}))
			if !plain {
				numbers = rapid.OneOf(numbers, rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}))
			}
			m.Set(f, protoreflect.ValueOfFloat64(numbers.Draw(t, "number")))
		case protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool")))
		case protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.SampledFrom([]int32{0, 1, 2, 3, 9}[:5-oneIf(plain)]).Draw(t, "enum"))))
		default:
			t.Fatalf("%s has a kind that this test does not draw", f.FullName())
		}
	}
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A score is written as protobuf's JSON has it, whatever is in it.
func TestScoreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &pb.IpScore{}
		plain := rapid.Bool().Draw(t, "plain")
		drawMessage(t, s.ProtoReflect(), plain)
		want, wantErr := restMarshaler.Marshal(s)
		got, err := scoreMarshaler{restMarshaler}.Marshal(s)
		if (err != nil) != (wantErr != nil) || compact(string(got)) != compact(string(want)) {
			t.Fatalf("%s, %v\nprotobuf writes\n%s, %v", got, err, want, wantErr)
		}
		w := jsonWriter{}
		if w.score(s); w.odd && plain {
			t.Fatalf("%s is left to protobuf", want)
		}
	})
	line := testLine("2001:db8::1", 0.25)
	s, _ := ipScore(&line)
	w := jsonWriter{}
	if w.score(s); w.odd {
		t.Errorf("an ordinary score is odd: %s", w.b)
	}
	if b, err := (scoreMarshaler{restMarshaler}).Marshal((*pb.IpScore)(nil)); err != nil || proto.Size((*pb.IpScore)(nil)) != 0 || len(b) == 0 {
		t.Errorf("no score: %s, %v", b, err)
	}
}

func BenchmarkScoreJSON(b *testing.B) {
	line := testLine("2001:db8::1", 0.25)
	s, _ := ipScore(&line)
	b.Run("gateway", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = restMarshaler.Marshal(s)
		}
	})
	b.Run("sluice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = scoreMarshaler{restMarshaler}.Marshal(s)
		}
	})
}
