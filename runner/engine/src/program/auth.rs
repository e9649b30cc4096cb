// SPDX-License-Identifier: Apache-2.0
//! Credentials of a request, ready to be filled in.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use upsurge_core::{
    scenario::{self, AuthScheme},
    template::{Scope, Template},
};
use upsurge_http::{digest::Identity, origin::Origin};

use super::{
    address::{Address, Destination},
    fold::fold,
};

/// Credentials of a request.
#[derive(Debug)]
pub(crate) struct Auth {
    credentials: Credentials,
    /// The only server that they are for; `None` when the request itself names them.
    only_for: Option<Arc<Origin>>,
}

#[derive(Debug)]
enum Credentials {
    /// The same each time.
    Fixed(HeaderValue),
    Basic(Template, Template),
    Bearer(Template),
    Digest(Template, Template),
}

impl Auth {
    pub(super) fn compile(
        auth: &scenario::Auth,
        base: &Arc<Origin>,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let fold = |template: &Template| fold(template, secrets);
        let credentials = match &auth.scheme {
            AuthScheme::Basic(username, password) => {
                let (username, password) = (fold(username), fold(password));
                match (username.literal(), password.literal()) {
                    (Some(username), Some(password)) => Credentials::Fixed(basic(username, password)?),
                    _ => Credentials::Basic(username, password),
                }
            }
            AuthScheme::Bearer(token) => {
                let token = fold(token);
                match token.literal() {
                    Some(token) => Credentials::Fixed(bearer(token)?),
                    None => Credentials::Bearer(token),
                }
            }
            AuthScheme::Digest(username, password) => Credentials::Digest(fold(username), fold(password)),
        };
        Ok(Self { credentials, only_for: auth.of_test.then(|| Arc::clone(base)) })
    }

    /// The `Authorization` header, if it is the same for all that goes to an address.
    pub(super) fn fixed(&self, address: &Address) -> Option<&HeaderValue> {
        let Credentials::Fixed(value) = &self.credentials else { return None };
        let always = self.only_for.is_none()
            || matches!(address, Address::Fixed(destination) if self.is_for(destination));
        always.then_some(value)
    }

    /// The `Authorization` header, if a request to that place is to carry one from the beginning.
    pub(crate) fn header(
        &self,
        destination: &Destination,
        scope: &mut dyn Scope,
    ) -> Result<Option<HeaderValue>, String> {
        if !self.is_for(destination) {
            return Ok(None);
        }
        match &self.credentials {
            Credentials::Fixed(value) => Ok(Some(value.clone())),
            Credentials::Basic(username, password) => {
                basic(&username.render(scope), &password.render(scope)).map(Some)
            }
            Credentials::Bearer(token) => bearer(&token.render(scope)).map(Some),
            Credentials::Digest(..) => Ok(None),
        }
    }

    /// Who answers when the server of that place challenges.
    pub(crate) fn identity(&self, destination: &Destination, scope: &mut dyn Scope) -> Option<Identity> {
        match &self.credentials {
            Credentials::Digest(username, password) if self.is_for(destination) => Some(Identity {
                username: username.render(scope),
                password: password.render(scope),
                client_nonce: scope.random(),
            }),
            _ => None,
        }
    }

    /// Whether requests to a place carry these credentials, or could be asked for them.
    pub(crate) fn is_for(&self, destination: &Destination) -> bool {
        self.only_for
            .as_ref()
            .is_none_or(|origin| Arc::ptr_eq(origin, &destination.origin) || **origin == *destination.origin)
    }
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, String> {
    if username.contains(':') {
        return Err("the user name for basic authentication holds a colon".into());
    }
    secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    secret(&format!("Bearer {token}"))
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "the token for bearer authentication holds characters that a header can't carry")?;
    value.set_sensitive(true);
    Ok(value)
}
