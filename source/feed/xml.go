package feed

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// brokenXML is where XML can't be read on.
type brokenXML struct {
	offset    int64
	line, col int
	reason    string
}

func (e *brokenXML) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.line, e.col, e.reason)
}

// lastItem finds the ends of entries.
var lastItem = regexp.MustCompile(`(?i)</([a-z]+:)?(item|entry)\s*>`)

// salvage cuts XML behind its last whole entry, and closes what is open there;
// nil if there is none.
func salvage(body []byte) []byte {
	ends := lastItem.FindAllIndex(body, -1)
	if len(ends) == 0 {
		return nil
	}
	body = slices.Clone(body[:ends[len(ends)-1][1]])
	var open []string
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.Entity = xml.HTMLEntity
	for {
		tok, err := d.RawToken()
		if err != nil {
			break
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			name := tok.Name.Local
			if tok.Name.Space != "" {
				name = tok.Name.Space + ":" + name
			}
			open = append(open, name)
		case xml.EndElement:
			open = open[:max(len(open)-1, 0)]
		}
	}
	for _, name := range slices.Backward(open) {
		body = append(body, "</"+name+">"...)
	}
	return body
}

// checkXML refuses what could blow up: entities of the document's own, and
// elements within elements without end.
func checkXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	depth := 0
	for {
		tok, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			if depth > 0 {
				line, column := d.InputPos()
				return &brokenXML{d.InputOffset(), line, column, fmt.Sprintf("the XML ends in the middle: %d elements are open", depth)}
			}
			return nil
		case err != nil:
			line, column := d.InputPos()
			return &brokenXML{d.InputOffset(), line, column, err.Error()}
		}
		switch tok := tok.(type) {
		case xml.Directive:
			if bytes.Contains(bytes.ToUpper(tok), []byte("ENTITY")) {
				return errors.New("it declares XML entities, which no feed needs")
			}
		case xml.StartElement:
			if depth++; depth > maxDepth {
				line, _ := d.InputPos()
				return fmt.Errorf("line %d: over %d elements within one another", line, maxDepth)
			}
			if depth == 1 && !slices.Contains([]string{"rss", "feed", "rdf"}, strings.ToLower(tok.Name.Local)) {
				return fmt.Errorf("its root is <%s>, not <rss>, <feed> or <rdf:RDF>", tok.Name.Local)
			}
		case xml.EndElement:
			depth--
		}
	}
}
