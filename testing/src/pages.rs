// SPDX-License-Identifier: Apache-2.0
//! Code blocks of the documentation, read out of the Markdown files themselves, and what their commands print, compared with
//! what the page shows.
//!
//! A note in an HTML comment before a block says what is special about it: `<!-- file: PATH -->` (the block is a copy of that
//! file) or `<!-- not run: REASON -->`.

use std::{fs, path::Path, sync::LazyLock};

use regex::Regex;

/// What stands for any number of lines, also none, in output that a page shows.
const ANY: &str = "…";

/// A block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The page, from the root of the repository.
    pub page: String,
    /// Line of its first fence.
    pub line: usize,
    /// Language after the fence.
    pub language: String,
    /// What is in it.
    pub text: String,
    /// Kind and rest of the note before it.
    pub note: Option<(String, String)>,
}

impl Block {
    /// The rest of the note, if it is of that kind.
    pub fn note(&self, kind: &str) -> Option<&str> {
        self.note.as_ref().filter(|(is, _)| is == kind).map(|(_, rest)| rest.as_str())
    }

    /// Page and line, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// Commands of a page, and what they print if the page shows it.
#[derive(Clone, Debug)]
pub struct Example {
    /// The commands.
    pub commands: Block,
    /// The block of the language `text` that follows.
    pub output: Option<Block>,
}

/// All blocks of a page of the repository.
pub fn blocks(root: &Path, page: &str) -> Vec<Block> {
    let text = fs::read_to_string(root.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut found: Vec<Block> = Vec::new();
    let (mut open, mut note): (Option<Block>, _) = (None, None);
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(block) if line.trim_start().starts_with("```") => found.extend(open.take()),
            Some(block) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => match line.trim_start().strip_prefix("```") {
                Some(language) => {
                    let (page, language, text) = (page.to_owned(), language.to_owned(), String::new());
                    open = Some(Block { page, line: number + 1, language, text, note: note.take() });
                }
                None if line.trim().is_empty() => {}
                None => note = line.trim().strip_prefix("<!-- ").and_then(note_of),
            },
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    found
}

fn note_of(rest: &str) -> Option<(String, String)> {
    let (kind, rest) = rest.strip_suffix("-->")?.split_once(':')?;
    Some((kind.trim().to_owned(), rest.trim().to_owned()))
}

/// The commands of a page that are to be run, in their order.
pub fn examples(root: &Path, page: &str) -> Vec<Example> {
    let blocks = blocks(root, page);
    let next = |at: usize| blocks.get(at + 1).filter(|next| next.language == "text").cloned();
    let is_run = |block: &Block| block.language == "sh" && block.note("not run").is_none();
    let numbered = blocks.iter().enumerate().filter(|(_, block)| is_run(block));
    numbered.map(|(at, block)| Example { commands: block.clone(), output: next(at) }).collect()
}

/// Says how printed text differs from what a page shows: figures and blanks aside, and how many lines there are that differ in
/// nothing else, as the points of a course.
pub fn difference(shown: &str, printed: &str) -> Option<String> {
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(masked).filter(|line| !line.is_empty()).collect();
        lines.dedup();
        lines
    };
    let (shown_lines, printed_lines) = (lines(shown), lines(printed));
    let mut rest = printed_lines.as_slice();
    let pieces: Vec<&[String]> = shown_lines.split(|line| line == ANY).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let last = number + 1 == pieces.len();
        let skipped = (0..=rest.len().saturating_sub(piece.len()))
            .filter(|skipped| number > 0 || *skipped == 0)
            .filter(|skipped| {
                !last || skipped + piece.len() == rest.len() || (number > 0 && piece.is_empty())
            })
            .find(|skipped| rest[*skipped..].starts_with(piece));
        match skipped {
            Some(skipped) => rest = &rest[skipped + piece.len()..],
            None => {
                return Some(format!(
                    "the page shows\n{}\nwhich is not what was printed:\n{printed}\n(compared as\n{}\nwith\n{})",
                    shown,
                    shown_lines.join("\n"),
                    printed_lines.join("\n")
                ));
            }
        }
    }
    None
}

/// A line in which numbers with their units, bars and runs of blanks are all the same.
fn masked(line: &str) -> String {
    static FIGURE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"-?[0-9][0-9.]*(?:(?:µs|us|ms|s|m|h|d|%|[KMG]i?B|B)|[ ](?:s|[KMG]i?B|B)\b)?(?:[0-9.]+(?:ms|s|m|h))*")
            .expect("the expression is right")
    });
    static BAR: LazyLock<Regex> = LazyLock::new(|| Regex::new("■+").expect("the expression is right"));
    let line = FIGURE.replace_all(line, "#");
    let line = BAR.replace_all(&line, "■");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Text\n\n<!-- not run: it takes an hour -->\n```sh\nmake\n```\n\n```sh\nls\n```\n\nprints\n\n```text\na\n```\n\n\
                        <!-- file: a.yaml -->\n\n```yaml\na: 1\n```\n";

    #[test]
    fn blocks_have_their_notes_and_examples_what_they_print() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("page.md"), PAGE).unwrap();
        let blocks = blocks(folder.path(), "page.md");
        let notes: Vec<_> = blocks.iter().map(|block| (block.line, block.note.is_some())).collect();
        assert_eq!(notes, [(4, true), (8, false), (14, false), (20, true)]);
        assert_eq!(blocks[0].note("not run"), Some("it takes an hour"));
        assert_eq!((blocks[3].note("file"), blocks[3].text.as_str()), (Some("a.yaml"), "a: 1\n"));
        let examples = examples(folder.path(), "page.md");
        assert_eq!(examples.len(), 1);
        assert_eq!(examples[0].commands.text, "ls\n");
        assert_eq!(examples[0].output.as_ref().unwrap().text, "a\n");
    }

    #[test]
    fn figures_and_blanks_make_no_difference() {
        for (shown, printed) in [
            ("304 requests, p95 3.723ms, 0% failed", "9 requests, p95 1s12ms, 1.5% failed"),
            ("a    42.75 KiB (1.37 KiB/s)", "a 748.6 B (3 B/s)"),
            ("LoadTest first · 31s268ms", "LoadTest first · 1m3s"),
            ("first\n…\nlast", "first\na\nb\nlast"),
            ("first\n…", "first"),
            ("…\nlast", "a\nlast"),
            ("first\n…\nmiddle 1\n…", "first\na\nmiddle 2\nb"),
            ("≤ 0.3ms 10 ■■■", "≤  1.2ms  3 ■"),
            ("0s: 1 ready\n17.6s: 2 ready\nlast", "-0.2s: 1 ready\nlast"),
        ] {
            assert_eq!(difference(shown, printed), None, "{shown} and {printed}");
        }
    }

    #[test]
    fn anything_else_makes_one() {
        for (shown, printed) in [
            ("Passed 1", "Failed 1"),
            ("first\nlast", "first\na\nlast"),
            ("first", "first\na"),
            ("first\n…\nlast", "first\nlast\na"),
            ("a", ""),
            ("", "a"),
            ("10 requests", "10 users"),
            ("1s: 1 ready\n2s: none", "1s: 1 ready"),
        ] {
            assert!(difference(shown, printed).is_some(), "{shown} and {printed}");
        }
    }
}
