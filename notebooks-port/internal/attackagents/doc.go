// Package attackagents says who was there in each attack window: the addresses
// above a rate, which of them are reported, their user agents, and the crawlers
// among them, declared and verified. Main is the program
// notebooks-port/agents-by-attack.
//
// Logs are read twice: for what each address and agent sent in each window,
// then for the agents of the addresses above the rate. Memory grows with the
// distinct addresses and agents of the windows.
package attackagents
