package wire

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"pgregory.net/rapid"

	pb "sluice/proto/sluice/v1"
)

func bytesOf(t interface{ Fatal(...any) }, m any) []byte {
	data, err := Codec.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Free()
	return data.Materialize()
}

func sample(n int) *pb.ScoreRowsRequest {
	q := &pb.ScoreRowsRequest{ModelVersion: "2024-08-0123456789ab", FeatureNames: []string{"request_count", "spider_ratio"}, MaxReasons: 2}
	for i := range n {
		q.Values = append(q.Values, float64(i)/3)
	}
	return q
}

// What the codec writes is what gRPC's own reads and would write, of every size
// around the buffers' bounds.
func TestSameBytes(t *testing.T) {
	theirs := encoding.GetCodecV2("proto")
	if Codec.Name() != theirs.Name() {
		t.Errorf("name %q", Codec.Name())
	}
	for _, n := range []int{0, 1, 100, 127, 128, 129, 1000, 24_000} {
		q := sample(n)
		got := bytesOf(t, q)
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(q)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d values: other bytes than protobuf's, %v", n, err)
		}
		var back pb.ScoreRowsRequest
		if err := theirs.Unmarshal(mem.BufferSlice{mem.SliceBuffer(got)}, &back); err != nil || !proto.Equal(&back, q) {
			t.Fatalf("%d values: gRPC's codec reads another message, %v", n, err)
		}
	}
	if _, err := Codec.Marshal(7); err == nil {
		t.Error("a number was taken for a message")
	}
	if err := Codec.Unmarshal(nil, 7); err == nil {
		t.Error("a number was taken for a message")
	}
}

// sameAsProto holds Unmarshal against protobuf's own: the same message or an
// error from both, in one piece or several.
func sameAsProto(t interface{ Fatalf(string, ...any) }, b []byte, piece int) {
	for _, m := range []proto.Message{&pb.ScoreRowsRequest{}, &pb.StreamScoresRequest{}, &pb.ScoreRowsResponse{}, &emptypb.Empty{}} {
		want := m.ProtoReflect().New().Interface()
		wantErr := proto.Unmarshal(b, want)
		var data mem.BufferSlice
		for part := range slices.Chunk(b, piece) {
			data = append(data, mem.SliceBuffer(part))
		}
		err := Codec.Unmarshal(data, m)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%x as %T: %v, protobuf says %v", b, m, err, wantErr)
		}
		// By bytes: NaN is not equal to itself.
		o := proto.MarshalOptions{Deterministic: true}
		x, _ := o.Marshal(want)
		y, _ := o.Marshal(m)
		if err == nil && !bytes.Equal(x, y) {
			t.Fatalf("%x as %T: %v, protobuf says %v", b, m, m, want)
		}
	}
}

func TestUnmarshalAsProtobuf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		double := func(b []byte, v float64) []byte { return protowire.AppendFixed64(b, math.Float64bits(v)) }
		var b []byte
		for range rapid.IntRange(0, 6).Draw(t, "fields") {
			switch rapid.IntRange(0, 6).Draw(t, "field") {
			case 0:
				b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), rapid.String().Draw(t, "version"))
			case 1:
				b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), rapid.String().Draw(t, "name"))
			case 2: // packed, perhaps of a wrong length
				var v []byte
				for range rapid.IntRange(0, 40).Draw(t, "values") {
					v = double(v, rapid.Float64().Draw(t, "value"))
				}
				v = v[:len(v)-min(len(v), rapid.SampledFrom([]int{0, 0, 0, 1, 7}).Draw(t, "short"))]
				b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), v)
			case 3: // one by one
				b = double(protowire.AppendTag(b, 3, protowire.Fixed64Type), rapid.Float64().Draw(t, "value"))
			case 4:
				b = protowire.AppendVarint(protowire.AppendTag(b, 4, protowire.VarintType), rapid.Uint64().Draw(t, "reasons"))
			case 5: // unknown fields are kept
				b = protowire.AppendVarint(protowire.AppendTag(b, 99, protowire.VarintType), 1)
			case 6:
				b = protowire.AppendVarint(protowire.AppendTag(b, 5, protowire.VarintType), rapid.Uint64().Draw(t, "id"))
			}
		}
		b = b[:len(b)-min(len(b), rapid.SampledFrom([]int{0, 0, 0, 1, 5}).Draw(t, "cut"))]
		sameAsProto(t, b, rapid.IntRange(1, len(b)+1).Draw(t, "piece"))
	})
}

