//! The grammar of selectors: the part of CSS that says which elements are meant, without what needs a browser.

use super::selector::{Chain, Compound, Condition, Relation, Test};

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Something else should stand there.
    #[error("not a CSS selector: expected {expected} {}", place(.rest))]
    Expected {
        /// What.
        expected: &'static str,
        /// What stands there.
        rest: String,
    },
    /// A pseudo-class is not known.
    #[error(
        ":{name} is not known here; there are :first-child, :last-child, :only-child, :nth-child(…), \
         :nth-last-child(…) and :not(…)"
    )]
    UnknownPseudoClass {
        /// Its name.
        name: String,
    },
}

fn place(rest: &str) -> String {
    if rest.is_empty() { "at the end".to_owned() } else { format!("before {rest:?}") }
}

/// Parses a list of selectors.
pub(super) fn selector(source: &str) -> Result<Vec<Chain>, SelectorError> {
    let mut reader = Reader { rest: source.trim() };
    let mut alternatives = vec![chain(&mut reader)?];
    while reader.take(',') {
        reader.space();
        alternatives.push(chain(&mut reader)?);
    }
    if reader.rest.is_empty() { Ok(alternatives) } else { Err(reader.expected("an element")) }
}

fn chain(reader: &mut Reader<'_>) -> Result<Chain, SelectorError> {
    let mut compounds = vec![compound(reader)?];
    let mut relations = Vec::new();
    loop {
        let spaced = reader.space();
        let relation = match reader.rest.chars().next() {
            Some('>') => Relation::Parent,
            Some('+') => Relation::Previous,
            Some('~') => Relation::Earlier,
            Some(other) if spaced && other != ',' => Relation::Ancestor,
            _ => break,
        };
        if relation != Relation::Ancestor {
            reader.rest = &reader.rest[1..];
            reader.space();
        }
        relations.push(relation);
        compounds.push(compound(reader)?);
    }
    let last = compounds.pop().unwrap_or_default();
    let before = relations.into_iter().zip(compounds).rev().collect();
    Ok(Chain { last, before })
}

fn compound(reader: &mut Reader<'_>) -> Result<Compound, SelectorError> {
    let mut conditions = Vec::new();
    let any = reader.take('*');
    if !any && reader.at_name() {
        conditions.push(Condition::Name(reader.name("a name")?.to_ascii_lowercase()));
    }
    loop {
        if reader.take('#') {
            conditions.push(attribute("id", Test::Equals(reader.name("an id")?)));
        } else if reader.take('.') {
            conditions.push(attribute("class", Test::Word(reader.name("a class")?)));
        } else if reader.take('[') {
            conditions.push(bracketed(reader)?);
        } else if reader.take(':') {
            conditions.push(pseudo_class(reader)?);
        } else if any || !conditions.is_empty() {
            return Ok(conditions);
        } else {
            return Err(reader.expected("an element, #id, .class, [attribute] or :first-child and the like"));
        }
    }
}

fn attribute(name: &str, test: Test) -> Condition {
    Condition::Attribute { name: name.to_owned(), test, any_case: false }
}

/// What stands between brackets.
fn bracketed(reader: &mut Reader<'_>) -> Result<Condition, SelectorError> {
    reader.space();
    let name = reader.name("the name of an attribute")?.to_ascii_lowercase();
    reader.space();
    if reader.take(']') {
        return Ok(Condition::Attribute { name, test: Test::Exists, any_case: false });
    }
    let kind = reader.rest.chars().next().filter(|kind| "~|^$*".contains(*kind));
    if kind.is_some() {
        reader.rest = &reader.rest[1..];
    }
    if !reader.take('=') {
        return Err(reader.expected("] or ="));
    }
    reader.space();
    let mut value = reader.value()?;
    reader.space();
    let any_case = reader.take('i') || reader.take('I');
    reader.space();
    if !reader.take(']') {
        return Err(reader.expected("]"));
    }
    if any_case {
        value = value.to_ascii_lowercase();
    }
    let test = match kind {
        Some('~') => Test::Word(value),
        Some('|') => Test::Dash(value),
        Some('^') => Test::Prefix(value),
        Some('$') => Test::Suffix(value),
        Some('*') => Test::Contains(value),
        _ => Test::Equals(value),
    };
    Ok(Condition::Attribute { name, test, any_case })
}

