// Package leavesadapter is the one door to github.com/dmitryikh/leaves. It
// reads LightGBM models (text and JSON, format versions v2 and v3) and
// scikit-learn's GradientBoostingClassifier (pickle protocol 0).
//
// leaves trusts its input: it indexes and allocates by the numbers in the file
// and panics, or asks for all memory, when they are wrong. Here sizes and tree
// shapes are checked before it sees a byte, and what still panics comes back as
// an error.
//
// XGBoost models do not go through this package: leaves reads only the binary
// form that XGBoost dropped, compares <= where XGBoost compares <, and takes
// base_score for a margin. See models/xgboost and models/ensemble; the tests
// here lower an ensemble into leaves' form, with those three put right, as a
// second opinion.
package leavesadapter
