// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with a template.

/// Functions as messages list them.
const FUNCTIONS: &str = "randomInt(min, max), randomFloat(min, max[, digits]), randomBool(), randomDate(from, to), \
    randomString(length), randomEmail(), uuid(), now(), timestamp(), pick(…), firstName(), lastName(), fullName(), \
    city(), country(), phone(), company(), word(), words(n), sentence(), paragraph(), upper(x), lower(x), base64(x), \
    base64Decode(x), urlEncode(x), json(x), md5(x), sha256(x), hmacSha256(key, x), length(x), concat(x, …), \
    sequence([start[, step]])";

/// Deepest nesting of calls: enough for any template, and far from what a stack bears.
pub(super) const DEEPEST_CALLS: usize = 8;

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// A place is not closed.
    #[error("\"{{{{\" is not closed by \"}}}}\"; write {{{{ '{{{{' }}}} for the braces themselves")]
    NotClosed,
    /// A place holds something that is no variable, secret, call or quoted text.
    #[error(
        "\"{{{{ {place} }}}}\" can't be understood: write a variable, secrets.NAME, a function call or a quoted text"
    )]
    NotUnderstood {
        /// What stands between the braces.
        place: String,
    },
    /// A variable is not known here.
    #[error("unknown variable {name:?}; known here: {known}")]
    UnknownVariable {
        /// The name.
        name: String,
        /// Known names.
        known: String,
    },
    /// A secret is not declared.
    #[error("unknown secret {name:?}: declare it in spec.secrets{known}")]
    UnknownSecret {
        /// The name.
        name: String,
        /// Declared names.
        known: String,
    },
    /// A function does not exist.
    #[error("unknown function {name:?}; there are {FUNCTIONS}")]
    UnknownFunction {
        /// The name.
        name: String,
    },
    /// A function's arguments are not what it takes.
    #[error("{function} takes {takes}")]
    WrongArguments {
        /// The function.
        function: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// Calls are nested too deep.
    #[error(
        "calls are nested more than {DEEPEST_CALLS} levels deep: put a part into a variable with a set step"
    )]
    TooDeep,
    /// There are no sequences here.
    #[error("sequence() is for the steps of scenarios only: elsewhere its numbers would come twice")]
    NoSequence,
}