fn pseudo_class(reader: &mut Reader<'_>) -> Result<Condition, SelectorError> {
    let name = reader.name("the name of a pseudo-class")?.to_ascii_lowercase();
    let first = |from_end| Condition::Nth { step: 0, offset: 1, from_end };
    match name.as_str() {
        "first-child" => Ok(first(false)),
        "last-child" => Ok(first(true)),
        "only-child" => Ok(Condition::OnlyChild),
        "nth-child" | "nth-last-child" => {
            let inner = reader.parenthesised()?;
            let (step, offset) = nth(inner).ok_or_else(|| SelectorError::Expected {
                expected: "a number, odd, even or 2n+1",
                rest: inner.into(),
            })?;
            Ok(Condition::Nth { step, offset, from_end: name == "nth-last-child" })
        }
        "not" => {
            let mut inner = Reader { rest: reader.parenthesised()?.trim() };
            let mut compounds = vec![compound(&mut inner)?];
            inner.space();
            while inner.take(',') {
                inner.space();
                compounds.push(compound(&mut inner)?);
                inner.space();
            }
            if inner.rest.is_empty() {
                Ok(Condition::Not(compounds))
            } else {
                Err(inner.expected("one element, without others that hold it,"))
            }
        }
        _ => Err(SelectorError::UnknownPseudoClass { name }),
    }
}

/// Step and offset of `2n+1`, `odd`, `3` and the like.
fn nth(text: &str) -> Option<(i64, i64)> {
    let text: String = text.to_ascii_lowercase().split_whitespace().collect();
    match text.as_str() {
        "odd" => return Some((2, 1)),
        "even" => return Some((2, 0)),
        _ => {}
    }
    // So small that nothing computed with them overflows.
    let number = |text: &str| text.parse::<i32>().ok().map(i64::from);
    let Some((step, offset)) = text.split_once('n') else { return Some((0, number(&text)?)) };
    let step = match step {
        "" | "+" => 1,
        "-" => -1,
        step => number(step)?,
    };
    Some((step, if offset.is_empty() { 0 } else { number(offset)? }))
}

/// What is still to be read.
struct Reader<'s> {
    rest: &'s str,
}

impl<'s> Reader<'s> {
    fn expected(&self, expected: &'static str) -> SelectorError {
        SelectorError::Expected { expected, rest: self.rest.chars().take(40).collect() }
    }

    /// Skips a character, if it is that one.
    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips space; tells whether there was any.
    fn space(&mut self) -> bool {
        let rest = self.rest.trim_start();
        let spaced = rest.len() < self.rest.len();
        self.rest = rest;
        spaced
    }

    fn at_name(&self) -> bool {
        self.rest.chars().next().is_some_and(|first| is_of_name(first) || first == '\\')
    }

    /// A name, in which a backslash takes what is special from the next character.
    fn name(&mut self, expected: &'static str) -> Result<String, SelectorError> {
        let mut name = String::new();
        let mut characters = self.rest.chars();
        loop {
            let rest = characters.as_str();
            match characters.next() {
                Some('\\') => name.extend(characters.next()),
                Some(character) if is_of_name(character) => name.push(character),
                _ if name.is_empty() => return Err(self.expected(expected)),
                _ => {
                    self.rest = rest;
                    return Ok(name);
                }
            }
        }
    }

    /// A value of an attribute: in quotes, or a name.
    fn value(&mut self) -> Result<String, SelectorError> {
        let Some(quote) = self.rest.chars().next().filter(|first| ['"', '\''].contains(first)) else {
            return self.name("a value");
        };
        let mut value = String::new();
        let mut characters = self.rest[1..].chars();
        loop {
            match characters.next() {
                Some(end) if end == quote => {
                    self.rest = characters.as_str();
                    return Ok(value);
                }
                Some('\\') => value.extend(characters.next()),
                Some(character) => value.push(character),
                None => return Err(self.expected("a closing quote after the text that begins")),
            }
        }
    }

    /// What stands between parentheses. There are none inside, nor in quotes.
    fn parenthesised(&mut self) -> Result<&'s str, SelectorError> {
        let inner = self.rest.strip_prefix('(').ok_or_else(|| self.expected("("))?;
        let (inner, rest) =
            inner.split_once(')').ok_or_else(|| self.expected("a closing parenthesis for what stands"))?;
        self.rest = rest;
        Ok(inner)
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_' || !character.is_ascii()
}
