// Package profile turns a use case, written as a YAML file, into the decisions
// that carry a post through the chain.
//
// Everything here is pure: no clock, no I/O, no randomness. So workers, the
// simulation (what would this profile do with these posts?) and the comparison
// of two versions (what would change if I edit this threshold?) call the same
// router and can't disagree, and a decision can be explained years later from
// the post, its run and the profile's body.
//
// # The file
//
//	name: luxury-watch                  # required; 1 to 32 of a-z, 0-9 and -
//	match:                              # which discovered posts are taken; each list given must fit; default: all
//	  sources: [instagram, weibo]
//	  hashtags: [luxury, 奢侈品]         # one of them; case and # don't matter
//	  languages: [en, zh]               # BCP 47; zh takes zh-Hant too
//	  countries: [FR]                   # of the author, ISO 3166-1
//	fetch:
//	  images:
//	    max: 10                         # 1 to 100, default 10
//	    originals: 720h                 # how long the originals are kept, default 30d
//	    renditions: 17520h              # how long the small copies are, default 730d
//	analyze-light:
//	  models: [caption, {color: {k: 4}}]  # default: none
//	analyze-heavy:                      # without this section the step is skipped
//	  when: 'confidence("color") < 0.8' # default: always
//	  models: [color-regions]           # required
//	  budget: {per_1000_posts: 120s}    # CPU time for each 1,000 posts of a day, default: no limit
//	label:                              # without this section the step is skipped; when or sample is required
//	  when: 'confidence("brand") < 0.9' # ask, and let the post wait; default: never
//	  sample: 0.02                      # ask without waiting, 0 to 1, default 0
//	  answers: 2                        # 1 to 9, default 1
//	  attributes: [brand]               # what is asked, default: all that the profile's models find
//	  guidelines:                       # what people are told, for what is asked; default: nothing
//	    brand:
//	      text: Only what is seen or named.
//	      single: true                  # one value at most, default false
//	      kind: tree                    # single, multiple, tree, text or box, default multiple
//	      groups: {luxury: [Acme]}      # of a tree, required: group: values, or groups below it
//	      partial: true                 # of a tree: a group alone is an answer, default false
//	      examples: [https://example.com/a.jpg]
//	  timeout:
//	    after: 72h                      # default 72h
//	    then: escalate                  # escalate, drop or index (marked unchecked), default escalate
//	index:
//	  when: 'has("garment")'            # others are dropped; default: always
//	  retention: 90d                    # in recent search, default 90d
//	archive:
//	  raw: true                         # keep the source's own response, default true
//
// Durations are Go's, with days before them: 90d, 1d12h, 72h, 30s. A profile
// has at most 256 KB, no anchors or aliases, and one document. It is refused
// whole if anything is wrong with it, with every error at once (see Errors).
//
// # Conditions
//
// `when` is an expression of expr-lang that is true or false, checked when the
// profile is loaded. Its words are those of Vocabulary: the functions
// confidence, has, value, values and labeled, which take the name of an
// attribute in quotes, and images, source, language, country, text, hashtags,
// followers, likes and comments. The operators are and, or, not, == != < <= >
// >=, in, contains, startsWith, endsWith, matches, arithmetic and ? :. Of the
// functions of expr-lang only all, any, none, one, count, filter, len, lower
// and upper are there.
//
// Attributes are read with people's labels in the place of what models said.
// confidence(a) is the lowest over the post's usable images of the highest
// confidence in each image; what holds for the whole post counts in every
// image; a post without usable images has the highest of those; nothing found
// is 0, and a person's answer is 1, the answer "there is none" included.
//
// # The chain
//
//	fetch → analyze-light → [analyze-heavy] → [label] → index → archive → done
//
// A post goes to analyze-heavy if the condition holds and the day's budget has
// not been used up; to label if the condition holds or the post is in the
// sample; past index only if that condition holds, else it is dropped.
package profile
