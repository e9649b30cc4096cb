// SPDX-License-Identifier: Apache-2.0
//! Who speaks: a runner's projected token, reviewed by the API server.
//!
//! Its claims are read first, and keep out what no review could accept. A review is asked for once however often the token
//! comes, and counts until the token expires or its pod is gone. Whether one may be asked for at all is for the caller to say,
//! so that nobody can flood the API server through us.

pub(super) mod claims;
mod reviews;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::{Api, Client, api::PostParams};
use ring::digest::{SHA256, digest};
use tracing::warn;
use upsurge_crds::names::TOKEN_AUDIENCE;

use self::{
    claims::Claims,
    reviews::{Key, Reviews},
};
use super::{session::Pod, single_flight::SingleFlight};

/// Longest token that is looked at.
const LONGEST_TOKEN: usize = 16 * 1024;
/// Most reviews that are asked for at the same time.
const MOST_ASKED: usize = 256;
/// Most that wait for that: after a restart all runners come at once.
const LINE: usize = 1_024;
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

/// Asks for a review.
type Review = Arc<dyn Fn(String) -> BoxFuture<'static, Reviewed> + Send + Sync>;

/// Tells pods by their tokens.
pub struct Authenticator {
    review: Review,
    reviews: Mutex<Reviews>,
    asked: SingleFlight<Key, Reviewed>,
}

impl Authenticator {
    /// Asks the API server behind a client.
    pub fn new(client: Client) -> Self {
        let api: Api<TokenReview> = Api::all(client);
        Self::asking(Arc::new(move |token| {
            let api = api.clone();
            async move { review(&api, token).await }.boxed()
        }))
    }

    fn asking(review: Review) -> Self {
        Self { review, reviews: Mutex::default(), asked: SingleFlight::new(MOST_ASKED, LINE) }
    }

    /// The pod of a namespace whose token a request carries. Of a token that is not known yet, `may_ask` says whether it may
    /// be reviewed now, by the pod that it claims to be of.
    ///
    /// # Errors
    /// When there is no token, or it is not one of a pod of that namespace for this audience.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        namespace: &str,
        may_ask: impl FnOnce(&Pod) -> bool,
    ) -> Reviewed {
        let token = bearer(headers)?;
        let claims = Claims::read(token, Timestamp::now().as_second())?;
        if claims.namespace != namespace {
            return Err(Denied::Forbidden(format!(
                "a pod of namespace {:?} can't speak for runs in {namespace}",
                claims.namespace
            )));
        }
        let key = key(token);
        if let Some(reviewed) = lock(&self.reviews).get(&key, Instant::now()) {
            return reviewed;
        }
        // Who may not ask does not stand in the line of those who may either.
        let asked = self.asked.ask_if(
            key,
            || may_ask(&claims.pod),
            || {
                let (review, token) = (self.review.clone(), token.to_owned());
                async move { review(token).await }
            },
        );
        let busy = || Err(Denied::Unavailable("too many unknown tokens come at once: try again".into()));
        let reviewed = asked.await.unwrap_or_else(busy);
        let left = claims.expires.saturating_sub(Timestamp::now().as_second());
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
        lock(&self.reviews).keep(key, &reviewed, left, Instant::now());
        reviewed
    }

    /// A pod is gone: its tokens count no more.
    pub fn forget_pod(&self, uid: &str) {
        lock(&self.reviews).forget_pod(uid);
    }
}

/// Has the API server review a token.
async fn review(reviews: &Api<TokenReview>, token: String) -> Reviewed {
    let spec = TokenReviewSpec { token, audiences: Some(vec![TOKEN_AUDIENCE.into()]) };
    let review = TokenReview { spec, ..TokenReview::default() };
    let answer = reviews.create(&PostParams::default(), &review).await.map_err(|error| {
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

fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use serde_json::json;

    use super::{claims::tests, *};

    fn with(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        headers
    }

    /// A token of a pod that is good for an hour.
    fn token(pod: &str) -> String {
        let mut claims = tests::claims(pod);
        claims["exp"] = json!(Timestamp::now().as_second() + 3_600);
        tests::token(&claims)
    }

    /// Reviews that take a moment, accept every pod but `bad`, and are counted.
    fn counting() -> (Authenticator, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let authenticator = Authenticator::asking(Arc::new(move |token| {
            count.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::task::yield_now().await;
                let Claims { namespace, pod, .. } = Claims::read(&token, 1_000)?;
                if pod.name.starts_with("bad") {
                    return Err(Denied::Unauthenticated("no".into()));
                }
                Ok(Identity { namespace, pod })
            }
            .boxed()
        }));
        (authenticator, asked)
    }

    #[tokio::test]
    async fn a_token_is_reviewed_once_however_often_it_comes() {
        let (authenticator, asked) = counting();
        let headers = with(&token("run-0"));
        let identified = || authenticator.identify(&headers, "shop", |_| true);
        for known in join_all((0..100).map(|_| identified())).await {
            assert_eq!(known.unwrap().pod.name, "run-0");
        }
        assert!(identified().await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        authenticator.forget_pod("uid of run-0");
        assert!(identified().await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 2, "the pod was gone");
    }

    #[tokio::test]
    async fn what_can_be_refused_by_its_claims_is_no_work_for_the_api_server() {
        let (authenticator, asked) = counting();
        for headers in [with("a.b.c"), with(&tests::token(&tests::claims("run-0"))), HeaderMap::new()] {
            assert!(authenticator.identify(&headers, "shop", |_| true).await.is_err());
        }
        let elsewhere = authenticator.identify(&with(&token("run-0")), "billing", |_| true).await;
        assert_eq!(elsewhere.unwrap_err().status(), StatusCode::FORBIDDEN);
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn who_may_not_ask_is_told_to_come_again_and_known_pods_are_let_in() {
        let (authenticator, asked) = counting();
        let good = with(&token("run-0"));
        assert!(authenticator.identify(&good, "shop", |pod| pod.uid == "uid of run-0").await.is_ok());
        let made_up = with(&token("bad-1"));
        let refused = authenticator.identify(&made_up, "shop", |_| false).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(authenticator.identify(&good, "shop", |_| false).await.is_ok(), "it is known");
        let refused = authenticator.identify(&made_up, "shop", |_| true).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "that it may not ask is not remembered");
    }

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
