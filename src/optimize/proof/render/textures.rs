//! Textures kept for the next model that shows the same image: attempts at a document differ in few of theirs, and to decode
//! one takes longer than to draw it. What is seen does not depend on what is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::texture::Texture;

/// Bytes of textures that are kept, at most.
const MOST_BYTES: usize = 256 << 20;

/// The image file, and whether it is read as colours.
type Key = (blake3::Hash, bool);

/// Textures by the files that they are made of.
#[derive(Default)]
pub(in super::super) struct Textures(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    textures: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts the models.
    model: usize,
}

struct Entry {
    texture: Arc<Texture>,
    /// The last model that showed it.
    model: usize,
}

impl Textures {
    /// A model is going to ask for its textures.
    pub(super) fn enter_model(&self) {
        self.with(|kept| kept.model += 1);
    }

    /// The texture of an image file; `None` where `make` fails.
    pub(super) fn get(
        &self,
        file: &[u8],
        is_srgb: bool,
        make: impl FnOnce() -> Option<Texture>,
    ) -> Option<Arc<Texture>> {
        let key = (blake3::hash(file), is_srgb);
        if let Some(known) = self.with(|kept| kept.find(key)) {
            return Some(known);
        }
        // Nobody waits for this one who wants another.
        let texture = Arc::new(make()?);
        self.with(|kept| kept.keep(key, &texture));
        Some(texture)
    }

    fn with<R>(&self, work: impl FnOnce(&mut Kept) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn find(&mut self, key: Key) -> Option<Arc<Texture>> {
        let entry = self.textures.get_mut(&key)?;
        entry.model = self.model;
        Some(Arc::clone(&entry.texture))
    }

    fn keep(&mut self, key: Key, texture: &Arc<Texture>) {
        // Those of the model before go last: the next one may show them again, and this one makes more than there is room for.
        while self.bytes + texture.bytes() > MOST_BYTES {
            let unused = self.textures.iter().filter(|(_, entry)| entry.model + 1 < self.model);
            let Some(oldest) = unused.min_by_key(|(_, entry)| entry.model).map(|(key, _)| *key) else {
                return;
            };
            self.bytes -= self.textures.remove(&oldest).map_or(0, |entry| entry.texture.bytes());
        }
        self.bytes += texture.bytes();
        self.textures.insert(key, Entry { texture: Arc::clone(texture), model: self.model });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::codecs::Pixels;

    fn texture() -> Texture {
        Texture::new(&Pixels::new(2, 2, vec![9; 16]).unwrap(), true)
    }

    #[test]
    fn a_file_is_decoded_once_for_colours_and_once_for_numbers() {
        let textures = Textures::default();
        let made = std::cell::Cell::new(0);
        let make = || {
            made.set(made.get() + 1);
            Some(texture())
        };
        let first = textures.get(b"file", true, make).unwrap();
        assert!(Arc::ptr_eq(&first, &textures.get(b"file", true, make).unwrap()));
        textures.get(b"file", false, make);
        textures.get(b"other", true, make);
        assert_eq!(made.get(), 3);
        assert!(textures.get(b"broken", true, || None).is_none());
    }

    #[test]
    fn the_longest_unused_ones_make_room_and_those_of_the_last_model_stay() {
        let mut kept = Kept::default();
        let texture = Arc::new(texture());
        let key = |number: u8| (blake3::hash(&[number]), true);
        for number in 0..3 {
            kept.model += 1;
            kept.keep(key(number), &texture);
        }
        // As if they filled all the room there is.
        kept.bytes = MOST_BYTES;
        kept.keep(key(3), &texture);
        assert!(kept.find(key(0)).is_none() && kept.find(key(3)).is_some());
        assert_eq!(kept.bytes, MOST_BYTES);
        kept.model -= 1;
        kept.keep(key(4), &texture);
        assert!(kept.find(key(4)).is_none(), "all others are in use");
    }
}
