//! What may become of a model, as flags: the same for `optimize` and `submit`.

use crate::optimize::{
    Animation, Effort, Geometry, MaxError, Nodes, Preset, Settings, Simplify, Target, TargetSize,
};

/// One flag for each setting.
#[derive(Debug, clap::Args)]
pub(super) struct SettingsFlags {
    /// How much visible difference is acceptable: high (least), balanced, maximum (smallest file)
    #[arg(long, default_value_t, value_name = "PRESET")]
    preset: Preset,
    /// What must open the result: web (browsers), gpu (browsers, with textures that stay small in GPU memory),
    /// universal (anything that reads glTF 2.0)
    #[arg(long, default_value_t, value_name = "TARGET")]
    target: Target,
    /// How much time a smaller file is worth: fast, normal, or best (several times as long)
    #[arg(long, default_value_t, value_name = "EFFORT")]
    effort: Effort,
    /// How meshes are compressed: auto (what is smaller), meshopt or draco
    #[arg(long, default_value_t, value_name = "CODEC")]
    geometry: Geometry,
    /// Whether meshes may lose triangles: auto (as many as the preset's error allows), off, or the part to keep,
    /// such as 0.5
    #[arg(long, default_value_t, value_name = "auto|off|RATIO")]
    simplify: Simplify,
    /// Animation channels that hold a node where it rests: auto (they go), keep (they stay)
    #[arg(long, default_value_t, value_name = "ANIMATION")]
    animation: Animation,
    /// How different the result may look (mean FLIP error, such as 0.03), in the place of the preset's bound
    #[arg(long, value_name = "ERROR", allow_negative_numbers = true)]
    max_error: Option<MaxError>,
    /// How large the result may be (such as 5MB): as much like the original as fits
    #[arg(long, value_name = "SIZE")]
    target_size: Option<TargetSize>,
    /// Nodes without a name that nothing refers to: auto (they are put together where that helps), keep (they stay)
    #[arg(long, default_value_t, value_name = "NODES")]
    nodes: Nodes,
}

impl SettingsFlags {
    /// What they say; levels of detail are each command's own matter.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            preset: self.preset,
            target: self.target,
            effort: self.effort,
            geometry: self.geometry,
            simplify: self.simplify,
            animation: self.animation,
            max_error: self.max_error,
            target_size: self.target_size,
            nodes: self.nodes,
            lods: None,
        }
    }
}
