//! The objects at fault: meshes and animations that a pass leaves as they were, where the others look right after it.

use super::super::attempt::Job;
use super::super::document::bring::Bring;
use super::super::document::refs::Kind;
use super::super::document::{Document, edit, unknown};
use super::super::error::Error;

/// Lists of objects that can be spared, and what one of each is called.
const LISTS: &[(&str, &str)] = &[("meshes", "mesh"), ("animations", "animation")];

/// More objects than this are not named.
const MOST_NAMED: usize = 3;

/// Results that are made and compared to find them, at most.
const MOST_LOOKS: usize = 24;

/// What a pass leaves as it was.
#[derive(Debug, Clone)]
pub(in super::super) struct Spared {
    /// The name of the pass.
    pub(in super::super) pass: &'static str,
    objects: Vec<Object>,
    /// What is wrong otherwise, and with what, for people.
    why: String,
}

/// An object, by its place in one of [`LISTS`].
#[derive(Debug, Clone, Copy)]
struct Object {
    list: &'static str,
    index: usize,
}

impl Spared {
    /// Objects without which the document `after` a pass looks right, none of which is found to be spare; `None` where there
    /// are none such, or it is all of them.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn find(
        job: &mut Job,
        (pass, fault): (&'static str, &str),
        before: &Document,
        after: &Document,
    ) -> Result<Option<Self>, Error> {
        let all = objects(before);
        let mut search = Search { job, before, after, looks: MOST_LOOKS };
        // Where all of them do not help, none of them is at fault.
        if !search.looks_right(&[], &all)? {
            return Ok(None);
        }
        let found = search.fewest(&[], &all)?;
        if found.len() == all.len() {
            return Ok(None);
        }
        let why = format!("{} stays as before: after this pass, {fault}", called(&found, before));
        Ok(Some(Self { pass, objects: found, why }))
    }

    /// Puts the objects back as they were `before` the pass; `false` where the lists are no longer the same, and nothing is
    /// changed.
    pub(in super::super) fn restore(&self, before: &Document, after: &mut Document) -> bool {
        restore(&self.objects, before, after)
    }

    /// What is wrong with what, for people.
    pub(in super::super) fn why(&self) -> &str {
        &self.why
    }
}

fn objects(document: &Document) -> Vec<Object> {
    let of = |list| (0..document.list(list).len()).map(move |index| Object { list, index });
    LISTS.iter().flat_map(|(list, _)| of(list)).collect()
}

/// A bisection that finds objects in several places: QuickXplain (U. Junker, AAAI 2004).
struct Search<'s, 'a, 'p> {
    job: &'s mut Job<'a, 'p>,
    before: &'s Document,
    after: &'s Document,
    /// How many results may still be made and compared.
    looks: usize,
}

impl Search<'_, '_, '_> {
    /// Those of `objects` that are needed beside `given`; with all of both it looks right.
    fn fewest(&mut self, given: &[Object], objects: &[Object]) -> Result<Vec<Object>, Error> {
        let (first, second) = objects.split_at(objects.len() / 2);
        if first.is_empty() || self.looks < 2 {
            return Ok(objects.to_vec());
        }
        for half in [first, second] {
            if self.looks_right(given, half)? {
                return self.fewest(given, half);
            }
        }
        let of_first = self.fewest(&[given, second].concat(), first)?;
        let of_second = self.fewest(&[given, &of_first].concat(), second)?;
        Ok([of_first, of_second].concat())
    }

    fn looks_right(&mut self, given: &[Object], objects: &[Object]) -> Result<bool, Error> {
        self.looks = self.looks.saturating_sub(1);
        let mut document = self.after.clone();
        let is_restored = restore(&[given, objects].concat(), self.before, &mut document);
        Ok(is_restored && self.job.finish(document)?.fault.is_none())
    }
}

/// See [`Spared::restore`]. Whether the numbers of objects still mean the same ones is seen in pictures.
fn restore(objects: &[Object], before: &Document, after: &mut Document) -> bool {
    let is_as_long = |list: &str| before.list(list).len() == after.list(list).len();
    let lists = ["materials", "nodes", "skins", "cameras"];
    if !lists.into_iter().chain(LISTS.iter().map(|(list, _)| *list)).all(is_as_long) {
        return false;
    }
    let mut bring = Bring::new(before);
    for &Object { list, index } in objects {
        let item = bring.item(after, list, before.list(list)[index].clone());
        after.list_mut(list)[index] = item;
        if list == "meshes" {
            place(before, after, index);
        }
    }
    // What the pass made of them, where nothing unknown may refer to anything by its number.
    if unknown::extensions(after).is_empty() {
        for kind in [Kind::Accessor, Kind::Blob] {
            let used = edit::referenced(after, kind);
            edit::retain(after, kind, &used);
        }
    }
    true
}

/// Puts the nodes of a mesh where they were: rounded positions have the scale of their steps there.
fn place(before: &Document, after: &mut Document, mesh: usize) {
    for (node, was) in after.list_mut("nodes").iter_mut().zip(before.list("nodes")) {
        if was["mesh"] == mesh && node["mesh"] == mesh {
            node.clone_from(was);
        }
    }
}

/// What objects are called, for people.
fn called(objects: &[Object], document: &Document) -> String {
    let name = |object: &Object| {
        let what = LISTS.iter().find(|(list, _)| *list == object.list).map_or("", |(_, what)| what);
        let name = document.list(object.list)[object.index]["name"].as_str();
        let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("{what} {}{name}", object.index)
    };
    let mut names: Vec<String> = objects.iter().take(MOST_NAMED).map(name).collect();
    let others = objects.len() - names.len();
    if others > 0 {
        names.push(format!("{others} more"));
    }
    names.join(", ")
}
