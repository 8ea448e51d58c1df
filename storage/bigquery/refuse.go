package bigquery

import (
	"slices"
	"strings"
	"unicode"

	"weft/models"
)

// refuse says what is wrong with a query before anything is sent: it must be one
// SELECT, and compare dt with where it begins. It reads words, not meaning, and
// can be deceived; BigQuery, which refuses a query without a filter that it can
// use, and the limit of bytes can't.
func refuse(query string) error {
	words, ok := tokens(query)
	switch {
	case !ok:
		return models.Faultf(models.Permanent, "bigquery: the query has a string or comment without an end")
	case len(words) == 0:
		return models.Faultf(models.Permanent, "bigquery: the query is empty")
	}
	if last := len(words) - 1; words[last] == ";" {
		words = words[:last]
	}
	start := strings.TrimLeft(strings.Join(words[:min(len(words), 8)], " "), "( ")
	if slices.Contains(words, ";") || !(strings.HasPrefix(start, "select") || strings.HasPrefix(start, "with")) {
		return models.Faultf(models.Permanent, "bigquery: not one SELECT; allowed: one SELECT")
	}
	filters := false
	for i, word := range words {
		filters = filters || word == "where" || word == "on"
		if filters && word == dayField && bounds(words, i) {
			return nil
		}
	}
	return models.Faultf(models.Permanent, "bigquery: the query has no time range: it must say from when on it looks, as in WHERE dt >= DATE '2026-01-31' or dt BETWEEN … AND …, or it would read all days")
}

// bounds reports whether the dt at words[i] is compared so that a beginning is
// given. Another dt gives none.
func bounds(words []string, i int) bool {
	if i+2 < len(words) {
		rest := words[i+1:]
		switch rest[0] {
		case "between", "in":
			return true
		case "=", ">", ">=":
			return !isDay(rest[1:])
		}
	}
	if i >= 2 && words[i-1] == "." {
		i -= 2
	}
	return i >= 2 && slices.Contains([]string{"=", "<", "<="}, words[i-1]) && words[i-2] != dayField
}

// isDay reports whether words begin with dt or a.dt.
func isDay(words []string) bool {
	return words[0] == dayField || (len(words) > 2 && words[1] == "." && words[2] == dayField)
}

// tokens splits a query into its words and signs, without strings and comments; a
// string is left as ”. It is false if one has no end.
func tokens(query string) (out []string, ok bool) {
	rest := query
	for {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if rest == "" {
			return out, true
		}
		n := 1
		switch {
		case strings.HasPrefix(rest, "--"), rest[0] == '#':
			if n = strings.IndexByte(rest, '\n'); n < 0 {
				return out, true
			}
		case strings.HasPrefix(rest, "/*"):
			if n = strings.Index(rest[2:], "*/"); n < 0 {
				return nil, false
			}
			n += 4
		case rest[0] == '\'' || rest[0] == '"':
			if n = quotedLength(rest); n < 0 {
				return nil, false
			}
			out = append(out, "''")
		case rest[0] == '`':
			if n = strings.IndexByte(rest[1:], '`'); n < 0 {
				return nil, false
			}
			n += 2
			out = append(out, strings.ToLower(rest[1:n-1]))
		case isWord(rune(rest[0])):
			if n = strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) }); n < 0 {
				n = len(rest)
			}
			if isPrefix(rest[:n]) && n < len(rest) && (rest[n] == '\'' || rest[n] == '"') {
				break // a string is next: r'…', b"…"
			}
			out = append(out, strings.ToLower(rest[:n]))
		default:
			if len(rest) > 1 && slices.Contains([]string{"<=", ">=", "<>", "!="}, rest[:2]) {
				n = 2
			}
			out = append(out, rest[:n])
		}
		rest = rest[n:]
	}
}

func isWord(r rune) bool { return r == '_' || r == '@' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func isPrefix(word string) bool {
	return slices.Contains([]string{"r", "b", "rb", "br"}, strings.ToLower(word))
}

// quotedLength is the length of the string that s begins with; -1 if it has no
// end. A backslash keeps the next sign from ending it, in raw strings too.
func quotedLength(s string) int {
	end := s[:1]
	if strings.HasPrefix(s, strings.Repeat(end, 3)) {
		end = s[:3]
	}
	for i := len(end); i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], end):
			return i + len(end)
		}
	}
	return -1
}
