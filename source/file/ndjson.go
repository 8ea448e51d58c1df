package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// ndjson yields one item for each line that isn't blank.
func (r *reader) ndjson(lines *lineReader, yield func(Item, error) bool) error {
	for {
		line, tooLong, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		it := r.ndjsonItem(line, tooLong, lines.number)
		it.Done = lines.offset
		if !yield(it, nil) {
			return errStop
		}
	}
}

func (r *reader) ndjsonItem(line []byte, tooLong bool, number int) Item {
	if tooLong {
		return r.bad(number, "", string(line), "the line is longer than %d bytes", r.opt.MaxLine)
	}
	raw := bytes.ToValidUTF8(line, []byte("\uFFFD"))
	object, err := parseObject(raw)
	if err != nil {
		return r.bad(number, "", string(line), "%v", err)
	}
	if del, ferr := r.deletion(object); ferr != nil {
		return r.bad(number, ferr.field, string(line), "%s", ferr.reason)
	} else if del != nil {
		return Item{Line: number, Delete: del}
	}
	rec, ferr := decodeObject(object)
	if ferr != nil {
		return r.bad(number, ferr.field, string(line), "%s", ferr.reason)
	}
	rec.raw = bytes.Clone(raw)
	if rec.id == "" {
		rec.id = digest(canonical(object))
	}
	return r.item(rec, number, string(line))
}

var errNoObject = errors.New("not a JSON object")

// parseObject splits an object into its members.
func parseObject(raw []byte) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, errors.New("not valid JSON: " + syntax.Error())
		}
		return nil, errNoObject
	}
	if object == nil { // null
		return nil, errNoObject
	}
	return object, nil
}

// canonical writes an object the same whatever the order and spacing of its members.
func canonical(object map[string]json.RawMessage) []byte {
	sorted := make(map[string]any, len(object))
	for k, v := range object {
		var value any
		d := json.NewDecoder(strings.NewReader(string(v)))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			value = string(v)
		}
		sorted[k] = value
	}
	out, err := json.Marshal(sorted)
	if err != nil { // can't be: it was parsed from JSON
		return nil
	}
	return out
}
