package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// macLength is how much of a signature goes along: 128 bits.
const macLength = 16

// sealed signs the place of a listing where the next page begins. purpose names
// the listing with all its filters, so that a cursor fits no other one. The end is "".
func (s *server) sealed(purpose, place string) string {
	if place == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(s.mac(purpose, place), place...))
}

// opened returns the place that sealed signed for this purpose; "" is the beginning.
func (s *server) opened(purpose, cursor string) (place string, ok bool) {
	if cursor == "" {
		return "", true
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < macLength {
		return "", false
	}
	place = string(b[macLength:])
	return place, hmac.Equal(b[:macLength], s.mac(purpose, place))
}

// mac signs parts with the installation's secret.
func (s *server) mac(parts ...string) []byte {
	h := hmac.New(sha256.New, s.Secret)
	h.Write([]byte(strings.Join(parts, "\x00")))
	return h.Sum(nil)[:macLength]
}

func badCursor() error {
	return huma.Error422UnprocessableEntity("the cursor is not one of this query: take next_cursor as it is, and change only limit and facet",
		&huma.ErrorDetail{Location: "query.cursor", Message: "expected next_cursor of the page before, of the same query"})
}
