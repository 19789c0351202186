// Package attack holds attack windows: time spans [start, end) during which a
// site was under attack, given in a file. Without windows a whole month is one
// window and its id is the month.
package attack
