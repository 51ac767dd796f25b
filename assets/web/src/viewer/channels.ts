/** One channel of a material, as the numbers that are stored: no light, no tone mapping. */
import { Color, MeshBasicMaterial, MeshStandardMaterial, Texture, type Material } from "three";

/** The channels, as the page offers them. */
export const channels = ["base", "red", "green", "blue", "alpha", "metal", "rough", "occlusion", "emissive", "normalMap"] as const;
export type Channel = (typeof channels)[number];

/** What is shown of a material: a texture (or none), a factor, and which of the texture's numbers. */
interface Shown {
  texture: Texture | null;
  factor: Color;
  /** GLSL on `texel`, a vec4. */
  pick: string;
  /** Whether the numbers are colours; data is put on the screen as it is. */
  isColour: boolean;
}

/** Makes the materials that show one channel, each once. */
export class Channels {
  private readonly made = new Map<Material, Material>();

  constructor(private readonly channel: Channel) {}

  /** What shows the channel of `material`. Points and lines stay as they are. */
  of(material: Material): Material {
    if (!(material instanceof MeshStandardMaterial || material instanceof MeshBasicMaterial)) return material;
    const known = this.made.get(material);
    if (known) return known;
    const shown = inspecting(material, look(material, this.channel));
    this.made.set(material, shown);
    return shown;
  }

  /** Frees the materials; the textures belong to the model. */
  dispose(): void {
    for (const material of this.made.values()) material.dispose();
    this.made.clear();
  }
}

function look(material: MeshStandardMaterial | MeshBasicMaterial, channel: Channel): Shown {
  const grey = (value: number): Color => new Color(value, value, value);
  const base = (pick: string, isColour = true): Shown => ({ texture: material.map, factor: material.color, pick, isColour });
  const standard = material instanceof MeshStandardMaterial ? material : null;
  const data = (texture: Texture | null | undefined, value: number, pick: string): Shown => ({ texture: texture ?? null, factor: grey(value), pick, isColour: false });
  switch (channel) {
    case "base":
      return base("texel.rgb");
    case "red":
      return base("vec3(texel.r)");
    case "green":
      return base("vec3(texel.g)");
    case "blue":
      return base("vec3(texel.b)");
    case "alpha":
      return data(material.map, material.opacity, "vec3(texel.a)");
    case "metal":
      return data(standard?.metalnessMap, standard?.metalness ?? 0, "vec3(texel.b)");
    case "rough":
      return data(standard?.roughnessMap, standard?.roughness ?? 1, "vec3(texel.g)");
    case "occlusion":
      return data(standard?.aoMap, 1, "vec3(texel.r)");
    case "emissive":
      return { texture: standard?.emissiveMap ?? null, factor: standard?.emissive ?? grey(0), pick: "texel.rgb", isColour: true };
    case "normalMap":
      // Without a map every normal is that of the surface, which a map would store as this blue.
      return standard?.normalMap ? data(standard.normalMap, 1, "texel.rgb") : { texture: null, factor: new Color(0.5, 0.5, 1), pick: "texel.rgb", isColour: false };
  }
}

/** A material without light that shows it. Cut-outs stay cut out, by the alpha of the base colour. */
function inspecting(source: MeshStandardMaterial | MeshBasicMaterial, shown: Shown): Material {
  const material = new MeshBasicMaterial({
    map: shown.texture,
    color: 0xffffff,
    alphaMap: source.alphaTest > 0 ? source.map : null,
    alphaTest: source.alphaTest,
    side: source.side,
    toneMapped: false,
  });
  const factor = { value: shown.factor };
  material.onBeforeCompile = (shader) => {
    shader.uniforms["channelFactor"] = factor;
    const texel = shown.texture ? "texture2D(map, vMapUv)" : "vec4(1.0)";
    shader.fragmentShader = shader.fragmentShader
      .replace("void main() {", "uniform vec3 channelFactor;\nvoid main() {")
      .replace("#include <map_fragment>", `vec4 texel = ${texel};\ndiffuseColor.rgb = (${shown.pick}) * channelFactor;`)
      .replace("#include <alphamap_fragment>", source.alphaTest > 0 && source.map ? "diffuseColor.a *= texture2D(alphaMap, vAlphaMapUv).a;" : "")
      .replace("#include <colorspace_fragment>", shown.isColour ? "#include <colorspace_fragment>" : "");
  };
  material.customProgramCacheKey = () => [shown.pick, shown.isColour, shown.texture !== null].join();
  return material;
}
