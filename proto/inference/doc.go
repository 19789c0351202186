// Package inference is the Open Inference Protocol, version 2, over gRPC: its
// messages and service as generated from the .proto file, wire for wire what
// KServe, Triton and Lift Wing clients speak. serve/server implements it.
package inference
