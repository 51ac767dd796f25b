//! How long a search will take, told before it begins: a guess by what there is to encode and to draw, and a wide one.

use std::time::Duration;

use crate::optimize::Inventory;

/// Seconds of one processor that `best` takes: for any model, for a million pixels of its images, and for a million triangles.
/// By five models of up to 17 million pixels and 576,000 triangles, on a server's processor of 2024.
const ANYHOW: f64 = 15.0;
const OF_PIXELS: f64 = 5.0;
const OF_TRIANGLES: f64 = 150.0;

/// Those models took 0.5 to 2.2 times as long: how many attempts it takes is not known before.
const AT_LEAST: f64 = 0.5;
const AT_MOST: f64 = 3.0;

/// How long `best` may take with so many threads, at least and at most.
pub(super) fn of_best(inventory: &Inventory, threads: usize) -> [Duration; 2] {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let millions = |count: u64| count as f64 / 1e6;
    let pixels = inventory.images.iter().map(|image| u64::from(image.width) * u64::from(image.height)).sum();
    let work = ANYHOW + OF_PIXELS * millions(pixels) + OF_TRIANGLES * millions(inventory.triangles);
    #[expect(clippy::cast_precision_loss, reason = "a machine has fewer")]
    let seconds = work / threads.max(1) as f64;
    [AT_LEAST, AT_MOST].map(|part| Duration::from_secs_f64(part * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::inventory::ImageEntry;

    #[test]
    fn more_takes_longer_and_more_threads_do_not() {
        let image = ImageEntry { width: 2_048, height: 2_048, ..ImageEntry::default() };
        let small = Inventory { triangles: 1_000, ..Inventory::default() };
        let large = Inventory { images: vec![image; 4], ..small.clone() };
        let [least, most] = of_best(&small, 1);
        assert!(least > Duration::ZERO && most > 2 * least);
        assert!(of_best(&large, 1)[1] > 2 * most);
        assert!(of_best(&large, 4)[1] < of_best(&large, 1)[1]);
    }
}
