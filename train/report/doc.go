// Package report writes what a person reads about a version: report.html (one
// file, no script, no external resource), report.md (the same content for a
// code review) and MODEL_CARD.md.
//
// It builds one document of sections, tables and figures from an Input and
// renders it twice, so that the two forms can't say different things. The
// verdict comes first, in one sentence; a version that a gate held back says
// which gate and by how much. Addresses come in masked and stay so.
//
// It computes no metric (train/evaluation does), reads no store and writes no
// file. The same Input gives the same bytes.
package report