func FuzzUnmarshal(f *testing.F) {
	for _, n := range []int{0, 1, 30} {
		f.Add(bytesOf(f, sample(n)), 7)
	}
	f.Add([]byte{0x1a, 0x08, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x1a, 0x00}, 3)
	f.Fuzz(func(t *testing.T, b []byte, piece int) { sameAsProto(t, b, max(piece, 1)) })
}

// A stream receives into one message: its values' array is used again, and
// nothing of the message before is left.
func TestReceiveAgain(t *testing.T) {
	var m pb.StreamScoresRequest
	first := &pb.StreamScoresRequest{ModelVersion: "v", FeatureNames: []string{"a"}, Values: make([]float64, 500), Id: 7}
	second := &pb.StreamScoresRequest{Values: []float64{1, 2}}
	for _, q := range []*pb.StreamScoresRequest{first, second, {}, first} {
		if err := Codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(bytesOf(t, q))}, &m); err != nil || !proto.Equal(&m, q) {
			t.Fatalf("received %v, want %v, %v", &m, q, err)
		}
	}
	b := bytesOf(t, first)
	at := &m.Values[0]
	if err := Codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, &m); err != nil || &m.Values[0] != at {
		t.Errorf("the array was not used again, %v", err)
	}
}

// What was released is used again, and only by one.
func TestRelease(t *testing.T) {
	raw := mem.BufferSlice{mem.SliceBuffer(bytesOf(t, sample(5000)))}
	Release(&pb.StreamScoresRequest{})
	Release(&pb.ScoreRowsRequest{})
	again := false
	for range 50 {
		var one, other pb.ScoreRowsRequest
		if err := Codec.Unmarshal(raw, &one); err != nil {
			t.Fatal(err)
		}
		at := &one.Values[0]
		Release(&one)
		if len(one.Values) != 0 {
			t.Fatal("the message still holds what it gave away")
		}
		if err := Codec.Unmarshal(raw, &one); err != nil {
			t.Fatal(err)
		}
		if err := Codec.Unmarshal(raw, &other); err != nil || !proto.Equal(&one, sample(5000)) || !proto.Equal(&other, &one) {
			t.Fatalf("other values, %v", err)
		}
		if &one.Values[0] == &other.Values[0] {
			t.Fatal("two messages hold one array")
		}
		again = again || &one.Values[0] == at
	}
	if !again {
		t.Error("no array was used again")
	}
}

func TestBuffers(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 4096, 100_000, 1 << 24, 1<<24 + 1} {
		b := Buffers.Get(n)
		if len(*b) != n {
			t.Errorf("asked for %d bytes, got %d", n, len(*b))
		}
		if n <= 1<<24 && (cap(*b) >= 2*max(n, 256) || cap(*b)&(cap(*b)-1) != 0) {
			t.Errorf("%d bytes in a buffer of %d", n, cap(*b))
		}
		*b = (*b)[:n/2] // a holder may cut it
		Buffers.Put(b)
	}
	odd := make([]byte, 300)
	Buffers.Put(&odd) // not of the pool
	for range 100 {
		if b := Buffers.Get(300); cap(*b) != 512 {
			t.Fatalf("300 bytes in a buffer of %d", cap(*b))
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for _, rows := range []int{64, 1000} {
		raw := bytesOf(b, sample(12*rows))
		for name, c := range map[string]encoding.CodecV2{"grpc": encoding.GetCodecV2("proto"), "wire": Codec} {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, name), func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				half := len(raw) / 2 // as frames come in
				for b.Loop() {
					var m pb.ScoreRowsRequest
					if err := c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(raw[:half]), mem.SliceBuffer(raw[half:])}, &m); err != nil {
						b.Fatal(err)
					}
					if c == Codec {
						Release(&m)
					}
				}
			})
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	for _, rows := range []int{64, 1000} {
		q := sample(12 * rows)
		for name, c := range map[string]encoding.CodecV2{"grpc": encoding.GetCodecV2("proto"), "wire": Codec} {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, name), func(b *testing.B) {
				b.SetBytes(int64(proto.Size(q)))
				b.ReportAllocs()
				for b.Loop() {
					data, err := c.Marshal(q)
					if err != nil {
						b.Fatal(err)
					}
					data.Free()
				}
			})
		}
	}
}
