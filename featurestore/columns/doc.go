// Package columns names the columns of a row: their order, types, units and
// meaning, and the hash by which a model and a store know that they speak of
// the same ones. It is the one place where a column's name is written.
//
// It holds no data and computes no feature; see featurestore/aggregate for
// that. It is a leaf: it imports nothing of this project.
package columns
