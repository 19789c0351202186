// Package wire is how messages become bytes on gRPC connections, for the
// service and for its Go client: protobuf's own encoding, byte for byte, in
// buffers that are used again without being cleared, and with a shorter way for
// the numbers of rows. It knows messages, not what they mean.
package wire
