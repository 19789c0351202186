// Package bound gives the bounds of a share: how low the true precision (or
// recall) may be, given what was counted. It is the one definition behind the
// operating point of a model and the target fit of the rules, so that both are
// held to the same promise.
//
// Rows of one IP address are not independent: an address that is listed once
// is listed in each of its rows. The bounds therefore divide the sample by a
// design effect that is measured on the counted clusters.
//
// It draws no samples (train/evaluation does) and is a leaf: it imports
// nothing of this project.
package bound
