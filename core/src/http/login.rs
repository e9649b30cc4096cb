// SPDX-License-Identifier: Apache-2.0
//! URLs as they may be shown: without the user and the password that some of them hold.

use std::borrow::Cow;

/// The URL with `****` in place of what stands between its scheme and `@`, as k6 shows it. The scheme may be left out, as
/// on the command line, or have too few slashes, where a password follows; else `items@2` is a path.
pub fn without_login(url: &str) -> Cow<'_, str> {
    let start = start_of_authority(url);
    let (scheme, rest) = url.split_at(start.unwrap_or_default());
    let authority = rest.find(['/', '?', '#']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    match authority.rsplit_once('@') {
        Some((login, _)) if start.is_some() || login.contains(':') => {
            Cow::Owned(format!("{scheme}****{}", rest.get(login.len()..).unwrap_or_default()))
        }
        _ => Cow::Borrowed(url),
    }
}

/// Where what follows `scheme://` begins, or `//` alone.
fn start_of_authority(url: &str) -> Option<usize> {
    let is_of_scheme = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    let rest = url.trim_start_matches(is_of_scheme);
    let scheme = rest.strip_prefix(':').filter(|_| rest.len() < url.len());
    let slashes = scheme.unwrap_or(rest);
    let authority = slashes.trim_start_matches(['/', '\\']);
    let fewest = if scheme.is_some() { 1 } else { 2 };
    (slashes.len() - authority.len() >= fewest && (scheme.is_some() || rest.len() == url.len()))
        .then(|| url.len() - authority.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_user_nor_password_is_shown() {
        for (url, shown) in [
            ("http://alice:secret@shop:80/a@b", "http://****@shop:80/a@b"),
            ("https://alice@shop?x=@", "https://****@shop?x=@"),
            ("http://a:p@ss@shop", "http://****@shop"),
            ("http://shop/a@b", "http://shop/a@b"),
            ("/a@b", "/a@b"),
            ("items@2/x:y", "items@2/x:y"),
            ("a//b:c@d", "a//b:c@d"),
            ("/?next=http://b:c@d", "/?next=http://b:c@d"),
            ("alice:secret@shop:80/a@b", "****@shop:80/a@b"),
            ("alice:secret@shop/?next=http://b", "****@shop/?next=http://b"),
            ("//alice:secret@shop/", "//****@shop/"),
            ("http:/alice:secret@shop/", "http:/****@shop/"),
            ("http:alice:secret@shop/", "****@shop/"),
            ("http:\\\\alice:secret@shop/", "http:\\\\****@shop/"),
        ] {
            assert_eq!(without_login(url), shown);
        }
    }
}
