package config

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// redacted stands in the place of a secret.
const redacted = "redacted"

var (
	// userinfo takes everything up to the last @, so that a password with an
	// unescaped / or @ in it is hidden as well.
	userinfo    = regexp.MustCompile(`^([a-z][a-z0-9+.-]*://[^:@/?#]*):.*@`)
	secretParam = regexp.MustCompile(`(?i)([?&;](?:[^=&;]*(?:pass|secret|token|key|credential|sig|session)[^=&;]*|[^=&;]*auth)=)[^&;#]*`)
)

// Redact hides the password in a URL, and query parameters that look like secrets.
func Redact(url string) string {
	url = userinfo.ReplaceAllString(url, "${1}:"+redacted+"@")
	return secretParam.ReplaceAllString(url, "${1}"+redacted)
}

// Print writes the effective configuration as YAML with secrets redacted.
func (c Config) Print(w io.Writer) error {
	out, err := yaml.MarshalWithOptions(nest(c.keys(), ""), yaml.IndentSequence(true))
	if err == nil {
		_, err = w.Write(out)
	}
	if err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return nil
}

// String is what Print writes, so that no log can show a secret by accident.
func (c Config) String() string {
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		return err.Error()
	}
	return b.String()
}

// LogValue does the same for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// nest turns the keys below name into nested mappings, in the order of the table.
func nest(keys []key, name string) yaml.MapSlice {
	var out yaml.MapSlice
	seen := map[string]bool{}
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k.name, name)
		if !ok {
			continue
		}
		part, _, deeper := strings.Cut(rest, ".")
		switch {
		case !deeper:
			out = append(out, yaml.MapItem{Key: part, Value: k.get()})
		case !seen[part]:
			seen[part] = true
			out = append(out, yaml.MapItem{Key: part, Value: nest(keys, name+part+".")})
		}
	}
	return out
}

// WriteDocs writes docs/configuration.md: every key with its variable, default
// and meaning.
func WriteDocs(w io.Writer) error {
	var b strings.Builder
	b.WriteString(docsHead)
	c := Default()
	for _, k := range c.keys() {
		shown := k.shown
		if shown == "" {
			shown = strings.Trim(fmt.Sprint(k.get()), "[]")
		}
		if shown != "" {
			shown = "`" + shown + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", k.name, k.env(), shown, strings.ReplaceAll(k.meaning, "|", `\|`))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write configuration docs: %w", err)
	}
	return nil
}

const docsHead = `# Configuration

<!-- Made from internal/config/keys.go. To make it anew: go test ./internal/config -run TestDocsAreFresh -update -->

Weft reads one file, ` + "`weft.yaml`" + ` in the working directory, or the one that ` + "`--config`" + ` or ` + "`WEFT_CONFIG`" + ` names. Every key is also an environment variable,
which wins over the file; flags win over both. Nothing is needed: without any of them everything runs embedded, in one process.

An unknown key or an unknown ` + "`WEFT_…`" + ` variable is refused, and all errors are reported at once, each with its place. A variable that is set but empty
sets an empty value. Dots are nesting: ` + "`redis.url`" + ` is written as

` + "```yaml" + `
redis:
  url: redis://localhost:6379
` + "```" + `

| key | variable | default | meaning |
|---|---|---|---|
`

// Keys returns the names of all keys, for flags and completions.
func Keys() []string {
	var c Config
	var names []string
	for _, k := range c.keys() {
		names = append(names, k.name)
	}
	return names
}
