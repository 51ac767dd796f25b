//! Round trips, and streams that lie.

use proptest::prelude::*;

use super::*;

/// A square of `side` x `side` vertices in 3D on a grid of 2^-6, in two columns of values.
fn grid(side: u32) -> (Vec<[u32; 3]>, Vec<f32>) {
    let height = |x: u32, y: u32| ((x * x + 3 * y) % 17) as f32 / 64.0;
    let vertices = (0..side * side).map(|v| (v % side, v / side));
    let positions =
        vertices.flat_map(|(x, y)| [x as f32 / 8.0 - 3.0, y as f32 / 8.0, height(x, y)]).collect();
    let squares = (0..side - 1).flat_map(|y| (0..side - 1).map(move |x| y * side + x));
    let triangles = squares.flat_map(|v| [[v, v + 1, v + side], [v + 1, v + side + 1, v + side]]).collect();
    (triangles, positions)
}

fn positions(values: &[f32]) -> Source<'_> {
    Source { channel: Channel::Position, components: 3, elements: Elements::Floats { values, exponent: -6 } }
}

fn bytes(channel: Channel, components: usize, bytes: &[u8]) -> Source<'_> {
    Source { channel, components, elements: Elements::Integers { bytes, width: 1, signed: false } }
}

/// All triangles by the values of their corners, each turned so that its smallest corner is first, in order.
fn drawn(triangles: &[[u32; 3]], columns: &[(usize, Vec<i64>)]) -> Vec<[Vec<i64>; 3]> {
    let corner = |vertex: u32| {
        let of_column = |(n, values): &(usize, Vec<i64>)| values[vertex as usize * n..][..*n].to_vec();
        columns.iter().flat_map(of_column).collect::<Vec<i64>>()
    };
    let turned = |[a, b, c]: [Vec<i64>; 3]| {
        [[a.clone(), b.clone(), c.clone()], [b.clone(), c.clone(), a.clone()], [c, a, b]]
            .into_iter()
            .min()
            .unwrap()
    };
    let mut drawn: Vec<[Vec<i64>; 3]> = triangles.iter().map(|face| turned(face.map(corner))).collect();
    drawn.sort();
    drawn
}

fn column(components: usize, values: &Values) -> (usize, Vec<i64>) {
    let values = match values {
        Values::Floats(values) => values.iter().map(|&value| i64::from((value + 0.0).to_bits())).collect(),
        Values::Integers(values) => values.clone(),
    };
    (components, values)
}

fn smallest(triangles: &[[u32; 3]], sources: &[Source]) -> Vec<u8> {
    encode(triangles, sources).unwrap().remove(0)
}

#[test]
fn floats_on_a_grid_and_integers_come_back_exactly() {
    let (triangles, places) = grid(20);
    // Colours with a seam through the middle: two values where the surface goes on.
    let colours: Vec<u8> = (0..400_u32).flat_map(|v| [(v % 7) as u8, 255, u8::from(v > 200), 9]).collect();
    let sources = [positions(&places), bytes(Channel::Color, 4, &colours)];
    let stream = smallest(&triangles, &sources);
    let mesh = decode(&stream, triangles.len()).unwrap();
    let columns: Vec<_> = mesh.attributes.iter().map(|a| column(a.components, &a.values)).collect();
    let colours = colours.iter().map(|&value| i64::from(value)).collect();
    let given = [column(3, &Values::Floats(places)), (4, colours)];
    assert_eq!(drawn(&mesh.triangles, &columns), drawn(&triangles, &given));
    assert!(stream.len() < 2000, "{} bytes", stream.len());
}

/// Draco's own steps divide the longest side of each mesh, and two halves of a model had a gap between them.
#[test]
fn regression_a_mesh_keeps_the_grid_it_shares_with_others() {
    let (triangles, places) = grid(5);
    let cut: Vec<f32> = places.iter().map(|value| value + 1000.0 - 1.0 / 64.0).collect();
    let stream = smallest(&triangles, &[positions(&cut)]);
    let Values::Floats(back) = &decode(&stream, triangles.len()).unwrap().attributes[0].values else {
        panic!()
    };
    assert!(back.iter().all(|value| cut.contains(value)));
}

