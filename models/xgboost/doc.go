// Package xgboost reads and writes XGBoost's model files.
//
// Read takes what XGBoost 1.0 to 3.4 saved: JSON, UBJSON, and the old binary
// form (up to 3.0); ReadDump takes text and JSON dumps, which lack the
// intercept and so need it from the caller. WriteJSON and WriteUBJSON write
// files that XGBoost 1.7 and 3.4 load and answer alike; DumpText and DumpJSON
// write XGBoost's dumps letter for letter.
//
// Input is hostile until read: sizes are checked before memory is taken, depth
// is limited, trees are verified to be trees, and what is recognised but not
// supported (vector leaves) is refused by name. Output depends on the model
// alone.
//
// The package does not predict: see models/ensemble.
package xgboost
