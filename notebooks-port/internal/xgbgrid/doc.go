// Package xgbgrid trains and tests XGBoost's trees on the splits of the study:
// each month .8/.2, both together, one month to the next, two to the third;
// with matrices, importances, the same on addresses with more requests, and two
// thresholds beside it, each next to the study's own figures. Main is the
// program notebooks-port/xgb-grid.
//
// The trainer is train/gbtree, the splits are train/pipeline's and the figures
// train/evaluation's. It writes no model; train run does.
package xgbgrid