#[test]
fn normals_stay_within_their_bits() {
    let (triangles, places) = grid(12);
    let normals: Vec<f32> = (0..144)
        .flat_map(|v| {
            let (sin, cos) = (v as f32 * 0.37).sin_cos();
            [sin * 0.8, cos * 0.8, 0.6]
        })
        .collect();
    let elements = Elements::Floats { values: &normals, exponent: 0 };
    let source = Source { channel: Channel::Normal { bits: 10 }, components: 3, elements };
    let stream = smallest(&triangles, &[positions(&places), source]);
    let mesh = decode(&stream, triangles.len()).unwrap();
    let Values::Floats(before) = &mesh.attributes[0].values else { panic!() };
    let Values::Floats(after) = &mesh.attributes[1].values else { panic!() };
    for (place, normal) in before.as_chunks::<3>().0.iter().zip(after.as_chunks::<3>().0) {
        let vertex = places.as_chunks::<3>().0.iter().position(|given| given == place).unwrap();
        let given = &normals[vertex * 3..][..3];
        let cosine: f32 = normal.iter().zip(given).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.3_f32.to_radians().cos(), "{normal:?} for {given:?}");
    }
}

#[test]
fn what_cannot_be_held_is_refused() {
    let (triangles, places) = grid(3);
    let refused = |triangles: &[[u32; 3]], sources: &[Source]| encode(triangles, sources).is_err();
    assert!(refused(&[], &[positions(&places)]));
    assert!(refused(&[[0, 1, 9]], &[positions(&places)]));
    assert!(refused(&triangles, &[]));
    assert!(refused(&triangles, &[bytes(Channel::Color, 3, &[0; 27])]));
    assert!(refused(&triangles, &[positions(&places), bytes(Channel::Color, 3, &[0; 26])]));
    let with = |value: f32| [&places[..26], &[value]].concat();
    assert!(refused(&triangles, &[positions(&with(f32::NAN))]));
    assert!(refused(&triangles, &[positions(&with(0.001))]), "off its grid");
    assert!(refused(&triangles, &[positions(&with(1e6))]), "too many steps");
}

#[test]
fn more_than_is_declared_is_refused_before_it_is_decoded() {
    let (triangles, places) = grid(8);
    let stream = smallest(&triangles, &[positions(&places)]);
    assert!(decode(&stream, triangles.len() - 1).unwrap_err().to_string().contains("at most"));
    assert!(
        decode(b"DRACO\x02\x02\x01\x01\0\0\x02\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f", usize::MAX).is_err()
    );
    assert!(matches!(
        decode(b"DRACO\x01\x02\x01\x01\0\0\0\0\0\0", 9),
        Err(super::super::CodecError::Unsupported { .. })
    ));
    for length in 0..stream.len() {
        assert!(decode(&stream[..length], triangles.len()).is_err(), "{length} bytes");
    }
}

/// The decoder took memory for as many joints of the walk as were declared, 69 TB; found by the damage below.
#[test]
fn regression_a_stream_of_countless_joints_is_refused() {
    let counts = [0, 3, 1, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    let stream = [b"DRACO\x02\x02\x01\x01\0\0", &counts[..], &[0; 64]].concat();
    let error = decode(&stream, 1).unwrap_err().to_string();
    assert!(error.contains("joints"), "{error}");
}

proptest! {
    #[test]
    fn damaged_streams_end_in_a_mesh_that_fits_together_or_an_error(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6),
    ) {
        let (triangles, places) = grid(9);
        let colours: Vec<u8> = (0..81).map(|v| v * 3).collect();
        let mut stream = smallest(&triangles, &[positions(&places), bytes(Channel::Generic, 1, &colours)]);
        for (at, mask) in flips {
            let at = at.index(stream.len());
            stream[at] ^= mask;
        }
        if let Ok(mesh) = decode(&stream, triangles.len()) {
            prop_assert!(mesh.triangles.iter().flatten().all(|&corner| (corner as usize) < mesh.vertex_count));
            for attribute in &mesh.attributes {
                let (components, values) = column(attribute.components, &attribute.values);
                prop_assert_eq!(values.len(), components * mesh.vertex_count);
            }
        }
    }
}
