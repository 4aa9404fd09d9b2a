//! The tree of filters: one node per token, `*` and `>` apart.

use std::collections::HashMap;
use stele_model::{Filter, tokens};

/// Values under filters; finding those that match a subject costs its tokens, not the number of filters.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    children: HashMap<Box<[u8]>, Node<T>>,
    /// Below `*`.
    any: Option<Box<Node<T>>>,
    /// At `>` below this node.
    rest: Vec<T>,
    /// At exactly this node.
    here: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: HashMap::new(), any: None, rest: Vec::new(), here: Vec::new() }
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.any.is_none() && self.rest.is_empty() && self.here.is_empty()
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Trie<T> {
    /// Adds a value under the filter; the same filter may hold several.
    pub(crate) fn insert(&mut self, filter: &Filter, value: T) {
        let mut node = &mut self.root;
        for token in tokens(filter.as_bytes()) {
            match token {
                b">" => return node.rest.push(value),
                b"*" => node = node.any.get_or_insert_default(),
                _ => {
                    if !node.children.contains_key(token) {
                        node.children.insert(token.into(), Node::default());
                    }
                    node = node.children.get_mut(token).expect("just made where it was missing");
                }
            }
        }
        node.here.push(value);
    }

    /// Removes the first value under the filter that `is` names; empty nodes go with it.
    pub(crate) fn remove(&mut self, filter: &Filter, is: impl Fn(&T) -> bool) -> Option<T> {
        let path: Vec<&[u8]> = tokens(filter.as_bytes()).collect();
        remove_below(&mut self.root, &path, &is)
    }

    /// Calls `found` with every value whose filter matches the subject; `leading` is false for those whose filter
    /// begins with a wildcard.
    pub(crate) fn find<'t>(&'t self, subject: &[u8], found: &mut dyn FnMut(&'t T)) {
        find_below(&self.root, Some(subject), found);
    }
}

fn remove_below<T>(node: &mut Node<T>, path: &[&[u8]], is: &dyn Fn(&T) -> bool) -> Option<T> {
    let Some((token, rest)) = path.split_first() else {
        return take_first(&mut node.here, is);
    };
    match *token {
        b">" => take_first(&mut node.rest, is),
        b"*" => {
            let any = node.any.as_mut()?;
            let value = remove_below(any, rest, is);
            if any.is_empty() {
                node.any = None;
            }
            value
        }
        token => {
            let child = node.children.get_mut(token)?;
            let value = remove_below(child, rest, is);
            if child.is_empty() {
                node.children.remove(token);
            }
            if node.children.is_empty() {
                node.children.shrink_to_fit();
            }
            value
        }
    }
}

fn take_first<T>(values: &mut Vec<T>, is: &dyn Fn(&T) -> bool) -> Option<T> {
    let index = values.iter().position(is)?;
    let value = values.swap_remove(index);
    if values.capacity() > 8 && values.len() * 4 < values.capacity() {
        values.shrink_to(values.len() * 2);
    }
    Some(value)
}

/// `rest`: the tokens that are left; `None` when the subject is used up.
fn find_below<'t, T>(node: &'t Node<T>, rest: Option<&[u8]>, found: &mut dyn FnMut(&'t T)) {
    let Some(rest) = rest else {
        return node.here.iter().for_each(found);
    };
    node.rest.iter().for_each(&mut *found);
    let (token, rest) = match memchr::memchr(b'.', rest) {
        Some(dot) => (&rest[..dot], Some(&rest[dot + 1..])),
        None => (rest, None),
    };
    if let Some(child) = node.children.get(token) {
        find_below(child, rest, found);
    }
    if let Some(any) = &node.any {
        find_below(any, rest, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(text: &str) -> Filter {
        Filter::new(text.as_bytes()).expect("a good filter")
    }

    fn matching(trie: &Trie<usize>, subject: &str) -> Vec<usize> {
        let mut all = Vec::new();
        trie.find(subject.as_bytes(), &mut |value| all.push(*value));
        all.sort_unstable();
        all
    }

    #[test]
    fn leaves_nothing_behind() {
        let mut trie = Trie::default();
        let filters = ["a.b.c", "a.*.c", "a.>", ">", "*"].map(filter);
        for (index, filter) in filters.iter().enumerate() {
            trie.insert(filter, index);
        }
        assert_eq!(matching(&trie, "a.b.c"), [0, 1, 2, 3]);
        for (index, filter) in filters.iter().enumerate() {
            assert_eq!(trie.remove(filter, |value| *value == index), Some(index));
            assert_eq!(trie.remove(filter, |value| *value == index), None);
        }
        assert!(trie.root.is_empty());
    }

    proptest! {
        #[test]
        fn finds_what_the_filters_match(
            filters in prop::collection::vec("([abc]|\\*)(\\.([abc]|\\*)){0,3}(\\.>)?", 1..20),
            subject in "[abc](\\.[abc]){0,4}",
        ) {
            let filters: Vec<Filter> = filters.iter().map(|text| filter(text)).collect();
            let mut trie = Trie::default();
            for (index, filter) in filters.iter().enumerate() {
                trie.insert(filter, index);
            }
            let expected: Vec<usize> =
                (0..filters.len()).filter(|index| filters[*index].matches(subject.as_bytes())).collect();
            prop_assert_eq!(matching(&trie, &subject), expected);
        }
    }
}
