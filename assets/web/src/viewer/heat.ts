/**
 * The difference of the two pictures on the screen, pixel by pixel, as a heat map: how far red, green and blue are apart,
 * on average and over 3 x 3 pixels. It is not the error of the report, which comes from the proof's own renderer.
 */
import { FramebufferTexture, Mesh, OrthographicCamera, PlaneGeometry, Scene, ShaderMaterial, Vector2, type WebGLRenderer } from "three";

const FRAGMENT = `
uniform sampler2D original;
uniform sampler2D result;
uniform vec2 pixel;
varying vec2 place;

vec3 soft(sampler2D picture) {
  vec3 sum = vec3(0.0);
  for (int x = -1; x <= 1; x++) for (int y = -1; y <= 1; y++) sum += texture2D(picture, place + vec2(x, y) * pixel).rgb;
  return sum / 9.0;
}

// The stops of the legend in the style sheet.
vec3 heat(float t) {
  vec3 low = mix(vec3(0.0), vec3(0.35, 0.07, 0.48), smoothstep(0.0, 0.3, t));
  vec3 mid = mix(low, vec3(0.93, 0.32, 0.25), smoothstep(0.3, 0.6, t));
  return mix(mid, vec3(1.0, 0.96, 0.7), smoothstep(0.6, 1.0, t));
}

void main() {
  vec3 before = soft(original);
  vec3 apart = abs(before - soft(result));
  // The root spreads small differences, which are what there is to see.
  float t = sqrt((apart.r + apart.g + apart.b) / 3.0);
  float ghost = dot(before, vec3(0.2, 0.7, 0.1)) * 0.22 * (1.0 - t);
  gl_FragColor = vec4(heat(t) + ghost, 1.0);
}`;

const VERTEX = "varying vec2 place; void main() { place = uv; gl_Position = vec4(position.xy, 0.0, 1.0); }";

/** Draws the heat map over the whole canvas. */
export class Heat {
  private readonly scene = new Scene();
  private readonly camera = new OrthographicCamera();
  private readonly material = new ShaderMaterial({
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    uniforms: { original: { value: null }, result: { value: null }, pixel: { value: new Vector2() } },
    depthTest: false,
    toneMapped: false,
  });
  private readonly quad = new Mesh(new PlaneGeometry(2, 2), this.material);
  private pictures: FramebufferTexture[] = [];

  constructor(private readonly renderer: WebGLRenderer) {
    this.quad.frustumCulled = false;
    this.scene.add(this.quad);
  }

  /** Compares what the two functions draw, each on the whole canvas. */
  draw(original: () => void, result: () => void): void {
    const size = this.renderer.getDrawingBufferSize(new Vector2());
    this.fit(size);
    [original, result].forEach((render, index) => {
      render();
      const picture = this.pictures[index];
      if (picture) this.renderer.copyFramebufferToTexture(picture);
    });
    const uniforms = this.material.uniforms;
    uniforms["original"]!.value = this.pictures[0];
    uniforms["result"]!.value = this.pictures[1];
    (uniforms["pixel"]!.value as Vector2).set(1 / size.x, 1 / size.y);
    this.renderer.render(this.scene, this.camera);
  }

  /** Gives the memory of the pictures back until the next one is drawn. */
  free(): void {
    for (const picture of this.pictures) picture.dispose();
    this.pictures = [];
  }

  private fit({ x, y }: Vector2): void {
    const image = this.pictures[0]?.image as { width: number; height: number } | undefined;
    if (image?.width === x && image.height === y) return;
    this.free();
    this.pictures = [new FramebufferTexture(x, y), new FramebufferTexture(x, y)];
  }
}
