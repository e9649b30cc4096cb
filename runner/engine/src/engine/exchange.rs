// SPDX-License-Identifier: Apache-2.0
//! How an iteration sends a request: address, headers and body filled in, redirects followed, each
//! message recorded.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use http::header;
use upsurge_core::{
    http::{BeyondLimit, TimeoutScope},
    losses::LossKind,
};
use upsurge_http::{
    client::Outgoing,
    code, coding,
    error::{ErrorKind, TransportError},
    message::{Incoming, Keep, Message},
    timings::Timings,
};

use super::{
    context::Context,
    hop::Hop,
    iteration::{Ended, Iteration},
    work::StageOf,
};
use crate::{program::Request, recorder::Sample};

/// What came of a request.
pub(super) struct Exchanged {
    /// The response, if there was one.
    pub(super) response: Option<Incoming>,
    /// The service time of all its messages.
    pub(super) duration: Duration,
    /// The stage in which it began.
    pub(super) stage: usize,
    /// When it was over.
    pub(super) ended: Instant,
    /// Why there was no response, if somebody wants to see it.
    pub(super) problem: Option<String>,
}

impl Iteration<'_> {
    /// Sends a request, follows redirects, and records each message.
    pub(super) async fn exchange(&mut self, index: usize, request: &Request) -> Result<Exchanged, Ended> {
        let mut hop = match self.first_hop(request) {
            Ok(hop) => hop,
            Err(message) => return self.invalid(index, request, message),
        };
        let rules = *self.context.client.rules();
        let (mut redirects, mut service) = (0, Duration::ZERO);
        let mut timings = Timings::begin();
        let (begun, mut limit) = (timings.begun, request.timeout);
        loop {
            let under_way =
                UnderWay { context: self.context, stage: self.stage, index, since: timings.begun };
            let follows = redirects < request.max_redirects;
            let result = self.send(&hop, request.keep(follows), limit, &mut timings).await;
            under_way.over();
            let (stage, ended) = (self.stage.at(self.context, timings.begun), timings.ended);
            let result = result.and_then(|response| readable(response, request)).and_then(|response| {
                let too_many = redirects > 0
                    && redirects == request.max_redirects
                    && rules.redirects.beyond_limit == BeyondLimit::Fails
                    && hop.is_redirected(&response, request, &rules.redirects);
                if too_many { Err(TransportError::TooManyRedirects(redirects)) } else { Ok(response) }
            });
            let next = match &result {
                Ok(response) => match hop.answering(response, request, &mut self.user.variables) {
                    Some(answer) => Some(Ok(answer)),
                    None if follows => {
                        redirects += 1;
                        hop.redirected(response, request, &rules.redirects)
                    }
                    None => None,
                },
                Err(_) => None,
            };
            let failed = match &result {
                Ok(response) => next.is_none() && request.is_failure(response.status.as_u16()),
                Err(_) => true,
            };
            let duration = match &result {
                Err(TransportError::Timeout) => limit,
                _ => timings.service(),
            };
            service += duration;
            let sample = Sample {
                timings: &timings,
                duration,
                response_time: timings.ended.saturating_duration_since(self.intended.min(timings.begun)),
                failed,
                status: result.as_ref().map_or(0, |response| response.status.as_u16()),
                error: result.as_ref().err().map(TransportError::kind),
                code: match &result {
                    Ok(response) => code::of_status(response.status.as_u16()),
                    Err(error) => error.code(),
                },
                traffic: self.user.connections.traffic.take(),
            };
            self.context.recorder.borrow_mut().request(stage, index, &sample);
            if let Some(kind) = sample.error.and_then(ErrorKind::loss) {
                self.context.lost(timings.begun, timings.ended, kind);
            }
            match (result, next) {
                (Ok(response), Some(next)) => {
                    self.user.cookies.keep(&response.headers, &hop.destination, &hop.headers);
                    self.intended = timings.ended;
                    if rules.timeout == TimeoutScope::Request {
                        limit = request.timeout.saturating_sub(timings.ended.duration_since(begun));
                    }
                    match next {
                        Ok(next) => hop = *next,
                        Err(message) => return self.invalid(index, request, message),
                    }
                }
                (Ok(response), None) => {
                    self.user.cookies.keep(&response.headers, &hop.destination, &hop.headers);
                    let problem = None;
                    return Ok(Exchanged {
                        response: Some(response),
                        duration: service,
                        stage,
                        ended,
                        problem,
                    });
                }
                (Err(error), _) => {
                    self.context.log(&request.name, &error);
                    let problem = self.context.trace.as_ref().map(|_| error.to_string());
                    let exchanged = Exchanged { response: None, duration: service, stage, ended, problem };
                    return self.complain(request, error.to_string()).map(|()| exchanged);
                }
            }
        }
    }

    fn first_hop<'a>(&mut self, request: &'a Request) -> Result<Hop<'a>, String> {
        let scope = &mut self.user.variables;
        let destination = request.address.fill(scope)?;
        let headers = request.headers(&destination, scope)?;
        let body = request.body.render(scope)?;
        let cookies = request.cookies(scope)?;
        Ok(Hop {
            method: request.method.clone(),
            destination,
            headers,
            body,
            cookies,
            challenges: 0,
            abroad: false,
        })
    }

    async fn send(
        &mut self,
        hop: &Hop<'_>,
        keep: Keep<'_>,
        limit: Duration,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        let mut headers = Cow::Borrowed(&*hop.headers);
        self.user.cookies.add_to(&mut headers, &hop.destination, &hop.cookies);
        let outgoing = Outgoing {
            origin: &hop.destination.origin,
            message: Message {
                method: &hop.method,
                target: &hop.destination.target,
                headers: &headers,
                body: &hop.body,
            },
            timeout: limit,
            keep,
        };
        self.context.client.send(&mut self.user.connections, &outgoing, timings).await
    }

    /// Counts a request that could not even be put together.
    fn invalid(&mut self, index: usize, request: &Request, message: String) -> Result<Exchanged, Ended> {
        let error = TransportError::Invalid(message);
        self.context.log(&request.name, &error);
        let timings = Timings::begin();
        let (stage, ended) = (self.stage.at(self.context, timings.begun), timings.ended);
        let sample = Sample::unsent(&timings, self.intended, &error);
        self.context.recorder.borrow_mut().request(stage, index, &sample);
        self.complain(request, error.to_string())?;
        let problem = self.context.trace.as_ref().map(|_| error.to_string());
        Ok(Exchanged { response: None, duration: Duration::ZERO, stage, ended, problem })
    }
}

/// A request that is under way. One that is cut off has no duration: without this, a target that hangs until the load
/// ends would leave no trace.
struct UnderWay<'a> {
    context: &'a Context,
    stage: StageOf,
    index: usize,
    since: Instant,
}

impl UnderWay<'_> {
    /// It was not cut off. (Nothing in here owns anything that would be lost.)
    fn over(self) {
        std::mem::forget(self);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let stage = self.stage.at(self.context, self.since);
        let ended = Instant::now();
        let waited = ended.saturating_duration_since(self.since);
        self.context.recorder.borrow_mut().interrupted(stage, self.index, waited);
        if self.context.is_unanswered(waited) {
            self.context.lost(self.since, ended, LossKind::Unanswered);
        }
    }
}

/// The response with its body as captures and checks see it: decompressed, if they look at it.
fn readable(mut response: Incoming, request: &Request) -> Result<Incoming, TransportError> {
    if request.needs_body && response.headers.contains_key(header::CONTENT_ENCODING) {
        let body = std::mem::take(&mut response.body);
        response.body = coding::decode(&response.headers, body, request.limits.kept)?;
    }
    Ok(response)
}
