package spelling_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"

	"weft/storage/spelling"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"Crème brûlée!":        "creme brulee",
		"t-shirt_XL":           "t shirt xl",
		"奢侈品":                  "奢侈 侈品 品",
		"LV包 2026春夏":           "lv 包 2026 春夏 夏",
		"ＡＢＣ　ｶﾀｶﾅ":             "abc カタ タカ カナ ナ",
		"ΣΟΦΟΣ ёлка İ":         "σοφοσ ёлка i",
		"👗 - \x00 \xff \u0301": "",
		"e\u0301te\u0301":      "ete",
	} {
		if got := spelling.Words(text); got != want {
			t.Errorf("Words(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzWordsOfASCII holds plain text to the rules of all other text, which a letter
// that is not ASCII brings about.
func FuzzWordsOfASCII(f *testing.F) {
	for _, s := range []string{"", " A  t-shirt_XL, 2026! ", "\x00\x7f", "#OOTD @me"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range s {
			if r >= utf8.RuneSelf {
				t.Skip("is not ASCII")
			}
		}
		want := strings.TrimSuffix(spelling.Words(s+" ж"), "ж")
		if got := spelling.Words(s); got != strings.TrimSuffix(want, " ") {
			t.Errorf("Words(%q) = %q, and %q before another word", s, got, want)
		}
	})
}

func TestPhrases(t *testing.T) {
	for typed, want := range map[string][]spelling.Phrase{
		"":             nil,
		"Silk dress":   {{Words: "silk"}, {Words: "dress"}},
		"t-shirt":      {{Words: "t shirt"}},
		`a"b OR`:       {{Words: "a b"}, {Words: "or"}},
		"奢侈品":          {{Words: "奢侈 侈品"}},
		"LV包 2026春夏":   {{Words: "lv"}, {Words: "包", Prefix: true}, {Words: "2026"}, {Words: "春夏"}},
		"!!! 👗 - \x00": nil,
	} {
		if diff := cmp.Diff(want, spelling.Phrases(typed)); diff != "" {
			t.Errorf("Phrases(%q): %s", typed, diff)
		}
	}
}

func TestPhraseIn(t *testing.T) {
	for _, c := range []struct {
		typed, text string
		want        bool
	}{
		{"silk", "Silk dress", true}, {"sil", "Silk dress", false}, {"t-shirt", "A T-Shirt!", true}, {"t-shirt", "t and shirt", false},
		{"侈品", "奢侈品手表", true}, {"品奢", "奢侈品", false}, {"品", "奢侈品", true}, {"表", "手表 2026", true}, {"2026", "x20266", false},
	} {
		if got := spelling.Phrases(c.typed)[0].In(spelling.Words(c.text)); got != c.want {
			t.Errorf("%q in %q = %v", c.typed, c.text, got)
		}
	}
}

// The embedded search has its words from SQLite's tokenizer: every letter and
// number of the scripts that it knows makes the same word here. Its tables are
// of Unicode 6.1, so some scripts differ that got capitals, or other classes, later.
func TestWordsAgreeWithSQLite(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(q string, args ...any) {
		t.Helper()
		if _, err := db.Exec(q, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE VIRTUAL TABLE x USING fts5(a, tokenize='unicode61 remove_diacritics 2')`)
	exec(`CREATE VIRTUAL TABLE v USING fts5vocab(x, 'instance')`)
	exec(`BEGIN`)
	last := rune(0x3000)
	for r := rune(1); r < last; r++ {
		later := unicode.In(r, unicode.Cherokee, unicode.Georgian, unicode.New_Tai_Lue) || r == 0x1CF2 || r == 0x1CF3 || r == 0x37F || (r >= 0x528 && r <= 0x52F) || r == 0x2C2F || r == 0x1E0 || r == 0x1E1
		if unicode.IsLetter(r) && !later && !spelling.Unspaced(r) || unicode.IsNumber(r) || (unicode.IsMark(r) && r < 0x370) {
			exec(`INSERT INTO x(rowid, a) VALUES(?, ?)`, int(r), spelling.Clean(fmt.Sprintf("o%co", r)))
		}
	}
	rows, err := db.Query(`SELECT doc, group_concat(term, ' ') FROM (SELECT doc, term FROM v ORDER BY doc, "offset") GROUP BY doc`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var r rune
		var want string
		if err := rows.Scan(&r, &want); err != nil {
			t.Fatal(err)
		}
		if got := spelling.Words(fmt.Sprintf("o%co", r)); got != want {
			t.Errorf("%U: %q here, %q there", r, got, want)
		}
	}
	if err := rows.Err(); err != nil || n < 5000 {
		t.Errorf("%d letters were compared, %v", n, err)
	}
}
