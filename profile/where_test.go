package profile_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/profile"
)

func TestWhereVocabulary(t *testing.T) {
	likes := int64(120)
	x := post("x.1", "one", "two")
	x.Media = append(x.Media, models.Media{URL: "bad", SHA256: "bad", State: models.MediaFailed})
	x.Language, x.Text, x.Hashtags = "fr", "Robe en Soie", []string{"luxury", "奢侈品"}
	x.Author = models.Author{Followers: 5000, Location: models.Location{Country: "FR"}}
	x.Counts.Likes = &likes
	x.Labels = []models.Label{{Attribute: "material", Values: []string{"silk"}}, {Attribute: "occasion"}}
	r := run(models.AnalyzeLight,
		attr("color", "red", 0.9, "one"), attr("color", "blue", 0.95, "one"), attr("color", "red", 0.6, "two"),
		attr("garment", "dress", 0.8, "one"), attr("fit", "slim", 0.2, "one"), attr("fit", "slim", 0.8, "two"),
		attr("brand", "gucci", 0.4), attr("brand", "chloe", 0.7, "one"),
		attr("style", "chic", 0.9, "bad"), attr("category", "x", math.NaN()),
		attr("material", "wool", 0.9, "one"), attr("occasion", "ball", 0.9),
	)
	tests := map[string]bool{
		`confidence("color") == 0.6`:                              true, // the lowest of 0.95 and 0.6
		`confidence("fit") == 0.2`:                                true,
		`confidence("garment") == 0`:                              true, // not seen in the second image
		`confidence("brand") == 0.4`:                              true, // 0.7 in one, 0.4 for the post in both
		`confidence("style") == 0`:                                true, // only in an unusable image
		`confidence("category") == 0`:                             true, // not a number
		`confidence("material") == 1`:                             true, // labeled
		`confidence("occasion") == 1`:                             true, // labeled: there is none
		`has("occasion")`:                                         false,
		`has("style")`:                                            true,
		`labeled("occasion")`:                                     true,
		`labeled("color")`:                                        false,
		`value("color") == "blue"`:                                true,
		`value("pattern") == ""`:                                  true,
		`value("material") == "silk"`:                             true,
		`values("color")[1] == "red"`:                             true,
		`len(values("brand")) == 2`:                               true,
		`images == 2`:                                             true,
		`source == "instagram"`:                                   true,
		`language in ["fr", "it"]`:                                true,
		`country == "FR"`:                                         true,
		`lower(text) contains "soie"`:                             true,
		`text matches "^Robe"`:                                    true,
		`"奢侈品" in hashtags`:                                       true,
		`any(hashtags, # == "luxury")`:                            true,
		`any(hashtags, {# == "cheap"})`:                           false,
		`count(hashtags, len(#) > 0) == 2 and not has("pattern")`: true,
		`followers >= 5000 and likes > 100 and comments == 0`:     true,
		`followers > 1 ? likes == 120 : false`:                    true,
		`images == 2 || false`:                                    true,
	}
	for source, want := range tests {
		w, err := profile.ParseWhere(source)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got, err := w.Match(x, r); err != nil || got != want {
			t.Errorf("%s: got %t, %v", source, got, err)
		}
	}
}

func TestWhereWithoutImagesOrRun(t *testing.T) {
	w, err := profile.ParseWhere(`confidence("brand") == 0.7`)
	if err != nil {
		t.Fatal(err)
	}
	ok, err := w.Match(post("x.1"), run(models.Fetch, attr("brand", "a", 0.7), attr("brand", "b", 0.9, "gone")))
	if err != nil || !ok {
		t.Errorf("without images the post's own attributes count: %t, %v", ok, err)
	}
	if ok, err := w.Match(post("x.1"), nil); err != nil || ok {
		t.Errorf("without a run there are no attributes: %t, %v", ok, err)
	}
}

func TestWhereRefuses(t *testing.T) {
	tests := map[string]string{
		``:                                     "where:1:1: the expression is empty",
		`now() > 1`:                            `where:1:1: unknown function "now"`,
		`date("2020-01-01") == nil`:            `unknown function "date"`,
		`type(images) == "int"`:                `unknown function "type"`,
		`map(hashtags, #) == []`:               `unknown function "map"`,
		`images`:                               "where:1:1: the expression must be true or false, but is of type int",
		`[1, true][1]`:                         "must be true or false",
		`nil`:                                  "must be true or false",
		`image > 0`:                            `where:1:1: unknown name "image", did you mean "images"?`,
		"images > 0 and\nfoo > 1":              `where:2:1: unknown name "foo"`,
		`images > "1"`:                         "where:1:8: invalid operation",
		`images >`:                             "where:1:8: unexpected token EOF",
		`confidence > 1`:                       "where:1:1: confidence is a function",
		`images() > 1`:                         "where:1:1: images is no function",
		`confidence() > 1`:                     "where:1:1: confidence takes one argument",
		`confidence("a", "b") > 1`:             "confidence takes one argument",
		`confidence(text) > 1`:                 "where:1:12: confidence wants the name of an attribute in quotes",
		`has(1)`:                               "where:1:5: has wants the name",
		`confidense("a") > 1`:                  `where:1:1: unknown function "confidense", did you mean "confidence"?`,
		`any(1..9, # > 1)`:                     "ranges (..) are not allowed",
		`any(hashtags, any(hashtags, # > ""))`: "may not hold another one",
		`let x = 1; x > 0`:                     "only one plain condition",
		`images > 0; true`:                     "only one plain condition",
		`{"a": 1}.a == 1`:                      "only one plain condition",
		`$env.images > 0`:                      `unknown name "$env"`,
		`text matches "("`:                     "where:1:6: ",
		strings.Repeat("a", 3000):              "it may have 2000",
		strings.Repeat("images+", 400) + "1>0": "it may have 2000",
		strings.Repeat("1+", 500) + "1>0":      "maximum allowed nodes",
		`text.foo()`:                           "only the functions of the vocabulary",
	}
	for source, want := range tests {
		_, err := profile.ParseWhere(source)
		var errs profile.Errors
		if !errors.As(err, &errs) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: want %q, got %v", source, want, err)
		}
	}
}

// TestWhereCost: the worst condition that is allowed, on a post full of hashtags.
func TestWhereCost(t *testing.T) {
	x := post("x.1")
	for range 20_000 {
		x.Hashtags = append(x.Hashtags, strings.Repeat("x", 50))
	}
	w, err := profile.ParseWhere(`count(hashtags, # contains "y" or lower(#) endsWith "z" or # matches "(x+x+)+y") > 1`)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := w.Match(x, nil); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzParseWhere(f *testing.F) {
	for _, w := range profile.Vocabulary() {
		f.Add(w.Use)
	}
	f.Add(`any(hashtags, # matches "a+") and (images > 0 ? true : not has("color"))`)
	f.Add(`let x = 1; [1, 2, {a: 3}][x] == nil ?? text[1:2] | len()`)
	f.Fuzz(func(t *testing.T, source string) {
		w, err := profile.ParseWhere(source)
		var errs profile.Errors
		if err != nil {
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("not Errors: %v", err)
			}
			return
		}
		x, r := post("x.1", "one"), run(models.Fetch, attr("color", "red", 0.5))
		x.Hashtags = []string{"a", "b"}
		first, err1 := w.Match(x, r)
		second, err2 := w.Match(x, r)
		if first != second || (err1 == nil) != (err2 == nil) {
			t.Fatalf("%s: %t %v, then %t %v", source, first, err1, second, err2)
		}
	})
}
