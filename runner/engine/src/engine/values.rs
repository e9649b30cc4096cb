// SPDX-License-Identifier: Apache-2.0
//! Steps of an iteration that compute: conditions, variables, custom metrics, and ends that depend on them.

use serde_json::Value;
use upsurge_core::{expression::ExpressionError, report::printable, scenario::Matcher, template::Template};

use super::iteration::{Ended, Iteration};
use crate::program::{Request, Source};

impl Iteration<'_> {
    /// Whether a condition is true.
    pub(super) fn holds(&mut self, condition: usize) -> Result<bool, Ended> {
        let known = self.context.program.conditions.get(condition);
        let Some(expression) = known.and_then(|known| known.expression.as_ref()) else { return Ok(false) };
        let result = expression.evaluate(&self.user.variables);
        result.map_err(|error| self.failed(condition, &error))
    }

    /// Counts the checks of a request that look at variables; gives the name of the first that failed. Without a
    /// response, or all that should be captured from it, none holds.
    pub(super) fn check_variables<'r>(
        &self,
        stage: usize,
        index: usize,
        request: &'r Request,
        complete: bool,
        has_failed: bool,
    ) -> Option<&'r str> {
        if !request.has_conditions {
            return None;
        }
        let variables = &self.user.variables;
        let mut failed = None;
        for (check, expectation) in request.expectations.iter().enumerate() {
            let Matcher::Condition(expression) = &expectation.matcher else { continue };
            if !expectation.is_about(has_failed) {
                continue;
            }
            // What can't be evaluated does not hold, nor does its contrary.
            let answer = expression.evaluate(variables);
            let passed = complete && answer.is_ok_and(|answer| answer != expectation.negated);
            self.context.check(stage, index, check, passed);
            if !passed && failed.is_none() {
                failed = Some(expectation.name.as_str());
            }
        }
        failed
    }

    /// The value of an expression.
    pub(super) fn compute(&mut self, expression: usize) -> Result<Value, Ended> {
        let known = self.context.program.conditions.get(expression);
        let Some(known) = known.and_then(|known| known.expression.as_ref()) else { return Ok(Value::Null) };
        let result = known.compute(&self.user.variables);
        result.map_err(|error| self.failed(expression, &error))
    }

    fn failed(&self, expression: usize, error: &ExpressionError) -> Ended {
        self.fail_check(expression);
        Ended { message: error.to_string() }
    }

    /// Counts an expression whose value is of no use.
    pub(super) fn unfit(&self, expression: usize, value: &Value, wanted: &str) -> Ended {
        self.fail_check(expression);
        let known = self.context.program.conditions.get(expression);
        let source = known.map_or("", |known| known.check.as_str());
        Ended { message: format!("{source:?} is {value}, not {wanted}") }
    }

    fn fail_check(&self, check: usize) {
        self.context.recorder.borrow_mut().condition_failed(self.stage(), check);
    }

    /// Gives a variable a new value.
    pub(super) fn assign(&mut self, slot: usize, source: &Source) -> Result<(), Ended> {
        let value = match source {
            Source::Template(json) => json.render(&mut self.user.variables),
            Source::Expression(expression) => self.compute(*expression)?,
        };
        self.user.variables.set(slot, value);
        Ok(())
    }

    /// Records a value of a custom metric.
    pub(super) fn record(&mut self, point: usize, expression: Option<usize>) -> Result<(), Ended> {
        let value = match expression {
            None => 1.0,
            Some(expression) => {
                let value = self.compute(expression)?;
                let number = match &value {
                    Value::Bool(value) => Some(f64::from(u8::from(*value))),
                    Value::Number(number) => number.as_f64(),
                    // Columns of CSV files and headers are texts.
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                number.ok_or_else(|| self.unfit(expression, &value, "a number, true or false"))?
            }
        };
        self.context.recorder.borrow_mut().custom(self.stage(), point, value);
        Ok(())
    }

    /// Writes a line to the log.
    pub(super) fn log(&mut self, message: &Template) {
        if self.context.may_log_line() {
            let (scenario, user) = (self.scenario, &mut self.user.variables);
            let journey = self.context.program.scenarios.get(scenario);
            let name = journey.map_or("", |journey| journey.name.as_str());
            let message = printable(self.context.program.secrets.masked(message.render(user)));
            tracing::info!(scenario = name, "{message}");
        }
    }

    /// Ends the iteration as failed, if the condition is true.
    pub(super) fn fail(&mut self, check: usize, condition: Option<usize>) -> Result<(), Ended> {
        if let Some(condition) = condition
            && !self.holds(condition)?
        {
            return Ok(());
        }
        self.fail_check(check);
        let known = self.context.program.conditions.get(check);
        Err(Ended { message: known.map_or_else(String::new, |known| known.check.clone()) })
    }

    /// Ends the run, if the condition is true.
    pub(super) fn abort(&mut self, reason: &Template, condition: Option<usize>) -> Result<(), Ended> {
        if let Some(condition) = condition
            && !self.holds(condition)?
        {
            return Ok(());
        }
        let reason = self.context.program.secrets.masked(reason.render(&mut self.user.variables));
        self.context.halt.ask(&reason);
        Err(Ended { message: format!("aborted: {reason}") })
    }
}
