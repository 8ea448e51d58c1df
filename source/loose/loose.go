// Package loose reads JSON whose types can't be relied on. What is missing or of
// another type reads as nothing, so that it costs no more than itself.
package loose

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Object reads an object; nil if raw is none.
func Object(raw json.RawMessage) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

// List reads the first entries of a list, at most so many; nil if raw is none.
func List(raw json.RawMessage, most int) []json.RawMessage {
	var l []json.RawMessage
	if json.Unmarshal(raw, &l) != nil {
		return nil
	}
	return l[:min(len(l), most)]
}

// Text reads a string, cut after so many bytes.
func Text(raw json.RawMessage, most int) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// Number reads a finite number, also one in quotes.
func Number(raw json.RawMessage) (float64, bool) {
	s := strings.Trim(string(bytes.TrimSpace(raw)), `"`)
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}
