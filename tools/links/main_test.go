// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const linked = "# A `page`, once\n\n## Twice\n## Twice\n\n```sh\n[not](a-link.md)\n```\n`[nor](this.md)` [ok](#twice-1) [site](https://example.com/x)\n"

func TestLinks(t *testing.T) {
	for name, test := range map[string]struct{ text, broken string }{
		"a file":                 {"[a](b.md)", ""},
		"a heading":              {"[a](b.md#twice)", ""},
		"the second of a name":   {"[a](b.md#twice-1)", ""},
		"a heading with code":    {"[a](b.md#a-page-once)", ""},
		"a folder":               {"[a](.)", ""},
		"another site":           {"[a](https://example.com/nothing) [b](b.md)", ""},
		"a file that is not":     {"[a](c.md)", "a.md:1: c.md: there is no such file"},
		"a heading that is not":  {"\n[a](b.md#thrice)", "a.md:2: b.md#thrice: there is no such heading"},
		"a heading of itself":    {"[a](#none)", "#none: there is no such heading"},
		"a link of its own line": {"[a]: c.md", "c.md: there is no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, content := range map[string]string{"a.md": test.text, "b.md": linked} {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			broken, followed := check([]string{filepath.Join(folder, "a.md"), filepath.Join(folder, "b.md")}, markdown)
			if got := strings.Join(broken, "\n"); (got == "") != (test.broken == "") || !strings.Contains(got, test.broken) {
				t.Errorf("got %q instead of %q", got, test.broken)
			}
			if followed != 2 {
				t.Errorf("%d links were followed", followed)
			}
		})
	}
}

func TestHTML(t *testing.T) {
	folder := t.TempDir()
	content := `<h2 id="here">x</h2><a href="#here">a</a> <a class="b" href="other.html">c</a> <img alt="" src="none.png">`
	if err := os.WriteFile(filepath.Join(folder, "a.html"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := files(folder)
	if err != nil {
		t.Fatal(err)
	}
	broken, followed := check(names, html)
	if followed != 3 || len(broken) != 2 {
		t.Errorf("%d followed, broken: %q", followed, broken)
	}
}
