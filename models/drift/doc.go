// Package drift tells how far the rows of one month lie from those a model was
// trained on: histograms of each feature and of the score over the training
// months' quantiles, the population stability index between two of them, and
// the two-sample Kolmogorov–Smirnov statistic.
//
// A Profile is stored beside the model; a Counter fills another histogram over
// the same bins, row by row, from a store or from live traffic. The package
// decides nothing: gates and alerts do.
package drift
