// SPDX-License-Identifier: Apache-2.0
//! What a token says of itself, read without believing it: only to refuse what no review could accept.
//!
//! Nobody is let in by these claims. They keep out what is not for us, is over, or belongs elsewhere, without a word to
//! the API server.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use upsurge_crds::names::TOKEN_AUDIENCE;

use super::Denied;
use crate::collector::session::Pod;

/// Longest name of anything in a claim.
const LONGEST_NAME: usize = 253;
/// Longest issuer.
const LONGEST_ISSUER: usize = 1_024;
/// By how much clocks may differ, in seconds: the API server judges by its own.
const SKEW: i64 = 300;

/// What a token claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Namespace of the service account and of the pod.
    pub namespace: String,
    /// The pod that it is bound to.
    pub pod: Pod,
    /// When it expires, in seconds since the Unix epoch.
    pub expires: i64,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: i64,
    #[serde(rename = "kubernetes.io", default)]
    bound: Option<Bound>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Bound {
    namespace: String,
    #[serde(default)]
    pod: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    uid: String,
}

impl Claims {
    /// Reads a token; `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// When it can't be that of a runner.
    pub fn read(token: &str, now: i64) -> Result<Self, Denied> {
        let refused = |why: &str| Denied::Unauthenticated(format!("the token is refused: {why}"));
        let mut parts = token.split('.');
        let (Some(_), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused("it is no JSON Web Token"));
        };
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
        let bytes = bytes.map_err(|_| refused("its payload is not base64"))?;
        let payload: Payload =
            serde_json::from_slice(&bytes).map_err(|_| refused("its claims can't be understood"))?;
        let meant = match &payload.aud {
            Audience::One(one) => one == TOKEN_AUDIENCE,
            Audience::Several(all) => all.iter().any(|one| one == TOKEN_AUDIENCE),
        };
        if !meant {
            return Err(refused(&format!("it is not for audience {TOKEN_AUDIENCE}")));
        }
        if payload.iss.is_empty() || payload.iss.len() > LONGEST_ISSUER {
            return Err(refused("it has no issuer"));
        }
        if payload.exp.saturating_add(SKEW) < now {
            return Err(refused("it has expired"));
        }
        if payload.nbf > now.saturating_add(SKEW) {
            return Err(refused("it is not valid yet"));
        }
        let unbound = || Denied::Forbidden("the token is not bound to a pod".into());
        let Bound { namespace, pod } = payload.bound.ok_or_else(unbound)?;
        let Named { name, uid } = pod.ok_or_else(unbound)?;
        if [&namespace, &name, &uid].into_iter().any(|text| text.is_empty() || text.len() > LONGEST_NAME) {
            return Err(refused("its names are none"));
        }
        Ok(Self { namespace, pod: Pod { name, uid }, expires: payload.exp })
    }
}

