// Package rules is the baseline that a model must beat: two thresholds, on
// request_count and response_size_mean, joined by AND or OR. It is fitted as
// carefully as a model is trained: both thresholds jointly, in all eight
// combinations of >=, <=, AND and OR, once for the best F1 and once for the aim
// of the model's operating point: the greatest recall at a target precision or a
// greatest false-positive rate, or the least cost. It must hold that on folds of
// addresses it was not fitted on, as the scores behind a model's threshold must.
//
// It does not judge whether a model beats it; train/evaluation does.
package rules
