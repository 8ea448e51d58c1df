package feed

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// declaration finds the encoding that an XML document names.
var declaration = regexp.MustCompile(`^\s*<\?xml[^>]*?(?:encoding\s*=\s*["']([^"']+)["'][^>]*)?\?>`)

// toUTF8 sniffs a body's character set: its mark, its declaration, its header,
// its bytes, in this order. Many servers' headers are wrong; few files are.
func toUTF8(body []byte, contentType string) ([]byte, error) {
	name := ""
	if m := declaration.FindSubmatch(body[:min(len(body), 1024)]); m != nil {
		name = string(m[1])
	}
	switch {
	case bytes.HasPrefix(body, []byte{0xFE, 0xFF}):
		name = "utf-16be"
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE}):
		name = "utf-16le"
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		body, name = body[3:], "utf-8"
	case bytes.HasPrefix(body, []byte{0, '<'}):
		name = "utf-16be"
	case bytes.HasPrefix(body, []byte{'<', 0}):
		name = "utf-16le"
	case utf8.Valid(body) && (name == "" || isUTF8(body, name)):
		name = "utf-8"
	case name == "":
		_, name, _ = charset.DetermineEncoding(body[:min(len(body), 1024)], contentType)
	}
	if enc, _ := charset.Lookup(name); enc != nil && !strings.EqualFold(name, "utf-8") {
		decoded, err := io.ReadAll(io.LimitReader(enc.NewDecoder().Reader(bytes.NewReader(body)), 4*maxBody))
		if err != nil {
			return nil, fmt.Errorf("not in the character set %s that it claims: %w", name, err)
		}
		body = bytes.TrimPrefix(decoded, []byte("\uFEFF"))
	}
	body = bytes.Map(printable, bytes.ToValidUTF8(body, []byte("\uFFFD")))
	return controls.ReplaceAll(declaration.ReplaceAll(body, nil), nil), nil
}

// controls are references to signs that XML doesn't allow.
var controls = regexp.MustCompile(`&#(0*([0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*([0-8bBcCeEfF]|1[0-9a-fA-F]));`)

// isUTF8 reports whether a body that is valid UTF-8 is it, although it claims
// another character set: recorders keep bodies as text, and servers convert
// feeds without a look at their first line. What has no other signs than ASCII
// says nothing; two bytes may be valid by chance in the sets of East Asia.
func isUTF8(body []byte, claimed string) bool {
	if strings.HasPrefix(strings.ToLower(claimed), "utf-16") {
		return true
	}
	short, long := 0, 0 // signs of two bytes, and of more
	for _, r := range string(body) {
		switch {
		case r >= 0x800:
			long++
		case r >= 0x80:
			short++
		}
	}
	return long >= 2 || short >= 8 || (short+long > 0 && singleByte.MatchString(claimed))
}

// singleByte matches character sets with a byte a sign.
var singleByte = regexp.MustCompile(`(?i)^(windows-|cp125|iso-?8859|iso_8859|latin|koi8|us-ascii|ascii|macintosh)`)

// printable drops the signs that XML doesn't allow, but servers let through.
func printable(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
		return -1
	}
	return r
}
