package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// holder is a token made ready.
type holder struct {
	name string
	sum  []byte
}

// authorize lets only holders of a token reach the operations. Without tokens
// everybody may, which the configuration allows on loopback alone.
func (s *server) authorize(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if len(s.tokens) == 0 {
			next(ctx)
			return
		}
		name, ok := s.holder(ctx.Header("Authorization"))
		if !ok {
			ctx.SetHeader("WWW-Authenticate", "Bearer")
			// an answer that can't be written has nobody to read it
			_ = huma.WriteErr(a, ctx, http.StatusUnauthorized, "a header Authorization: Bearer TOKEN is needed, with a token that is configured")
			return
		}
		of(ctx.Context()).token = name
		next(ctx)
	}
}

// holder finds whose token a header carries. It compares hashes with all of
// them, so that the time it takes tells nothing.
func (s *server) holder(header string) (name string, ok bool) {
	scheme, token, _ := strings.Cut(header, " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	for _, t := range s.tokens {
		if subtle.ConstantTimeCompare(sum[:], t.sum) == 1 {
			name, ok = t.name, true
		}
	}
	return name, ok && strings.EqualFold(scheme, "Bearer")
}

// fromHere reports whether a Host header names this machine. A web page can make
// its own name point to 127.0.0.1, and its readers' browsers would then read an
// API without tokens for it; but they send that name.
func fromHere(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}
