package file

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// ReadNDJSON yields the records of in as Read does those of a file; name stands
// for its path. No image file is read: there is no folder that they lie in.
func ReadNDJSON(in io.Reader, name string, opt Options) iter.Seq2[Item, error] {
	return stream(in, name, opt, (*reader).ndjson)
}

// stream reads from anywhere but a file.
func stream(in io.Reader, name string, opt Options, read func(*reader, *lineReader, func(Item, error) bool) error) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		opt, err := opt.complete()
		var lines *lineReader
		if err == nil {
			lines, err = newLineReader(in, opt.MaxLine)
		}
		if err == nil {
			err = read(&reader{path: name, opt: opt}, lines, yield)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Item{}, fmt.Errorf("%s: %w", name, err))
		}
	}
}