#[cfg(test)]
pub mod tests {
    use axum::http::StatusCode;
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// A token with these claims and a signature that is none.
    pub fn token(claims: &Value) -> String {
        let [header, payload] =
            [json!({"alg": "RS256"}), claims.clone()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{payload}.c2ln")
    }

    pub fn claims(pod: &str) -> Value {
        json!({"iss": "https://kubernetes.default.svc", "aud": ["upsurge.dev"], "exp": 4_600, "nbf": 900,
               "kubernetes.io": {"namespace": "shop", "pod": {"name": pod, "uid": format!("uid of {pod}")}}})
    }

    #[test]
    fn the_pod_of_a_token_is_read() {
        let read = Claims::read(&token(&claims("run-0")), 1_000).unwrap();
        let pod = Pod { name: "run-0".into(), uid: "uid of run-0".into() };
        assert_eq!(read, Claims { namespace: "shop".into(), pod, expires: 4_600 });
        let mut one = claims("run-0");
        one["aud"] = json!("upsurge.dev");
        assert!(Claims::read(&token(&one), 1_000).is_ok());
    }

    #[rstest]
    #[case::another_audience("aud", json!(["https://kubernetes.default.svc"]), 1_000, StatusCode::UNAUTHORIZED)]
    #[case::no_audience("aud", json!(null), 1_000, StatusCode::UNAUTHORIZED)]
    #[case::no_issuer("iss", json!(""), 1_000, StatusCode::UNAUTHORIZED)]
    #[case::expired("exp", json!(600), 1_000, StatusCode::UNAUTHORIZED)]
    #[case::too_early("nbf", json!(2_000), 1_000, StatusCode::UNAUTHORIZED)]
    #[case::no_pod("kubernetes.io", json!({"namespace": "shop"}), 1_000, StatusCode::FORBIDDEN)]
    #[case::not_of_kubernetes("kubernetes.io", json!(null), 1_000, StatusCode::FORBIDDEN)]
    #[case::no_name("kubernetes.io", json!({"namespace": "shop", "pod": {"name": "", "uid": "u"}}), 1_000, StatusCode::UNAUTHORIZED)]
    fn what_no_review_could_accept_is_refused(
        #[case] claim: &str,
        #[case] value: Value,
        #[case] now: i64,
        #[case] expected: StatusCode,
    ) {
        let mut claims = claims("run-0");
        claims[claim] = value;
        assert_eq!(Claims::read(&token(&claims), now).unwrap_err().status(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("a.b")]
    #[case("a.b.c")]
    #[case("a.b.c.d")]
    #[case("a.e30.c")]
    fn garbage_is_no_token(#[case] token: &str) {
        assert_eq!(Claims::read(token, 0).unwrap_err().status(), StatusCode::UNAUTHORIZED);
    }

    /// What makes claims strange: names of fields, and values in their place.
    fn strange() -> impl Strategy<Value = Value> {
        let texts =
            ["", "upsurge.dev", "https://kubernetes.default.svc", "shop", "run-0", "../../secrets", "\u{0}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec![i64::MIN, -1, 0, 600, 1_000, 4_600, i64::MAX]).prop_map(Value::from),
            prop::sample::select(texts.to_vec()).prop_map(Value::from),
            Just(Value::from("a".repeat(300))),
            Just(Value::from("a".repeat(2_000))),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let names = ["namespace", "pod", "name", "uid", "iss", "aud", "other"].map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// A good token with claims replaced, its bytes spoilt, or both.
    fn tokens() -> impl Strategy<Value = String> {
        let paths = [
            "/iss",
            "/aud",
            "/exp",
            "/nbf",
            "/kubernetes.io",
            "/kubernetes.io/namespace",
            "/kubernetes.io/pod",
            "/kubernetes.io/pod/name",
            "/kubernetes.io/pod/uid",
        ];
        let replaced = prop::collection::vec((prop::sample::select(paths.to_vec()), strange()), 0..3);
        let spoilt = prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..3);
        let structured = (replaced, spoilt, any::<bool>()).prop_map(|(replaced, spoilt, inside)| {
            let mut claims = claims("run-0");
            for (path, value) in replaced {
                if let Some(claim) = claims.pointer_mut(path) {
                    *claim = value;
                }
            }
            let spoil = |text: String| {
                let mut letters: Vec<char> = text.chars().collect();
                spoilt.iter().for_each(|(at, letter)| *at.get_mut(&mut letters) = *letter);
                letters.into_iter().collect::<String>()
            };
            match inside {
                true => format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(spoil(claims.to_string()))),
                false => spoil(token(&claims)),
            }
        });
        let nested = Just(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode("[".repeat(10_000))));
        prop_oneof![20 => structured, 2 => any::<String>(), 1 => nested]
    }

    #[test]
    fn whatever_a_token_says_is_understood_within_bounds_or_refused() {
        const WAYS: [&str; 10] = [
            "no JSON Web Token",
            "not base64",
            "can't be understood",
            "not for audience",
            "no issuer",
            "has expired",
            "not valid yet",
            "not bound to a pod",
            "its names are none",
            "read",
        ];
        let mut met = [0_u32; WAYS.len()];
        let mut runner = TestRunner::deterministic();
        let tokens = tokens();
        for _ in 0..5_000 {
            let token = tokens.new_tree(&mut runner).unwrap().current();
            let way = match Claims::read(&token, 1_000) {
                Ok(Claims { namespace, pod, expires }) => {
                    for name in [&namespace, &pod.name, &pod.uid] {
                        assert!(!name.is_empty() && name.len() <= LONGEST_NAME, "{name:?}");
                    }
                    assert!(expires >= 1_000 - SKEW);
                    "read"
                }
                Err(denied) => {
                    let said = denied.to_string();
                    let known = WAYS.into_iter().find(|way| said.contains(way));
                    known.unwrap_or_else(|| panic!("unknown words: {said}"))
                }
            };
            met[WAYS.iter().position(|known| *known == way).unwrap()] += 1;
        }
        assert!(met.iter().all(|met| *met > 0), "some ways were never taken: {met:?}");
    }
}
