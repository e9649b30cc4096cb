// SPDX-License-Identifier: Apache-2.0
//! From the credentials of a spec to those of a request.

use upsurge_crds::v1alpha1 as api;

use super::{Auth, AuthScheme, compile::Compiler};

/// The credentials of a request: its own, or those of the test.
pub(super) fn compile(compiler: &mut Compiler<'_>, request: &api::RequestStep, path: &str) -> Option<Auth> {
    match (&request.auth, &compiler.spec.http.auth) {
        (Some(auth), _) => {
            let scheme = scheme(compiler, auth, &format!("{path}.auth"), true)?;
            if request.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
                compiler
                    .errors
                    .add(format_args!("{path}.auth"), "sets the header Authorization: drop one of them");
            }
            Some(Auth { scheme, of_test: false })
        }
        (None, Some(auth)) => {
            let scheme = scheme(compiler, auth, "spec.http.auth", false)?;
            let own = request.headers.keys().chain(compiler.spec.http.headers.keys());
            let own = own.into_iter().any(|name| name.eq_ignore_ascii_case("authorization"));
            (!own).then_some(Auth { scheme, of_test: true })
        }
        (None, None) => None,
    }
}

fn scheme(
    compiler: &mut Compiler<'_>,
    auth: &api::Auth,
    path: &str,
    may_be_none: bool,
) -> Option<AuthScheme> {
    let mut pair = |pair: &api::UserPassword, kind: &str| {
        let username = compiler.template(&pair.username, &format!("{path}.{kind}.username"));
        let password = compiler.template(&pair.password, &format!("{path}.{kind}.password"));
        username.zip(password)
    };
    match (&auth.basic, &auth.bearer, &auth.digest, auth.none) {
        (Some(basic), None, None, None) => {
            if basic.username.contains(':') {
                compiler
                    .errors
                    .add(format_args!("{path}.basic.username"), "must not hold a colon (RFC 7617)");
                return None;
            }
            pair(basic, "basic").map(|(username, password)| AuthScheme::Basic(username, password))
        }
        (None, Some(bearer), None, None) => {
            compiler.template(&bearer.token, &format!("{path}.bearer.token")).map(AuthScheme::Bearer)
        }
        (None, None, Some(digest), None) => {
            pair(digest, "digest").map(|(username, password)| AuthScheme::Digest(username, password))
        }
        (None, None, None, Some(true)) if may_be_none => None,
        _ if may_be_none => {
            compiler.errors.add(path, "credentials are exactly one of basic, bearer, digest and none: true");
            None
        }
        _ => {
            compiler.errors.add(path, "credentials are exactly one of basic, bearer and digest");
            None
        }
    }
}
