//! Meshes of a coarser document, added to the one that is written.
//!
//! Both documents have the same materials by number, so nothing of those is copied.

use serde_json::{Value, json};

use crate::optimize::document::bring::Bring;
use crate::optimize::document::primitives::{self, PrimitiveId};
use crate::optimize::document::refs::Kind;
use crate::optimize::document::{Document, edit};

/// Brings meshes of one level into a document.
pub(super) struct Graft<'d>(Bring<'d>);

impl<'d> Graft<'d> {
    pub(super) fn new(from: &'d Document) -> Self {
        Self(Bring::new(from))
    }

    /// Adds a mesh with a name of this ending, and returns its number. Primitives that have as many triangles as those of
    /// `finer`, a mesh of the document, stay those.
    pub(super) fn mesh(&mut self, document: &mut Document, mesh: usize, finer: usize, ending: &str) -> usize {
        let mut json = self.0.from.list("meshes")[mesh].clone();
        rename(&mut json, ending);
        for primitive in 0..json["primitives"].as_array().map_or(0, Vec::len) {
            let coarser = primitives::json(self.0.from, PrimitiveId { mesh, primitive });
            let known = primitives::json(document, PrimitiveId { mesh: finer, primitive });
            let count = primitives::triangle_count(document, known);
            json["primitives"][primitive] = if primitives::triangle_count(self.0.from, coarser) == count {
                known.clone()
            } else {
                self.primitive(document, coarser.clone())
            };
        }
        edit::push(document, Kind::Mesh, json)
    }

    /// A primitive with the numbers that its accessors and its stream have in the document.
    fn primitive(&mut self, document: &mut Document, json: Value) -> Value {
        self.0.item(document, "meshes", json!({ "primitives": [json] }))["primitives"][0].take()
    }
}

/// Puts an ending to a name, where there is one.
pub(super) fn rename(json: &mut Value, ending: &str) {
    if let Some(name) = json["name"].as_str() {
        json["name"] = format!("{name}{ending}").into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::document::{Accessor, Shape};

    /// A mesh of two primitives with the same vertices, which draw so many triangles.
    fn document(first: usize, second: usize) -> Document {
        let list = |triangles: usize| Accessor::from_indices(&vec![0; 3 * triangles], 1);
        let primitive =
            |indices: usize| json!({ "attributes": { "POSITION": 0 }, "indices": indices, "material": 4 });
        let root = json!({ "meshes": [{ "name": "hand", "primitives": [primitive(1), primitive(2)] }] });
        let accessors = vec![Accessor::from_floats(Shape::Vec3, &[0.0; 3]), list(first), list(second)];
        Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() }
    }

    #[test]
    fn what_primitives_share_is_brought_once() {
        let (mut into, coarser) = (document(8, 6), document(4, 3));
        assert_eq!(Graft::new(&coarser).mesh(&mut into, 0, 0, "_lod1"), 1);
        assert_eq!(into.accessors.len(), 6);
        let mesh = &into.list("meshes")[1];
        assert_eq!(mesh["name"], "hand_lod1");
        let [first, second] = [0, 1].map(|primitive| &mesh["primitives"][primitive]);
        assert_eq!(first["attributes"], second["attributes"]);
        assert_eq!([&first["material"], &second["material"]], [4, 4]);
        let counts = [first, second].map(|json| primitives::triangle_count(&into, json));
        assert_eq!(counts, [4, 3]);
        assert_eq!(into.list("meshes")[0], coarser.list("meshes")[0], "the finest stays as it was");
    }

    #[test]
    fn a_primitive_that_is_as_fine_as_before_stays_the_same() {
        let (mut into, coarser) = (document(8, 6), document(4, 6));
        Graft::new(&coarser).mesh(&mut into, 0, 0, "_lod1");
        let meshes = into.list("meshes");
        assert_eq!(meshes[1]["primitives"][1], meshes[0]["primitives"][1]);
        assert_eq!(into.accessors.len(), 5);
    }
}
