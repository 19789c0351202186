package serverlogs

// statusMeaning explains what a status says of the request and the server.
var statusMeaning = map[int]string{
	0:   "no status: the connection ended before an answer",
	400: "malformed request",
	401: "no or wrong credentials",
	403: "refused",
	404: "nothing there",
	405: "the endpoint does not take this method",
	408: "the client was too slow",
	413: "the request is too large",
	422: "understood, but its content cannot be processed: malformed requests",
	429: "too many requests",
	499: "nginx: the client went away before the answer: timeouts, impatient clients and bots",
	500: "the application failed",
	502: "the proxy got no valid answer from the backend: it is down or restarting",
	503: "overloaded or in maintenance",
	504: "the backend did not answer in time",
}
