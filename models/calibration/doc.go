// Package calibration turns a model's raw probability into one that means what
// it says: of the rows given 0.7, seven in ten are labelled True. It is fitted
// on training rows that the scoring trees had not seen (folds of the training
// months, grouped by address), never on test rows.
//
// Three forms: isotonic (a rising staircase, interpolated), Platt (a sigmoid
// of the log odds) and identity. All are monotone: calibration never reverses
// the order of two rows, so that curves and thresholds on the raw probability
// keep their meaning.
//
// It measures nothing; reliability curves are train/evaluation's.
package calibration
