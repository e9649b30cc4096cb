// SPDX-License-Identifier: Apache-2.0
//! Finds the Digest challenges in a list of challenges (RFC 9110 §11.6.1), reading as leniently as curl does: what other
//! schemes say is no concern of ours, and must not hide a challenge that can be answered.

/// Parameters of a challenge in their order, without quotes.
pub(super) type Parameters<'a> = Vec<(&'a [u8], Vec<u8>)>;

/// The Digest challenges of a list, in their order.
///
/// A word with a `=` behind it is a parameter of the scheme before it, and any other ends that scheme's challenge. So the
/// token of `Negotiate TOKEN` is taken for a parameter of that scheme or for another scheme; either does no harm.
pub(super) fn digests(list: &[u8]) -> Vec<Parameters<'_>> {
    let (mut found, mut is_digest) = (Vec::<Parameters<'_>>::new(), false);
    let mut rest = skip(list, b" \t,");
    // At the front or behind a comma, where schemes stand.
    let mut at_front = true;
    while !rest.is_empty() {
        let (name, behind) = split(rest, |byte| b" \t,=\"".contains(byte));
        let behind = skip(behind, b" \t");
        let after = match behind {
            [b'=', value @ ..] if !name.is_empty() => {
                let Some((value, after)) = value_of(skip(value, b" \t")) else { return found };
                if let Some(parameters) = found.last_mut().filter(|_| is_digest) {
                    parameters.push((name, value));
                }
                after
            }
            _ if name.is_empty() => {
                // A string without a name, or what belongs to nothing.
                is_digest = false;
                let Some((_, after)) = value_of(rest).filter(|_| rest.starts_with(b"\"")) else {
                    return found;
                };
                after
            }
            _ => {
                is_digest = at_front && name.eq_ignore_ascii_case(b"digest");
                if is_digest {
                    found.push(Vec::new());
                }
                behind
            }
        };
        let next = skip(after, b" \t");
        at_front = next.starts_with(b",");
        rest = skip(next, b" \t,");
    }
    found
}

/// A value, quoted or not, and what is behind it; `None` if its quotes don't end.
fn value_of(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, behind) = split(text, |byte| b" \t,".contains(byte));
        return Some((value.to_vec(), behind));
    };
    let mut value = Vec::new();
    let mut rest = quoted;
    loop {
        match rest {
            [b'"', behind @ ..] => return Some((value, behind)),
            [b'\\', escaped, behind @ ..] => {
                value.push(*escaped);
                rest = behind;
            }
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
            [] => return None,
        }
    }
}

/// What stands before the first byte of a kind, and what from there on.
fn split(text: &[u8], ends: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(ends).unwrap_or(text.len()))
}

fn skip<'a>(text: &'a [u8], bytes: &[u8]) -> &'a [u8] {
    split(text, |byte| !bytes.contains(byte)).1
}
