//! Where the parser puts what it finds: nodes in one list, which know each other by index.

use std::{borrow::Cow, cell::RefCell};

use html5ever::{
    Attribute, LocalName, Namespace, QualName,
    interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink},
    tendril::StrTendril,
};

use super::document::{Content, Document, Node};

/// A document under construction. Node 0 is the document itself.
pub(super) struct Sink(RefCell<Vec<Node>>);

/// The name of an element, apart from the list that grows meanwhile.
#[derive(Debug)]
pub(super) struct Name(QualName);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl Default for Sink {
    fn default() -> Self {
        Self(RefCell::new(vec![Node { content: Content::Other, parent: None, children: Vec::new() }]))
    }
}

impl Sink {
    fn add(&self, content: Content) -> usize {
        let mut nodes = self.0.borrow_mut();
        nodes.push(Node { content, parent: None, children: Vec::new() });
        nodes.len() - 1
    }

    /// Puts a node or text in a parent, before the child of that number.
    fn insert(&self, parent: usize, at: Option<usize>, child: NodeOrText<usize>) {
        let child = match child {
            NodeOrText::AppendNode(node) => {
                self.remove_from_parent(&node);
                node
            }
            NodeOrText::AppendText(text) => {
                if self.joined(parent, at, &text) {
                    return;
                }
                self.add(Content::Text(text))
            }
        };
        let mut nodes = self.0.borrow_mut();
        if let Some(node) = nodes.get_mut(child) {
            node.parent = Some(parent);
        }
        if let Some(children) = nodes.get_mut(parent).map(|node| &mut node.children) {
            let at = at.unwrap_or(children.len()).min(children.len());
            children.insert(at, child);
        }
    }

    /// Appends text to a text that is already there.
    fn joined(&self, parent: usize, at: Option<usize>, text: &StrTendril) -> bool {
        let mut nodes = self.0.borrow_mut();
        let last = nodes.get(parent).and_then(|node| {
            let before = at.unwrap_or(node.children.len()).checked_sub(1)?;
            node.children.get(before).copied()
        });
        match last.and_then(|last| nodes.get_mut(last)) {
            Some(Node { content: Content::Text(known), .. }) => {
                known.push_tendril(text);
                true
            }
            _ => false,
        }
    }

    /// The parent of a node and its number among the children.
    fn place(&self, node: usize) -> Option<(usize, usize)> {
        let nodes = self.0.borrow();
        let parent = nodes.get(node)?.parent?;
        let at = nodes.get(parent)?.children.iter().position(|child| *child == node)?;
        Some((parent, at))
    }
}

impl TreeSink for Sink {
    type Handle = usize;
    type Output = Document;
    type ElemName<'a> = Name;

    fn finish(self) -> Document {
        Document { nodes: self.0.into_inner() }
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> usize {
        0
    }

    fn elem_name(&self, target: &usize) -> Name {
        match self.0.borrow().get(*target) {
            Some(Node { content: Content::Element { name, .. }, .. }) => Name(name.clone()),
            _ => Name(QualName::new(None, Namespace::default(), LocalName::default())),
        }
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> usize {
        self.add(Content::Element { name, attributes })
    }

    fn create_comment(&self, _: StrTendril) -> usize {
        self.add(Content::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> usize {
        self.add(Content::Other)
    }

    fn append(&self, parent: &usize, child: NodeOrText<usize>) {
        self.insert(*parent, None, child);
    }

    fn append_based_on_parent_node(&self, element: &usize, previous: &usize, child: NodeOrText<usize>) {
        match self.place(*element) {
            Some((parent, at)) => self.insert(parent, Some(at), child),
            None => self.insert(*previous, None, child),
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// What is in a template is looked at like everything else.
    fn get_template_contents(&self, target: &usize) -> usize {
        *target
    }

    fn same_node(&self, one: &usize, other: &usize) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &usize, child: NodeOrText<usize>) {
        if let NodeOrText::AppendNode(node) = &child {
            self.remove_from_parent(node);
        }
        if let Some((parent, at)) = self.place(*sibling) {
            self.insert(parent, Some(at), child);
        }
    }

    fn add_attrs_if_missing(&self, target: &usize, attributes: Vec<Attribute>) {
        if let Some(Node { content: Content::Element { attributes: known, .. }, .. }) =
            self.0.borrow_mut().get_mut(*target)
        {
            for attribute in attributes {
                if known.iter().all(|known| known.name != attribute.name) {
                    known.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &usize) {
        let Some((parent, at)) = self.place(*target) else { return };
        let mut nodes = self.0.borrow_mut();
        if let Some(parent) = nodes.get_mut(parent) {
            parent.children.remove(at);
        }
        if let Some(node) = nodes.get_mut(*target) {
            node.parent = None;
        }
    }

    fn reparent_children(&self, node: &usize, new_parent: &usize) {
        let mut nodes = self.0.borrow_mut();
        let moved = nodes.get_mut(*node).map(|node| std::mem::take(&mut node.children)).unwrap_or_default();
        for child in &moved {
            if let Some(child) = nodes.get_mut(*child) {
                child.parent = Some(*new_parent);
            }
        }
        if let Some(parent) = nodes.get_mut(*new_parent) {
            parent.children.extend(moved);
        }
    }
}
