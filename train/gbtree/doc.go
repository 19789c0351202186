// Package gbtree trains gradient-boosted trees the way XGBoost 3.4.1 does on a
// CPU: the same cut points, splits, thresholds, default directions, leaf
// values, gains, covers and metrics, bit for bit, from the same rows and
// parameters, and the same bytes at any number of threads.
//
// A DMatrix holds the rows, Params the settings under XGBoost's names, and
// Train answers with an ensemble.Model and the history of its metrics.
//
// Supported are the tree methods hist and exact with the objectives
// binary:logistic and reg:squarederror on numeric features. Categorical
// features, multi-class objectives, tree_method approx, dart, gblinear and
// ranking are refused by name. The package reads and writes no files (see
// models/xgboost) and predicts nothing but its own evaluation sets (see
// models/ensemble).
//
// XGBoost's own result can depend on its number of threads where double sums
// round; what is reproduced here is its result with one thread.
package gbtree
