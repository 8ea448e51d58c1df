// Package text reads captions: it finds hashtags, guesses the language, and
// looks up brands, garments, materials, styles, occasions and colours in
// versioned lexicons in English, French and Chinese.
//
// It is dictionary work, on purpose: a caption costs under a tenth of a
// millisecond, a wrong finding can be traced to one line of a file, and Chinese
// needs no segmenter. What it can't do is understand; confidences (see
// ConfidenceText and its like) say how far each kind of evidence is to be
// trusted.
package text
