// SPDX-License-Identifier: Apache-2.0
//! URLs as they may be shown: without the user and the password that some of them hold.

use std::borrow::Cow;

/// The URL with `****` in place of what stands between its scheme and `@`, as k6 shows it.
pub fn without_login(url: &str) -> Cow<'_, str> {
    let Some(start) = url.find("://").map(|at| at + 3) else { return Cow::Borrowed(url) };
    let (scheme, rest) = url.split_at(start);
    let authority = rest.find(['/', '?', '#']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    match authority.rfind('@') {
        Some(at) => Cow::Owned(format!("{scheme}****{}", rest.get(at..).unwrap_or_default())),
        None => Cow::Borrowed(url),
    }
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
        ] {
            assert_eq!(without_login(url), shown);
        }
    }
}
