// Package ensemble holds gradient-boosted models in memory, as XGBoost means
// them, and answers for them: margins, probabilities, leaves, contributions.
//
// Model is the plain form that files are read into and training produces.
// Predictor is a Model prepared for speed; it is immutable and safe for
// concurrent use.
//
// The package reads and writes no file (see models/xgboost) and trains nothing
// (see train/gbtree).
package ensemble
