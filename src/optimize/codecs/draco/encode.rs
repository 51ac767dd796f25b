//! Draco streams, writing side: a triangle mesh in, the smallest stream of several settings out.
//!
//! Nothing is rounded here but normals; how floats stay on their grid is told in [`super::stored`].

use draco_oxide::core::codec::attribute::prediction_scheme::PredictionSchemeType as Prediction;
use draco_oxide::core::codec::connectivity::edgebreaker::{EdgebreakerKind, TraversalType};
use draco_oxide::encode::{AttributeConfig, Config, EdgebreakerConfig, Quantization, encode_mesh};
use draco_oxide::{Attribute as Stored, ConfigType, Mesh as StoredMesh};

use super::stored::{self, Bits};
use super::{Channel, NAME, Source};
use crate::optimize::codecs::{CodecError, contain};

/// Encodes triangles over attributes, the first of which must be the positions. Attribute `i` gets the id `i`. The streams of
/// several settings, the smallest first: the crate's decoder, by which a stream can be checked, does not know all that its
/// encoder writes for attributes with seams.
///
/// # Errors
/// [`CodecError::Input`] for what the format cannot hold: no triangle, a vertex number past the end, values that are
/// off their grid or not finite; [`CodecError::Encode`] when the crate cannot walk over the mesh.
pub fn encode(triangles: &[[u32; 3]], sources: &[Source<'_>]) -> Result<Vec<Vec<u8>>, CodecError> {
    let bits = Bits::of(sources)?;
    let attributes = sources.iter().enumerate().map(|(id, source)| stored::attribute(id, source, &bits));
    let attributes = attributes.collect::<Result<Vec<Stored>, CodecError>>()?;
    check(triangles, sources, &attributes)?;
    let faces = triangles.iter().map(|face| face.map(|corner| (corner as usize).into()));
    let mut mesh = StoredMesh::new();
    mesh.faces = faces.collect();
    mesh.attributes = attributes;
    let streams = Tuning::ALL.iter().map(|tuning| run(mesh.clone(), tuning.config(sources, &bits)));
    let mut streams = streams.collect::<Result<Vec<_>, _>>()?;
    // Of equals the first: the order of the settings decides, so that the result is always the same.
    streams.sort_by_key(Vec::len);
    Ok(streams)
}

fn check(triangles: &[[u32; 3]], sources: &[Source<'_>], attributes: &[Stored]) -> Result<(), CodecError> {
    let vertices = attributes.first().map_or(0, Stored::len);
    let in_range = triangles.iter().flatten().all(|&corner| (corner as usize) < vertices);
    let reason = if triangles.is_empty() {
        "there are no triangles"
    } else if sources.first().is_none_or(|source| source.channel != Channel::Position) {
        "the first attribute is not the positions"
    } else if attributes.iter().any(|attribute| attribute.len() != vertices) {
        "the attributes are of different lengths"
    } else if !in_range {
        "a triangle refers to a vertex that is not there"
    } else {
        return Ok(());
    };
    Err(CodecError::input(NAME, reason))
}

fn run(mesh: StoredMesh, config: Config) -> Result<Vec<u8>, CodecError> {
    contain(CodecError::encode(NAME, "the encoder cannot walk over this mesh"), || {
        let mut stream = Vec::new();
        encode_mesh(mesh, &mut stream, config).map_err(|error| CodecError::encode(NAME, error))?;
        Ok(stream)
    })
}

/// Settings of which each is smallest for some meshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tuning {
    /// Predict from all neighbouring triangles rather than from one.
    from_all_neighbours: bool,
    /// Store the walk by the valence of vertices: some hundred bytes first, and fewer bits a triangle then.
    by_valence: bool,
}

impl Tuning {
    const ALL: [Self; 3] = [
        Self { from_all_neighbours: true, by_valence: true },
        Self { from_all_neighbours: true, by_valence: false },
        Self { from_all_neighbours: false, by_valence: true },
    ];

    fn config(self, sources: &[Source<'_>], bits: &Bits) -> Config {
        let traversal = if self.by_valence { EdgebreakerKind::Valence } else { EdgebreakerKind::Standard };
        let mut config = Config::default().with_edgebreaker(EdgebreakerConfig { traversal });
        for channel in sources.iter().map(|source| source.channel) {
            let mut settings = AttributeConfig {
                quantization: Some(Quantization::Bits(bits.for_channel(channel))),
                ..AttributeConfig::default()
            };
            if self.from_all_neighbours {
                settings.prediction = prediction(channel, bits);
                settings.traversal = Some(TraversalType::PredictionDegree);
            }
            config = config.with_attribute(stored::kind(channel), settings);
        }
        config
    }
}

/// Positions of more bits than this make the products of the prediction of texture coordinates overflow 64 bits: decoders
/// refuse them then, or differ.
const MOST_BITS_OF_PRODUCTS: u8 = 14;

/// The prediction that looks at all neighbours; `None` for the one that looks at one.
fn prediction(channel: Channel, bits: &Bits) -> Option<Prediction> {
    let would_overflow = bits.for_channel(Channel::Position) > MOST_BITS_OF_PRODUCTS;
    match channel {
        Channel::TextureCoordinate if would_overflow => None,
        Channel::Position | Channel::Color | Channel::Generic => {
            Some(Prediction::MeshConstrainedMultiParallelogramPrediction)
        }
        Channel::TextureCoordinate => Some(Prediction::MeshPredictionForTextureCoordinates),
        Channel::Normal { .. } => None,
    }
}
