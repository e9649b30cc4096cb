// SPDX-License-Identifier: Apache-2.0
//! Notes of a run in a cluster, which has them in an annotation: its record is the operator's, and nobody else writes to it. Pure.

use serde_json::Value;

use crate::model::Note;

/// Most characters of a note.
pub const MOST_CHARACTERS: usize = 1_000;
/// Most notes of a run.
pub const MOST_NOTES: usize = 20;
/// Most characters of what is said about an annotation that can't be read.
const LONGEST_ERROR: usize = 200;

/// Why there is no note.
#[derive(Debug, thiserror::Error)]
pub enum OfRunError {
    /// It says nothing.
    #[error("the note is empty: say what was found or done")]
    Empty,
    /// It is too long.
    #[error(
        "the note has {count} characters, and {} are the most for a run in a cluster: name a page that has the rest",
        MOST_CHARACTERS
    )]
    Long {
        /// How many it has.
        count: usize,
    },
    /// There are too many.
    #[error("the run has {} notes, which are the most", MOST_NOTES)]
    Many,
    /// There are more than anybody could have noted by this command.
    #[error(
        "the run's annotation upsurge.dev/notes has {count} notes, and {} are the most: take some away",
        MOST_NOTES
    )]
    Surplus {
        /// How many there are.
        count: usize,
    },
    /// What is there was written by somebody else.
    #[error(
        "the run's annotation upsurge.dev/notes holds no notes: {}; mend it or take it away",
        beginning(.0)
    )]
    Unreadable(#[source] serde_json::Error),
}

/// What an error says, without all that it quotes: an annotation may have a quarter of a megabyte.
fn beginning(error: &serde_json::Error) -> String {
    error.to_string().chars().take(LONGEST_ERROR).collect()
}

/// The notes of an annotation.
///
/// # Errors
/// When it holds something else, or too many.
pub fn read(annotation: &str) -> Result<Vec<Note>, OfRunError> {
    let notes: Vec<Note> = serde_json::from_str(annotation).map_err(OfRunError::Unreadable)?;
    if notes.len() > MOST_NOTES {
        return Err(OfRunError::Surplus { count: notes.len() });
    }
    Ok(notes)
}

/// The annotation with one more note, and how many it has then.
///
/// # Errors
/// When the annotation holds something else, or there is no room for the note.
pub fn with(annotation: Option<&str>, note: &Note) -> Result<(String, usize), OfRunError> {
    let count = note.text.chars().count();
    if note.text.trim().is_empty() {
        return Err(OfRunError::Empty);
    }
    if count > MOST_CHARACTERS {
        return Err(OfRunError::Long { count });
    }
    let annotation = annotation.unwrap_or("[]");
    if read(annotation)?.len() >= MOST_NOTES {
        return Err(OfRunError::Many);
    }
    // Of those that are there, also what only a later version knows stays.
    let mut notes: Vec<Value> = serde_json::from_str(annotation).map_err(OfRunError::Unreadable)?;
    notes.push(serde_json::to_value(note).map_err(OfRunError::Unreadable)?);
    let written = serde_json::to_string(&notes).map_err(OfRunError::Unreadable)?;
    Ok((written, notes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Note {
        Note { time: "2030-01-02T08:00:00Z".parse().unwrap(), text: text.into() }
    }

    #[test]
    fn notes_are_kept_in_their_order_with_what_a_later_version_says_of_them() {
        let before = r#"[{"time": "2030-01-01T00:00:00Z", "text": "first", "mood": "good"}]"#;
        let (after, count) = with(Some(before), &note("second")).unwrap();
        assert!(count == 2 && after.contains("mood"), "{after}");
        let texts: Vec<String> = read(&after).unwrap().into_iter().map(|note| note.text).collect();
        assert_eq!(texts, ["first", "second"]);
    }

    #[test]
    fn there_is_room_for_so_many_notes_and_no_longer_ones() {
        let mut annotation: Option<String> = None;
        for expected in 1..=MOST_NOTES {
            let (after, count) = with(annotation.as_deref(), &note(&"ñ".repeat(MOST_CHARACTERS))).unwrap();
            assert_eq!(count, expected);
            annotation = Some(after);
        }
        // All annotations of an object have 256 KiB.
        assert!(annotation.as_ref().unwrap().len() < 64 << 10);
        assert!(matches!(with(annotation.as_deref(), &note("more")), Err(OfRunError::Many)));
        let long = note(&"x".repeat(MOST_CHARACTERS + 1));
        assert!(matches!(with(None, &long), Err(OfRunError::Long { count: 1_001 })));
        assert!(matches!(with(None, &note(" \n")), Err(OfRunError::Empty)));
        assert!(matches!(with(Some("fixed"), &note("x")), Err(OfRunError::Unreadable(_))));
    }

    #[test]
    fn what_somebody_else_has_filled_the_annotation_with_fills_no_report_and_no_screen() {
        let many = serde_json::to_string(&vec![note("x"); 5_000]).unwrap();
        for error in [read(&many).unwrap_err(), with(Some(&many), &note("y")).unwrap_err()] {
            assert!(matches!(error, OfRunError::Surplus { count: 5_000 }), "{error}");
        }
        let full = serde_json::to_string(&vec![note("x"); MOST_NOTES]).unwrap();
        assert_eq!(read(&full).unwrap().len(), MOST_NOTES);
        let quoted = serde_json::to_string(&"x".repeat(200_000)).unwrap();
        assert!(read(&quoted).unwrap_err().to_string().len() < 400);
    }
}
