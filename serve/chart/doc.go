// Package chart writes small SVG pictures for reports: lines and steps, bars,
// histograms, matrices. Pictures hold no script, no style attribute and no
// external resource; their colours are CSS variables, so that one picture is
// right on light, dark and printed pages. Each has role="img", a title and a
// description that says in words what it shows.
//
// The same input gives the same bytes. Text is escaped, long labels are cut,
// numbers that are not finite are left out, and the size is bounded by
// MaxPoints a series.
//
// It computes no statistics and knows nothing of models.
package chart
