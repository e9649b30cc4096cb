//! Who speaks: a runner's projected token, reviewed by the API server.
//!
//! Reviews are cached for a short time by a digest of the token; a token itself is never kept.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::{Api, Client, api::PostParams};
use ring::digest::{SHA256, digest};
use tracing::warn;
use upsurge_crds::names::TOKEN_AUDIENCE;

use super::session::Pod;

/// How long a review counts.
const TIME_TO_LIVE: Duration = Duration::from_secs(30);
/// Most reviews that are kept.
const MOST_REVIEWS: usize = 4_096;
/// Longest token that is looked at.
const LONGEST_TOKEN: usize = 16 * 1024;
/// Where the API server says which pod a token was made for.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// A pod that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its namespace.
    pub namespace: String,
    /// The pod.
    pub pod: Pod,
}

/// Why a request is not listened to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It does not prove who speaks.
    #[error("{0}")]
    Unauthenticated(String),
    /// Who speaks may not say that.
    #[error("{0}")]
    Forbidden(String),
    /// That can't be told at the moment.
    #[error("{0}")]
    Unavailable(String),
}

impl Denied {
    /// The status that tells the runner what to do.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

type Reviewed = Result<Identity, Denied>;

/// Tells pods by their tokens.
pub struct Authenticator {
    reviews: Api<TokenReview>,
    known: Mutex<HashMap<[u8; 32], (Instant, Reviewed)>>,
}

impl Authenticator {
    /// Asks the API server behind a client.
    pub fn new(client: Client) -> Self {
        Self { reviews: Api::all(client), known: Mutex::default() }
    }

    /// The pod whose token a request carries.
    ///
    /// # Errors
    /// When there is no token, or it is not a pod's token for this audience.
    pub async fn identify(&self, headers: &HeaderMap) -> Reviewed {
        let token = bearer(headers)?;
        let key = key(token);
        let now = Instant::now();
        if let Some((_, reviewed)) = self.lock().get(&key).filter(|(until, _)| now < *until) {
            return reviewed.clone();
        }
        let reviewed = self.review(token).await;
        if !matches!(reviewed, Err(Denied::Unavailable(_))) {
            let mut known = self.lock();
            if known.len() >= MOST_REVIEWS {
                known.retain(|_, (until, _)| now < *until);
            }
            if known.len() < MOST_REVIEWS {
                known.insert(key, (now + TIME_TO_LIVE, reviewed.clone()));
            }
        }
        reviewed
    }

    async fn review(&self, token: &str) -> Reviewed {
        let spec = TokenReviewSpec { token: token.into(), audiences: Some(vec![TOKEN_AUDIENCE.into()]) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = self.reviews.create(&PostParams::default(), &review).await.map_err(|error| {
            warn!(%error, "token can't be reviewed");
            Denied::Unavailable("the token can't be reviewed at the moment: try again".into())
        })?;
        let status = answer.status.unwrap_or_default();
        let meant = status.audiences.is_some_and(|all| all.iter().any(|one| one == TOKEN_AUDIENCE));
        if !status.authenticated.unwrap_or(false) || !meant {
            let why = status.error.unwrap_or_else(|| "it is not valid".into());
            return Err(Denied::Unauthenticated(format!(
                "the token is refused for audience {TOKEN_AUDIENCE}: {why}"
            )));
        }
        identity(&status.user.unwrap_or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], (Instant, Reviewed)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    token.filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN).ok_or_else(|| {
        Denied::Unauthenticated("the request needs the pod's token as `Authorization: Bearer …`".into())
    })
}

fn key(token: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

/// A service account's user name says its namespace; what is extra says the pod.
fn identity(user: &UserInfo) -> Reviewed {
    let name = user.username.as_deref().unwrap_or_default();
    let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let extra = |key: &str| user.extra.as_ref()?.get(key)?.first().cloned();
    match (account, extra(POD_NAME), extra(POD_UID)) {
        (Some((namespace, _)), Some(pod), Some(uid)) => {
            Ok(Identity { namespace: namespace.into(), pod: Pod { name: pod, uid } })
        }
        _ => Err(Denied::Forbidden(format!("the token of {name:?} is not bound to a pod"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, extra: &[(&str, &str)]) -> UserInfo {
        let extra = extra.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
        UserInfo { username: Some(name.into()), extra: Some(extra), ..UserInfo::default() }
    }

    #[test]
    fn a_pod_is_told_by_its_service_account_and_what_the_token_is_bound_to() {
        let runner = user("system:serviceaccount:shop:runner", &[(POD_NAME, "run-0"), (POD_UID, "u")]);
        let pod = Pod { name: "run-0".into(), uid: "u".into() };
        assert_eq!(identity(&runner), Ok(Identity { namespace: "shop".into(), pod }));
    }

    #[test]
    fn people_and_tokens_without_a_pod_are_not_listened_to() {
        for stranger in [
            user("admin", &[(POD_NAME, "run-0"), (POD_UID, "u")]),
            user("system:serviceaccount:shop:runner", &[]),
            user("system:serviceaccount:shop:runner", &[(POD_NAME, "run-0")]),
        ] {
            assert_eq!(identity(&stranger).unwrap_err().status(), StatusCode::FORBIDDEN);
        }
    }

    #[test]
    fn a_request_without_a_bearer_token_is_unauthenticated() {
        for value in ["", "Bearer ", "Basic dXNlcg==", "token"] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers).unwrap_err().status(), StatusCode::UNAUTHORIZED, "{value:?}");
        }
        assert!(bearer(&HeaderMap::new()).is_err());
    }
}
