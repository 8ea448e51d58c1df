package file

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is one record of CSV, which may span lines.
type row struct {
	text    []byte
	line    int
	offset  int64
	problem string
}

// rowReader puts lines together to rows. When a quote is never closed, only the
// line with the quote is lost: the lines after it are read again on their own.
type rowReader struct {
	lines *lineReader
	comma byte
	again []row // lines read ahead
}

// line returns the next single line.
func (r *rowReader) line() (row, error) {
	if len(r.again) > 0 {
		l := r.again[0]
		r.again = r.again[1:]
		return l, nil
	}
	text, tooLong, err := r.lines.next()
	if err != nil {
		return row{}, err
	}
	l := row{text: bytes.Clone(text), line: r.lines.number, offset: r.lines.offset}
	if tooLong {
		l.problem = fmt.Sprintf("the line is longer than %d bytes", r.lines.max)
	}
	return l, nil
}

// next returns the next row that isn't blank.
func (r *rowReader) next() (row, error) {
	first, err := r.line()
	for err == nil && first.problem == "" && len(bytes.TrimSpace(first.text)) == 0 {
		first, err = r.line()
	}
	if err != nil || first.problem != "" {
		return first, err
	}
	whole, size := []row{first}, len(first.text)
	quoted := openQuote(first.text, r.comma, false)
	for quoted {
		l, err := r.line()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return row{}, err
		}
		size += len(l.text) + 1
		if !ended {
			whole = append(whole, l)
		}
		if ended || l.problem != "" || size > r.lines.max {
			r.again = append(slices.Clone(whole[1:]), r.again...)
			first.problem = "a quote is opened and not closed"
			return first, nil
		}
		quoted = openQuote(l.text, r.comma, true)
	}
	out := row{line: first.line, offset: whole[len(whole)-1].offset}
	for i, l := range whole {
		if i > 0 {
			out.text = append(out.text, '\n')
		}
		out.text = append(out.text, l.text...)
	}
	return out, nil
}

// openQuote reports whether a quoted field is still open at the end of line. A
// quote opens only at the beginning of a field, and closes only before its end,
// as csv.Reader has it with LazyQuotes.
func openQuote(line []byte, comma byte, quoted bool) bool {
	start := !quoted
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '"':
			switch {
			case i+1 == len(line) || line[i+1] == comma:
				quoted = false
			case line[i+1] == '"':
				i++
			}
			start = false
		case quoted:
		case c == '"' && start:
			quoted, start = true, false
		default:
			start = c == comma
		}
	}
	return quoted
}

// csv yields one item for each row after the header.
func (r *reader) csv(lines *lineReader, yield func(Item, error) bool) error {
	rows := &rowReader{lines: lines, comma: ','}
	header, err := rows.header()
	if errors.Is(err, io.EOF) {
		return errors.New("the header is missing")
	}
	if err != nil {
		return err
	}
	for {
		next, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		it := r.csvItem(next, rows.comma, header)
		it.Done = next.offset
		if !yield(it, nil) {
			return errStop
		}
	}
}

// header reads the names of the columns, and finds out what separates them:
// spreadsheets write semicolons in half of Europe.
func (r *rowReader) header() ([]string, error) {
	first, err := r.line()
	if err != nil {
		return nil, err
	}
	if first.problem != "" {
		return nil, errors.New("header: " + first.problem)
	}
	if !bytes.ContainsRune(first.text, ',') {
		for _, c := range []byte{';', '\t'} {
			if bytes.IndexByte(first.text, c) >= 0 {
				r.comma = c
			}
		}
	}
	names, err := fields(first.text, r.comma)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for i, n := range names {
		names[i] = strings.ToLower(strings.TrimSpace(strings.ToValidUTF8(n, "\uFFFD")))
		if names[i] == "" || slices.Contains(names[:i], names[i]) {
			return nil, fmt.Errorf("header: column %d (%q) has no name or is there twice", i+1, n)
		}
	}
	if !slices.Contains(names, "text") && !slices.Contains(names, "images") {
		return nil, fmt.Errorf("header: there is neither a column text nor images; known are: %s", strings.Join(columns(), ", "))
	}
	return names, nil
}

func fields(text []byte, comma byte) ([]string, error) {
	c := csv.NewReader(bytes.NewReader(text))
	c.Comma, c.LazyQuotes, c.FieldsPerRecord = rune(comma), true, -1
	return c.Read()
}

func (r *reader) csvItem(w row, comma byte, header []string) Item {
	if w.problem != "" {
		return r.bad(w.line, "", string(w.text), "%s", w.problem)
	}
	values, err := fields(w.text, comma)
	if err != nil {
		return r.bad(w.line, "", string(w.text), "not a row of CSV: %v", err)
	}
	if len(values) != len(header) {
		return r.bad(w.line, "", string(w.text), "%d columns, the header has %d", len(values), len(header))
	}
	cells := map[string]string{}
	for i, v := range values {
		if v = strings.ToValidUTF8(v, "\uFFFD"); v != "" {
			cells[header[i]] = v
		}
	}
	raw, err := json.Marshal(cells)
	if err != nil {
		return r.bad(w.line, "", string(w.text), "%v", err)
	}
	rec, ferr := decodeCells(cells)
	if ferr != nil {
		return r.bad(w.line, ferr.field, string(w.text), "%s", ferr.reason)
	}
	rec.raw = raw
	if rec.id == "" {
		rec.id = digest(raw)
	}
	return r.item(rec, w.line, string(w.text))
}
