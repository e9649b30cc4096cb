// SPDX-License-Identifier: Apache-2.0
//! CEL expressions: conditions, and values that are computed.
//!
//! Compiled once, with every name checked; evaluated against slots. A variable that has no value yet is
//! the empty text, as in templates, so that `token != ''` asks whether it was captured.

mod names;
mod values;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, Program, Value as CelValue};
use serde_json::Value;

use crate::template::{Names, Scope, Segment};

/// Built once: the standard library has hundreds of overloads.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<Program>,
    variables: Vec<Variable>,
}

/// A variable of an expression.
#[derive(Clone, Debug, PartialEq)]
struct Variable {
    name: String,
    slot: usize,
    /// The fields that are used of it, each with the number of its column if it is a row of data; `None`
    /// if all of it is.
    fields: Option<Vec<(String, Option<usize>)>>,
}

/// Why an expression can't be compiled or evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExpressionError {
    /// Not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// A variable is not known here.
    #[error("unknown variable {name:?}; known here: {known}")]
    UnknownVariable {
        /// The name.
        name: String,
        /// Known names.
        known: String,
    },
    /// A function does not exist.
    #[error("unknown function {name:?}")]
    UnknownFunction {
        /// The name.
        name: String,
    },
    /// Evaluation failed.
    #[error("{source_text:?} can't be evaluated: {message}")]
    Evaluation {
        /// The expression.
        source_text: String,
        /// What CEL says.
        message: String,
    },
    /// The value is of a type that variables don't have.
    #[error("{source_text:?} is {found}, which no variable can hold")]
    NoValue {
        /// The expression.
        source_text: String,
        /// Type of its value.
        found: String,
    },
    /// The value is neither true nor false.
    #[error("{source_text:?} is {found}, not true or false")]
    NotBoolean {
        /// The expression.
        source_text: String,
        /// Type of its value.
        found: String,
    },
}

impl Expression {
    /// Compiles an expression whose variables are among `names`.
    ///
    /// # Errors
    /// When it is not CEL, or uses a variable or function that does not exist.
    pub fn compile(source: &str, names: &Names) -> Result<Self, ExpressionError> {
        let program = ENVIRONMENT.compile(source).map_err(|errors| {
            // CEL draws the place of an error over several lines; conditions hold one.
            let text = errors.to_string();
            ExpressionError::Syntax(text.lines().next().unwrap_or_default().trim().into())
        })?;
        let used = names::used(program.expression());
        let mut variables = Vec::with_capacity(used.variables.len());
        for (name, fields) in used.variables {
            match names.slot(&name) {
                Some(slot) => variables.push(Variable::new(name, slot, fields, names)),
                None if names::TYPES.contains(&name.as_str()) => {}
                None => {
                    let known = names.variables().collect::<Vec<_>>().join(", ");
                    return Err(ExpressionError::UnknownVariable { name, known });
                }
            }
        }
        match used.unknown_function {
            Some(name) => Err(ExpressionError::UnknownFunction { name }),
            None => Ok(Self { source: source.into(), program: Arc::new(program), variables }),
        }
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// When the values don't fit the expression, or it is neither true nor false.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<bool, ExpressionError> {
        match self.execute(scope)? {
            CelValue::Bool(answer) => Ok(answer),
            other => Err(ExpressionError::NotBoolean {
                source_text: self.source.clone(),
                found: other.type_of().to_string(),
            }),
        }
    }

    /// Computes the value of the expression.
    ///
    /// # Errors
    /// When the values don't fit the expression, or the result is nothing that JSON can hold.
    pub fn compute(&self, scope: &dyn Scope) -> Result<Value, ExpressionError> {
        let result = self.execute(scope)?;
        values::from_cel(&result).ok_or_else(|| ExpressionError::NoValue {
            source_text: self.source.clone(),
            found: result.type_of().to_string(),
        })
    }

    fn execute(&self, scope: &dyn Scope) -> Result<CelValue, ExpressionError> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for variable in &self.variables {
            context.add_variable_from_value(variable.name.as_str(), variable.value(scope));
        }
        self.program.execute(&context).map_err(|error| ExpressionError::Evaluation {
            source_text: self.source.clone(),
            message: error.to_string(),
        })
    }
}

impl Variable {
    fn new(name: String, slot: usize, fields: Option<BTreeSet<String>>, names: &Names) -> Self {
        let Some(fields) = fields else {
            names.column(slot, &[]);
            return Self { name, slot, fields: None };
        };
        let fields = fields.into_iter().map(|field| {
            let column = names.column(slot, &[Segment::Field(field.clone())]);
            (field, column)
        });
        Self { name, slot, fields: Some(fields.collect()) }
    }

    /// The value as CEL sees it; of an object only the fields that are used.
    fn value(&self, scope: &dyn Scope) -> CelValue {
        let whole = scope.variable(self.slot);
        let Some(fields) = self.fields.as_ref().filter(|_| whole.is_none_or(Value::is_object)) else {
            return whole.map_or_else(|| CelValue::String(Arc::default()), values::to_cel);
        };
        let mut by_column = false;
        let found = fields.iter().filter_map(|(field, column)| {
            let value = match column.and_then(|column| scope.cell(self.slot, column)) {
                Some(cell) => {
                    by_column = true;
                    cell?
                }
                None => whole?.get(field)?,
            };
            Some((field.as_str(), value))
        });
        let map = values::map(found);
        if by_column || whole.is_some() { map } else { CelValue::String(Arc::default()) }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.variables == other.variables
    }
}
