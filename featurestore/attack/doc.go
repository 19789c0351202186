// Package attack holds attack windows: time spans [start, end) during which a
// site was under attack, given in a file. Without windows a whole month is one
// window and its id is the month.
//
// Windows may overlap: an instant then lies in several, and an address gets a
// row in each. A row belongs to the month in which its window starts, also
// when the window runs over the month's end.
//
// The package finds no attacks in logs and reads no requests.
package attack
