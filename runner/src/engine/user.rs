//! A user: variables, connections, cookies, and a source of random numbers.

use std::borrow::Cow;

use cookie_store::CookieStore;
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use upsurge_core::{
    scenario::{ITERATION_SLOT, LOOP_COUNT_SLOT, SCENARIO_SLOT, USER_SLOT},
    template::Scope,
};
use url::Url;

use crate::{
    http::client::Connections,
    program::{Destination, Program},
};

/// A user of one core.
#[derive(Debug)]
pub(crate) struct User {
    /// Its variables.
    pub(crate) variables: Variables,
    /// Its connections, which it shares with nobody.
    pub(crate) connections: Connections,
    /// Its cookies, which last for one iteration unless the test keeps them.
    pub(crate) cookies: Cookies,
}

/// The variables of a user by slot.
#[derive(Debug)]
pub(crate) struct Variables {
    slots: Vec<Option<Value>>,
    random: fastrand::Rng,
}

impl Scope for Variables {
    fn variable(&self, slot: usize) -> Option<&Value> {
        self.slots.get(slot)?.as_ref()
    }

    fn secret(&self, _: &str) -> Option<&str> {
        // Secrets became text when the program was compiled.
        None
    }

    fn random(&mut self) -> u64 {
        self.random.u64(..)
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

impl Variables {
    /// Sets a variable.
    pub(crate) fn set(&mut self, slot: usize, value: Value) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(value);
        }
    }

    /// A random number from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.random.f64()
    }

    /// Takes a random value for each variable that is a list.
    fn choose(&mut self, program: &Program) {
        for variable in &program.choices {
            if let Some(value) = self.random.choice(&variable.values) {
                let value = value.clone();
                self.set(variable.slot, value);
            }
        }
    }
}

impl User {
    /// A new user; numbers begin with 1.
    pub(crate) fn new(program: &Program, number: u64) -> Self {
        let mut variables = Variables { slots: program.constants.clone(), random: fastrand::Rng::new() };
        variables.choose(program);
        variables.set(USER_SLOT, number.into());
        Self { variables, connections: Connections::default(), cookies: Cookies::default() }
    }

    /// Takes values anew, as a user who comes for the first time.
    pub(crate) fn choose_values(&mut self, program: &Program) {
        self.variables.choose(program);
    }

    /// Forgets what the last iteration left behind and sets what a new one begins with.
    pub(crate) fn begin(&mut self, program: &Program, iteration: u64, scenario: usize) {
        for slot in &program.captured {
            if let Some(place) = self.variables.slots.get_mut(*slot) {
                *place = program.constants.get(*slot).cloned().flatten();
            }
        }
        self.variables.set(ITERATION_SLOT, iteration.into());
        self.variables.set(LOOP_COUNT_SLOT, 0.into());
        if let Some(scenario) = program.scenarios.get(scenario) {
            self.variables.set(SCENARIO_SLOT, scenario.name.as_str().into());
        }
        if !program.keep_cookies {
            self.cookies = Cookies::default();
        }
    }
}

/// The cookies of a user: none at first, and then no cost.
#[derive(Debug, Default)]
pub(crate) struct Cookies(Option<Box<CookieStore>>);

impl Cookies {
    /// Adds the cookies that belong to a request, and `own` ones, which win over those of the same name,
    /// unless the test writes the header itself.
    pub(crate) fn add_to(
        &self,
        headers: &mut Cow<'_, HeaderMap>,
        destination: &Destination,
        own: &[(String, String)],
    ) {
        if (self.0.is_none() && own.is_empty()) || headers.contains_key(header::COOKIE) {
            return;
        }
        let mut pairs: Vec<String> = own.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let Some(store) = &self.0
            && let Some(url) = url_of(destination)
        {
            let kept = store.get_request_values(&url);
            let kept = kept.filter(|(name, _)| own.iter().all(|(known, _)| known != name));
            pairs.extend(kept.map(|(name, value)| format!("{name}={value}")));
        }
        if !pairs.is_empty()
            && let Ok(value) = HeaderValue::from_str(&pairs.join("; "))
        {
            headers.to_mut().insert(header::COOKIE, value);
        }
    }

    /// Keeps the cookies that a response sets.
    pub(crate) fn keep(&mut self, headers: &HeaderMap, destination: &Destination) {
        if !headers.contains_key(header::SET_COOKIE) {
            return;
        }
        let Some(url) = url_of(destination) else { return };
        let store = self.0.get_or_insert_default();
        for cookie in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            if let Err(error) = store.parse(cookie, &url) {
                tracing::debug!(%error, "cookie was not kept");
            }
        }
    }
}

fn url_of(destination: &Destination) -> Option<Url> {
    Url::parse(&format!("{}{}", destination.origin.url(), destination.target)).ok()
}
