package server

import "net/http"

// routePage is the page for people.
const routePage = "page"

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, routeError(http.StatusNotFound))
}

// refusePage asks a browser for a token.
func (s *Server) refusePage(w http.ResponseWriter, r *http.Request, err error) {
	writeError(w, r, err)
}
