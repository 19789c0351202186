package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "sluice/proto/sluice/v1"
)

// Codec encodes as gRPC's codec does and decodes what it decodes, with Buffers
// in place of gRPC's own.
var Codec encoding.CodecV2 = codec{}

type codec struct{}

// Name is that of gRPC's own codec, so that every other client is understood.
func (codec) Name() string { return "proto" }

// Marshal encodes a message.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("wire: %T is no message", v)
	}
	n := proto.Size(m)
	o := proto.MarshalOptions{UseCachedSize: true} // of the line above
	if mem.IsBelowBufferPoolingThreshold(n) {
		b, err := o.MarshalAppend(make([]byte, 0, n), m)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	buf := Buffers.Get(n)
	b, err := o.MarshalAppend((*buf)[:0], m)
	if err != nil {
		Buffers.Put(buf)
		return nil, err
	}
	*buf = b
	return mem.BufferSlice{mem.NewBuffer(buf, Buffers)}, nil
}

// Unmarshal decodes a message. The values of rows go into the array that v
// holds, else into one that was released, so whoever receives into the same
// message again must be done with the one before.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("wire: %T is no message", v)
	}
	buf := data.MaterializeToBuffer(Buffers)
	defer buf.Free()
	switch m := m.(type) {
	case *pb.ScoreRowsRequest:
		return unmarshalRows(buf.ReadOnlyData(), m, &m.Values)
	case *pb.StreamScoresRequest:
		return unmarshalRows(buf.ReadOnlyData(), m, &m.Values)
	}
	return proto.Unmarshal(buf.ReadOnlyData(), m)
}

// valuesField is the number of the field values in both messages.
const valuesField = 3

// unmarshalRows decodes a message whose values, packed doubles, are nearly all
// of it: they are taken at once, and what stands before and after them as ever.
func unmarshalRows(b []byte, m proto.Message, values *[]float64) error {
	from, packed, to := findValues(b)
	if packed == nil {
		return proto.Unmarshal(b, m)
	}
	into := *values
	if err := proto.Unmarshal(b[:from], m); err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(b[to:], m); err != nil {
		return err
	}
	n := len(packed) / 8
	if into == nil {
		if v, ok := released.Get().(*[]float64); ok {
			into = *v
		}
	}
	into = slices.Grow(into[:0], n)[:n]
	for i := range into {
		into[i] = math.Float64frombits(binary.LittleEndian.Uint64(packed[8*i:]))
	}
	*values = into
	return nil
}

// released are arrays of values. To make a new one for each message of 1,000
// rows, and to clear it, takes a tenth of the time that scoring them takes.
var released sync.Pool

// Release takes the values from a message that was decoded and is done with.
func Release(m any) {
	q, ok := m.(*pb.ScoreRowsRequest)
	if !ok || cap(q.Values) == 0 {
		return
	}
	v := q.Values
	q.Values = nil
	released.Put(&v)
}

// findValues finds the field of values where it is there once and packed: b is
// b[:from], the field and b[to:]. In any other case, packed is nil.
func findValues(b []byte) (from int, packed []byte, to int) {
	for at := 0; at < len(b); {
		number, kind, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return 0, nil, 0
		}
		size := protowire.ConsumeFieldValue(number, kind, b[at+n:])
		if size < 0 {
			return 0, nil, 0
		}
		if number == valuesField {
			v, _ := protowire.ConsumeBytes(b[at+n:])
			if kind != protowire.BytesType || packed != nil || len(v) == 0 || len(v)%8 != 0 {
				return 0, nil, 0
			}
			from, packed, to = at, v, at+n+size
		}
		at += n + size
	}
	return from, packed, to
}
