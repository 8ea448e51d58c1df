package oidc

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// claims is what a provider says of somebody.
type claims map[string]any

// text returns a claim that is a text, else "".
func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// verified reports whether the provider has seen that the e-mail address is theirs.
// Some send the word instead of the truth value.
func (c claims) verified() bool {
	if yes, ok := c["email_verified"].(bool); ok {
		return yes
	}
	yes, err := strconv.ParseBool(c.text("email_verified"))
	return err == nil && yes
}

// lacks reports whether something is missing that user info might tell.
func (c claims) lacks(role string) bool {
	return (c.text("email") == "" && c.text("name") == "") || (role != "" && c.find(role) == nil)
}

// add takes over what c doesn't have: the token is signed, and wins.
func (c claims) add(more claims) {
	_, signed := c["email"]
	for name, v := range more {
		if _, there := c[name]; !there && (name != "email_verified" || !signed) {
			c[name] = v
		}
	}
}

// find returns a claim by its name, or by its path with dots
// (realm_access.roles), or nil.
func (c claims) find(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	first, rest, deeper := strings.Cut(name, ".")
	if !deeper {
		return nil
	}
	inner, ok := c[first].(map[string]any)
	if !ok {
		return nil
	}
	return claims(inner).find(rest)
}

// values returns the texts of a claim that is one or a list of them. An address
// that the provider hasn't verified is none: anybody may have typed it.
func (c claims) values(name string) []string {
	if name == "email" && !c.verified() {
		return nil
	}
	switch v := c.find(name).(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// name is what people see, and what answers and exports are kept under. So no two may
// have the same: a verified address is one person's; any other name, which its
// bearer may choose, is told apart by letters made of the subject.
func (c claims) name(issuer string) string {
	if mail := printable(c.text("email"), 254); mail != "" && c.verified() {
		return mail
	}
	sum := sha256.Sum256([]byte(issuer + "\x00" + c.text("sub")))
	mark := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
	shown := printable(cmp.Or(c.text("name"), c.text("preferred_username"), "somebody"), 50)
	return cmp.Or(shown, "somebody") + " (" + mark + ")"
}

// printable keeps up to most letters of a text that can be seen.
func printable(s string, most int) string {
	r := slices.DeleteFunc([]rune(s), func(r rune) bool { return !unicode.IsPrint(r) })
	return strings.TrimSpace(string(r[:min(len(r), most)]))
}
