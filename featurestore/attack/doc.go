// Package attack holds attack windows: time spans [start, end) during which a
// site was under attack, given in a file or found in the logs by Find. Without
// windows a whole month is one window and its id is the month.
//
// Windows may overlap: an instant then lies in several, and an address gets a
// row in each. A row belongs to the month in which its window starts, also
// when the window runs over the month's end.
//
// Find reads logs up to three times: requests per minute first, in which
// Timeline.Detect finds windows against the rhythm of the week; then who was
// there, by which Participants moves the windows' ends to where the attack can't
// be told from the traffic around it any more; then what the requests inside
// have in common. A file without a request near a window is read once. It makes
// no rows and says nothing of single addresses.
package attack
