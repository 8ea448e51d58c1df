package text_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis/text"
)

func TestHashtags(t *testing.T) {
	for caption, want := range map[string][]string{
		"":                                 nil,
		"no tags, issue #1 and #2026":      nil,
		"#OOTD today #ootd #Street_Style!": {"ootd", "street_style"},
		"＃ＯＯＴＤ full width":                 {"ootd"},
		"#a#b #c":                          {"a", "b", "c"},
		"#穿搭# 今天的裙子 #秋冬 新款#":                 {"穿搭", "秋冬 新款"},
		"#穿搭[话题]# #古驰[话题]#":                  {"穿搭", "古驰"},
		"#穿搭 #日常 #裙子":                        {"穿搭", "日常", "裙子"},
		"#mode #élégance (#été)":             {"mode", "élégance", "été"},
		"C# &#39; x#y https://x.org/#frag #": nil,
		"#2026ss #90s":                       {"2026ss", "90s"},
		"#t恤#好看":                             {"t恤"},
		"##double":                           {"double"},
		"#emoji👗 #dress👗ok":                  {"emoji", "dress"},
	} {
		if diff := cmp.Diff(want, text.Hashtags(caption)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", caption, diff)
		}
	}
}

func TestLanguage(t *testing.T) {
	for caption, want := range map[string]string{
		"":                              "",
		"#ootd #gucci":                  "",
		"Gucci Prada Dior":              "",
		"Loving this new coat":          "en",
		"my favourite dress is here":    "en",
		"Une robe rouge pour l'été":     "fr",
		"Mon manteau préféré":           "fr",
		"El vestido de mi hermana":      "es",
		"Hoy con mis zapatos nuevos":    "es",
		"今天的穿搭":                         "zh",
		"#今日穿搭# 新裙子":                    "zh",
		"我的 Gucci 包包 new in":            "zh",
		"今日のコーデ":                        "",
		"오늘의 코디":                        "",
		"Сегодня в платье":              "",
		"This is the look, 很好看":         "en",
		"see https://example.com/le/la": "",
	} {
		if got := text.Language(caption); got != want {
			t.Errorf("%q is %q, want %q", caption, got, want)
		}
	}
}
