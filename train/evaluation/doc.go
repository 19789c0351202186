// Package evaluation measures a model: the figures, their uncertainty, the
// comparison with plain rules and with the list itself, the choice of an
// operating point, and the gates. Its types are the content of
// evaluation.json.
//
// It works on plain slices, one element a row: labels, scores, flags and the
// IP address of the row as a small number. It reads no store, trains nothing
// and draws nothing; train/pipeline fills its inputs and train/report shows
// its results. Metrics are scikit-learn's, and agree with it to 1e-12 wherever
// scikit-learn defines them. What is undefined (the precision of a model that
// flags nothing) is NaN here and null in JSON, never 0; averages over the
// classes then leave the undefined class out, which is scikit-learn's
// zero_division=nan.
//
// All randomness comes from a seed, and each bootstrap draw from the seed and
// its own number, so that figures do not depend on the number of threads.
package evaluation
