// SPDX-License-Identifier: Apache-2.0
//! "Did you mean": the known word that is most like one that nobody knows.

use strsim::damerau_levenshtein;

/// The known word that was most likely meant, if one is near enough. Case, `-` and `_` make no difference.
pub fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().filter_map(|candidate| Some((distance(word, candidate)?, candidate)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// The question that follows a message: `; did you mean checkout?`, or nothing.
pub fn question<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    meant(word, known).map(|word| format!("; did you mean {word}?")).unwrap_or_default()
}

/// Letters to change, add, leave out or swap; `None` if they are too many for a slip of the fingers.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let (word, candidate) = (plain(word), plain(candidate));
    if word == candidate {
        return Some(0);
    }
    let (length, most) = (candidate.len(), candidate.len() / 3);
    // Also keeps the work small, however long a word somebody makes up.
    if word.len().abs_diff(length) > most {
        return None;
    }
    Some(damerau_levenshtein(&word, &candidate)).filter(|distance| *distance <= most)
}

fn plain(word: &str) -> String {
    word.chars().filter(|character| !matches!(character, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KNOWN: [&str; 9] =
        ["url", "thresholds", "weight", "min", "max", "GET", "PATCH", "PerUser", "ramping-vus"];

    #[rstest]
    #[case::case("URL", Some("url"))]
    #[case::singular("threshold", Some("thresholds"))]
    #[case::swapped("wieght", Some("weight"))]
    #[case::other_style("per_user", Some("PerUser"))]
    #[case::without_hyphen("rampingVus", Some("ramping-vus"))]
    #[case::one_letter("uri", Some("url"))]
    #[case::another_word("mid", Some("min"))]
    #[case::too_far("FETCH", None)]
    #[case::opposite("PUT", None)]
    #[case::unrelated("duration", None)]
    #[case::nothing("", None)]
    fn a_slip_is_seen_and_another_word_is_not(#[case] word: &str, #[case] expected: Option<&str>) {
        assert_eq!(meant(word, KNOWN), expected);
    }

    #[test]
    fn the_nearest_of_several_is_meant() {
        assert_eq!(meant("stags", ["stage", "stages", "tags"]), Some("stage"));
        assert_eq!(question("stgaes", ["stage", "stages"]), "; did you mean stages?");
        assert_eq!(question("load", ["stage", "stages"]), "");
    }
}
