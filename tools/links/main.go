// SPDX-License-Identifier: Apache-2.0

// Command links checks that links within the documentation lead somewhere: to a file that exists and, where they name one, to a
// heading of it. It asks no server.
//
//	links markdown FILE…   links of Markdown files, as GitHub follows them
//	links html FOLDER      links of a built book, as a browser follows them
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// A page as the checks see it: where its links lead, and which anchors it has.
type page struct {
	links   []link
	anchors map[string]bool
}

type link struct {
	line   int
	target string
}

var (
	inline  = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	named   = regexp.MustCompile(`^\[[^\]]+\]:\s+(\S+)`)
	heading = regexp.MustCompile(`^(#{1,6})\s+(.*?)\s*#*$`)
	text    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	code    = regexp.MustCompile("`[^`]*`")
	href    = regexp.MustCompile(`<a [^>]*href="([^"]*)"`)
	source  = regexp.MustCompile(`<img [^>]*src="([^"]*)"`)
	id      = regexp.MustCompile(` id="([^"]*)"`)
	scheme  = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
)

// slug is the anchor of a heading, by the rule that GitHub and mdbook share.
func slug(title string) string {
	title = strings.ReplaceAll(text.ReplaceAllString(title, "$1"), "`", "")
	return strings.Map(func(letter rune) rune {
		switch {
		case unicode.IsLetter(letter) || unicode.IsNumber(letter) || letter == '-' || letter == '_':
			return unicode.ToLower(letter)
		case unicode.IsSpace(letter):
			return '-'
		}
		return -1
	}, title)
}

func markdown(content string) page {
	found := page{anchors: map[string]bool{}}
	fenced, times := false, map[string]int{}
	for number, line := range strings.Split(content, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced || strings.HasPrefix(line, "    ") {
			continue
		}
		if match := heading.FindStringSubmatch(line); match != nil {
			anchor := slug(match[2])
			name := anchor
			if times[anchor] > 0 {
				name += "-" + strconv.Itoa(times[anchor])
			}
			times[anchor]++
			found.anchors[name] = true
		}
		line = code.ReplaceAllStringFunc(line, func(span string) string {
			return strings.Map(func(letter rune) rune {
				if strings.ContainsRune("[]()", letter) {
					return '_'
				}
				return letter
			}, span)
		})
		for _, match := range append(inline.FindAllStringSubmatch(line, -1), named.FindAllStringSubmatch(line, -1)...) {
			found.links = append(found.links, link{number + 1, match[1]})
		}
	}
	return found
}

func html(content string) page {
	found := page{anchors: map[string]bool{}}
	for number, line := range strings.Split(content, "\n") {
		for _, match := range id.FindAllStringSubmatch(line, -1) {
			found.anchors[match[1]] = true
		}
		for _, match := range append(href.FindAllStringSubmatch(line, -1), source.FindAllStringSubmatch(line, -1)...) {
			found.links = append(found.links, link{number + 1, match[1]})
		}
	}
	return found
}

// check tells of each link of the files that leads nowhere, and how many it has followed.
func check(files []string, read func(string) page) (broken []string, followed int) {
	pages := map[string]page{}
	load := func(file string) page {
		if known, ok := pages[file]; ok {
			return known
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return page{}
		}
		pages[file] = read(string(content))
		return pages[file]
	}
	for _, file := range files {
		for _, link := range load(file).links {
			if scheme.MatchString(link.target) || strings.HasPrefix(link.target, "//") {
				continue
			}
			followed++
			path, anchor, _ := strings.Cut(link.target, "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				broken = append(broken, fmt.Sprintf("%s:%d: %s: there is no such file", file, link.line, link.target))
				continue
			}
			if anchor != "" && filepath.Ext(target) == filepath.Ext(file) && !load(target).anchors[anchor] {
				broken = append(broken, fmt.Sprintf("%s:%d: %s: there is no such heading", file, link.line, link.target))
			}
		}
	}
	return broken, followed
}

func files(folder string) (found []string, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		// The page that prints the whole book repeats the links of all others, from another folder.
		if err == nil && filepath.Ext(path) == ".html" && entry.Name() != "print.html" && entry.Name() != "404.html" {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: links markdown FILE…, links html FOLDER")
		os.Exit(2)
	}
	names, read := os.Args[2:], markdown
	if os.Args[1] == "html" {
		var err error
		if names, err = files(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "links:", err)
			os.Exit(2)
		}
		read = html
	}
	broken, followed := check(names, read)
	for _, message := range broken {
		fmt.Fprintln(os.Stderr, message)
	}
	if followed == 0 {
		broken = append(broken, "")
		fmt.Fprintln(os.Stderr, "links: there are none to follow")
	}
	if len(broken) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d links of %d files (%s) lead somewhere\n", followed, len(names), os.Args[1])
}
