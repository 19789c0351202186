// Package scorer is the one function from a row to a score: the same for the
// feed, the API, replays and notebooks.
//
// A score's confidence is the calibrated probability that the address is
// abusive; its verdict is the operating point's, held against the raw
// probability; its reasons are contributions to the margin (TreeSHAP) that
// add up to it.
//
// It reads a version of models/registry. It does not know where rows come
// from, and it does not apply allowlists (see serve/policy).
package scorer
