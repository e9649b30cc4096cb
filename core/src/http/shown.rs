// SPDX-License-Identifier: Apache-2.0
//! URLs in messages: what follows the path may be a token of a user's, and what stands before the host a password.

use super::without_login;

/// A URL without what may be secret.
pub fn shown_url(url: &str) -> String {
    let path = url.find(['?', '#']).map_or(url, |end| url.get(..end).unwrap_or_default());
    let rest = if path.len() < url.len() { "?…" } else { "" };
    format!("{}{rest}", without_login(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_logins_nor_what_follows_the_path_are_shown() {
        for (url, shown) in [
            ("http://u:pw@shop/a?code=x", "http://****@shop/a?…"),
            ("myapp://cb?code=x", "myapp://cb?…"),
            ("/a#token=x", "/a?…"),
            ("/a", "/a"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
