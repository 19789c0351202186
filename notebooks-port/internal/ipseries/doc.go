// Package ipseries draws the requests of single addresses by the hour, with
// attack windows and silent drops marked, and compares the busiest addresses of
// the windows with the most dropped ones. Main is the program
// notebooks-port/ip-series.
//
// Logs are read twice: to choose the addresses, then for their series. Memory
// grows with the distinct addresses.
package ipseries
