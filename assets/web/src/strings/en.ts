/**
 * Every sentence that the page says, in English: the reference for all other languages, which have the same keys
 * (the type `Strings` is made of this object). Plain words; no promise that was not measured.
 *
 * A problem always says three things: what happened, why, and what to do now.
 */
import { formatBytes, formatCount, formatDuration, formatExactBytes } from "../format.ts";
import { compare } from "./en/compare.ts";
import { understand } from "./en/understand.ts";

/** Something that stopped the person, in words. */
export interface Problem {
  title: string;
  detail: string;
  advice: string;
}

/** A value of a setting as it is offered. */
export interface Choice {
  label: string;
  hint: string;
}

const CHOOSE_GLB = "Choose a binary glTF 2.0 file; its name usually ends in .glb.";
const TRY_LATER = "Wait a moment, then try again. If it goes on, tell whoever runs this server.";
const RAISE_LIMIT = "Choose a smaller file, or ask whoever runs this server to raise the limit.";

export const en = {
  languagePicker: "Language",
  nav: { label: "Views", optimize: "Optimize", queue: "Queue", dashboard: "Dashboard", system: "System" },
  start: {
    title: "Make a heavy 3D model light",
    lead: "Drop one model or many anywhere on this page.",
    choose: "Choose files",
    folder: "Choose a folder",
    sample: "Or try it with a sample model",
    kinds: ".glb, .gltf with its files, folders, or a .zip of them",
    dropHere: "Drop to open",
    facts: [
      { title: "Seen first", body: "Your model opens here in 3D straight from your disk. It is sent only when you press Optimize." },
      { title: "Compared", body: "The result appears beside the original, under the same light and from the same side." },
      { title: "Never worse", body: "The result is never larger than your file. If nothing helps, you are told so, and why." },
    ],
  },
  actions: {
    another: "Another model",
    again: "Try other settings",
    retry: "Try again",
    forget: "Delete",
    stopUpload: "Stop the upload",
    cancel: "Cancel this job",
    cancelShort: "Cancel",
    copy: "Copy",
    copyLink: "Copy the link to this",
    copied: "Copied",
    notCopied: "Not copied: the browser does not allow it",
  },
  settings: {
    heading: "How should it be made smaller?",
    more: "All other settings",
    number: "Number",
    ownNumber: (least: number, most: number): Choice => ({ label: "A number", hint: `From ${least} to ${most}.` }),
    optimize: "Optimize",
  },
  budgets: {
    heading: "A limit of your own?",
    none: "none",
    size: "Largest file",
    sizeHint: "Then the result is the one that looks best of those that fit.",
    error: "Largest visible difference",
    errorHint: "Mean FLIP error: 0 is the same, 1 black against white. Without it about 0.02, 0.035 or 0.06, from high to smallest.",
  },
  commands: { heading: "The same as a command", cli: "Command line", curl: "curl, on this server" },
  compare,
  understand,
  progress: {
    heading: "Optimizing",
    upload: "Upload",
    optimize: "Optimize",
    sent: (sent: number, total: number) => `${formatBytes(sent)} of ${formatBytes(total)}`,
    allSent: (total: number) => `${formatBytes(total)} sent`,
    arriving: "All sent; the server is checking the file",
    waiting: "Waiting",
    restoring: "Fetching the job and its model…",
    queued: "Waiting for a free worker",
    attempt: (attempt: number) => `attempt ${attempt}`,
    place: (position: number) => `Number ${position} in the line`,
    placeAndTime: (position: number, seconds: number) => `Number ${position} in the line; begins in about ${formatDuration(seconds)}`,
    estimating: "Estimating the time left…",
    left: (seconds: number) => `About ${formatDuration(seconds)} left`,
    lost: "The server does not answer. Your job is safe there; trying again…",
    safe: "You may close this page: its address leads back to this job, on other devices too.",
    announce: (stage: string, percent: number) => `${stage}, ${percent} percent`,
  },
  result: {
    smaller: (percent: string) => `${percent} smaller`,
    /** Why the result is the file that came in. */
    same: {
      already_optimal: {
        headline: "Already optimal",
        why: "Nothing that was tried made this file smaller, so the result is your file, byte for byte. The reasons are listed below.",
      },
      kept_original: {
        headline: "Original kept",
        why: "The smaller file did not look like yours when it was checked, so it was thrown away. The warning below says what differed.",
      },
    },
    download: (size: string) => `Download · ${size}`,
    /** After the mean FLIP error. */
    looks: "mean visible error at the views, poses and variants tested; 0 is the same, 1 is black against white",
    noReport: "The report of this job could not be read:",
    announce: (percent: string, size: string) => `Done. The result is ${percent} smaller: ${size}.`,
  },
  notCancelled: (why: string) => `The job could not be cancelled and may still be running on the server. ${why}`,

  states: { queued: "Waiting", running: "Running", completed: "Done", dead: "Failed", cancelled: "Cancelled", cached: "The result was there already." },
  batch: {
    shownLater: (name: string) => `${name} can be shown once the server has unpacked it.`,
    title: "Several models",
    count: (models: number) => `${formatCount(models)} models`,
    chosen: "Models; the marked one is shown",
    back: "All models of this batch",
    so: (done: number, all: number) => `${formatCount(done)} of ${formatCount(all)} have ended`,
    ended: (completed: number, all: number) => `${formatCount(completed)} of ${formatCount(all)} were optimized.`,
    download: (size: string) => `Download all · ${size}`,
    cancel: (jobs: number) => `Cancel the remaining ${formatCount(jobs)}`,
    retry: (jobs: number) => `Try the ${formatCount(jobs)} failed again`,
    file: "Model",
    state: "State",
    before: "Before",
    after: "After",
    saved: "Smaller by",
    actions: "Actions",
  },
  login: {
    heading: "For administrators",
    why: "This view shows the jobs of everybody. Log in with the admin token of this server.",
    token: "Admin token",
    enter: "Log in",
    leave: "Log out",
    wrong: "That is not the token of this server.",
    done: "Logged in.",
    where: "It is in the file admin-token of the server's data folder, unless ADMIN_TOKEN sets another.",
  },
  queue: {
    all: "All",
    filter: "State",
    empty: "There are no such jobs.",
    accepted: "Accepted",
    pause: "Pause the queue",
    resume: "Resume the queue",
    paused: "The queue is paused: waiting jobs stay where they are, running ones go on.",
    requeue: (jobs: number) => `Try all ${formatCount(jobs)} failed again`,
    newer: "Newer",
    older: "Older",
    pages: "Pages",
    page: (number: number) => `Page ${number}`,
  },
  dashboard: {
    span: "Time",
    spans: { day: "Today", week: "This week", month: "This month", total: "All time" },
    empty: "No job was accepted in this time.",
    jobs: "Jobs",
    accepted: "Jobs",
    cached: (jobs: number) => `${formatCount(jobs)} answered at once from an earlier result`,
    success: "Success",
    completedOf: (completed: number, ended: number) => `${formatCount(completed)} of ${formatCount(ended)} that were not cancelled`,
    saved: "Saved",
    meanTime: "Time for a job",
    meanTimeHint: "On average, without waiting",
    history: "Jobs accepted",
    ratios: "Result as a part of the original",
    seconds: "Time that jobs took",
    failures: "Why jobs failed",
    noFailures: "No job failed.",
    cause: "Cause",
    presets: "What was asked for",
    open: "Not ended",
    asTable: "As a table",
  },
  system: {
    status: { ok: "All is well", degraded: "Works, but not all is well", unhealthy: "Jobs cannot run" },
    running: (version: string, time: string) => `Version ${version}, running for ${time}`,
    again: "Check everything again",
    tier: "Where jobs are kept",
    tiers: {
      redis: { name: "Data folder and fleet", hint: "Jobs are kept in the data folder, and other nodes help through Redis." },
      embedded: { name: "Data folder", hint: "Jobs are kept in the data folder of this node, and survive a crash." },
      sync: { name: "Memory only", hint: "Nothing can be kept: an upload waits for its result." },
    },
    history: "Changes since the start",
    noSwitch: "It has not changed since the start.",
    when: "When",
    change: "Change",
    why: "Why",
    work: "Work",
    busy: (busy: number, workers: number) => `${busy} of ${workers} workers are busy`,
    partsHeading: "Parts",
    part: "Part",
    parts: { queue: "Queue", data_folder: "Data folder", sandbox: "Sandbox", workers: "Workers", redis: "Redis", storage: "Shared storage" },
    nodes: "Nodes of the fleet",
    host: "Host",
    process: "Process",
    version: "Version",
    slots: "Workers",
    doctor: "Doctor",
    examining: "Looking at everything that the server depends on…",
    examined: (time: string) => `As of ${time}`,
    check: "Check",
    verdict: "Verdict",
    found: "Found",
    verdicts: { pass: "good", warn: "attention", fail: "broken" },
    checks: {
      platform: "Platform",
      data_lasts: "Data lasts",
      data_folder: "Data folder",
      disk: "Disk",
      memory: "Memory",
      processors: "Processors",
      sandbox: "Sandbox",
      port: "Port",
      server: "Server",
      redis: "Redis",
      redis_persistence: "Redis keeps its data",
      redis_memory: "Memory of Redis",
      redis_nodes: "Other nodes",
      storage: "Shared storage",
    },
  },

  /** What a setting asks, by its name in the API; what is missing here is described by the server. */
  questions: {
    preset: "How close must it look?",
    target: "What must open it?",
    effort: "How long may it take?",
    geometry: "How are meshes compressed?",
    simplify: "May meshes lose triangles?",
    animation: "Parts that stand still in an animation?",
    nodes: "Parts without a name?",
    lods: "Levels of detail inside the result?",
  },

  /** What a setting is, where a number is asked for. */
  abouts: {
    lods: "How many coarser versions the result holds beside the finest (MSFT_lod), 0 to 8. Loaders that know them draw far objects faster; the file grows.",
  },

  /** What may be said for a setting, by its name and value as in the API. */
  choices: {
    preset: {
      high: { label: "High quality", hint: "Looks the same when you inspect it closely." },
      balanced: { label: "Balanced", hint: "Looks the same at normal viewing distance." },
      maximum: { label: "Smallest file", hint: "As small as possible while it is still the same model." },
    },
    target: {
      web: { label: "Web browsers", hint: "three.js, Babylon.js, model-viewer. Uses meshopt or Draco compression, AVIF and WebP images." },
      gpu: { label: "Browsers, low GPU memory", hint: "The same with KTX2 images: larger files, a quarter of the GPU memory or less." },
      universal: { label: "Any program", hint: "Blender, converters, older viewers. No glTF extension is required." },
    },
    effort: {
      fast: { label: "Quick", hint: "One good try for each part." },
      normal: { label: "Normal", hint: "Compares formats, sizes and qualities where it pays." },
      best: { label: "Thorough", hint: "Takes several times as long, for a few per cent." },
    },
    geometry: {
      auto: { label: "Automatic", hint: "Draco where it makes the whole file clearly smaller, else meshopt." },
      meshopt: { label: "meshopt", hint: "One small decoder, and the fastest to open." },
      draco: { label: "Draco", hint: "Every mesh that Draco can hold." },
    },
    simplify: {
      auto: { label: "Those that cannot be seen", hint: "As many as the choice above allows." },
      off: { label: "None", hint: "Every triangle stays." },
    },
    animation: {
      auto: { label: "Leave them out", hint: "A part that rests for a whole clip needs no keyframes." },
      keep: { label: "Keep them", hint: "For game engines that do not put parts back when a clip ends." },
    },
    nodes: {
      auto: { label: "Put together", hint: "Fewer parts are drawn faster. Those with a name stay." },
      keep: { label: "Keep apart", hint: "For programs that find parts by counting." },
    },
  },

  /** Stages of a job and passes of the report, by their name there. */
  stages: {
    read: "Reading the file",
    compact: "Leaving out what says nothing",
    bake: "Turning textures of one colour into colours",
    flatten: "Removing needless groups",
    instance: "Finding copies",
    palette: "Collecting colours",
    join: "Joining parts",
    dedup: "Merging duplicates",
    prune: "Removing what is unused",
    weld: "Merging equal vertices",
    tangents: "Removing tangents that viewers make",
    reorder: "Ordering triangles and vertices",
    quantize: "Storing vertices in fewer bits",
    encode: "Compressing geometry and animation",
    resample: "Removing needless keyframes",
    animation: "Removing needless keyframes",
    animations: "Removing needless keyframes",
    texture: "Compressing textures",
    textures: "Compressing textures",
    images: "Compressing textures",
    simplify: "Removing triangles that cannot be seen",
    compare: "Comparing it with the original",
    search: "Weighing what is seen",
    write: "Writing the result",
  },

  /** The parts of a file, in the order in which they are drawn; keys as in the report's `bytes_by`. */
  byteParts: {
    images: "Images",
    vertices: "Vertices",
    indices: "Indices",
    morph_targets: "Morph targets",
    animations: "Animations",
    skins: "Skins",
    extensions: "Extension data",
    json: "JSON",
    container: "Container",
    unused: "Unused",
  },

  problems: {
    unreadable: (name: string): Problem => ({
      title: "This file cannot be read",
      detail: `The browser was not allowed to read ${name}. It may be a folder, or it was moved or deleted.`,
      advice: "Choose the .glb file itself, and try again.",
    }),
    empty: (name: string): Problem => ({ title: "This file is empty", detail: `${name} has 0 bytes.`, advice: "Export or download it again." }),
    notGlb: (name: string): Problem => ({
      title: "This is not a .glb file",
      detail: `${name} does not begin with the letters "glTF", as every .glb file does.`,
      advice: CHOOSE_GLB,
    }),
    noModel: (files: number): Problem => ({
      title: "There is no model in this",
      detail: `None of the ${formatCount(files)} files is a .glb, a .gltf or a .zip.`,
      advice: CHOOSE_GLB,
    }),
    brokenGltf: (name: string): Problem => ({ title: "This .gltf file is damaged", detail: `${name} is not JSON.`, advice: "Export or download it again." }),
    missingParts: (name: string, missing: string[]): Problem => ({
      title: "Files of this model are missing",
      detail: `${name} refers to files that were not chosen with it: ${missing.join(", ")}.`,
      advice: "Drop the whole folder, or choose the .gltf together with all of its files.",
    }),
    zip: (name: string): Problem => ({
      title: "This is a zip archive",
      detail: `${name} is a packed folder (or a .usdz file), not a .glb file.`,
      advice: "If it holds models, give it a name that ends in .zip. Else unpack it and choose the .glb file inside.",
    }),
    oldVersion: (name: string, version: number): Problem => ({
      title: `This is glTF version ${version}`,
      detail: `${name} is a .glb file of version ${version}; only version 2 can be read.`,
      advice: "Convert it to glTF 2.0 first, for example by opening and exporting it in Blender.",
    }),
    truncated: (name: string, declared: number, size: number): Problem => ({
      title: "This file is cut off",
      detail: `${name} says that it has ${formatExactBytes(declared)}, but it has ${formatExactBytes(size)}.`,
      advice: "Download or export it again.",
    }),
    unreachable: (): Problem => ({
      title: "The server cannot be reached",
      detail: "The request got no answer.",
      advice: "Check that the server is running and that you are connected to it, then try again.",
    }),
    uploadCut: (): Problem => ({
      title: "The upload was cut off",
      detail: "The connection to the server ended before the whole file was sent.",
      advice: "Check that the server is running, then try again. If it happens at once each time, the file may be over the server's size limit.",
    }),
    noSuchJob: (id: string): Problem => ({
      title: "This job is not known here",
      detail: `There is no job ${id} on this server. Jobs are removed after a while.`,
      advice: "Choose the file again to start a new one.",
    }),
    noSuchBatch: (id: string): Problem => ({
      title: "This batch is not known here",
      detail: `There is no batch ${id} on this server, or all of its jobs were removed.`,
      advice: "Choose the files again to start a new one.",
    }),
    details: (job: string, code: string, attempt: number) => `job ${job}, code ${code}, attempt ${attempt}`,
    moreDetails: "Details for whoever runs this server",
    cancelled: (): Problem => ({ title: "This job was cancelled", detail: "Nothing was produced.", advice: "Start it again with the same file, or choose another one." }),
    serverFailed: "The server failed",
    refused: "The server refused this",
    noReason: (status: number) => `The server answered HTTP ${status} and gave no reason.`,
    optimizerFailed: "The optimizer failed",
    notOptimized: "This file could not be optimized",
    unexpected: (message: string): Problem => ({
      title: "Something went wrong on this page",
      detail: message,
      advice: "Reload the page. If it happens again, please report it with this message.",
    }),
  },

  /** Codes as in the API's problem documents and in a dead job's `error`. */
  titles: {
    not_a_glb: "This is not a usable .glb file",
    too_large: "This file is too large",
    uploads_disabled: "This server takes no uploads at the moment",
    storage_full: "The server's disk is full",
    no_room: "The server has no room for this file",
    files_gone: "The files of this job are gone",
    queue_full: "The server has too much to do",
    too_many_jobs: "You have many unfinished jobs",
    quota_used_up: "Your API key has sent all that it may today",
    too_slow: "The upload came too slowly",
    api_key_needed: "This server takes files only from people whom it knows",
    out_of_memory: "The job needed too much memory",
    bad_archive: "This archive is refused",
    no_model: "There is no model in this",
    missing_resource: "Files of this model are missing",
    crashed: "The optimizer crashed",
    token_needed: "This is for administrators",
    too_often: "Too many requests",
    timed_out: "The job took too long",
  },

  /** What to do about them. */
  advice: {
    not_a_glb: CHOOSE_GLB,
    invalid_json: "The file is damaged. Export or download it again.",
    invalid_gltf: "Open the file in the program that made it and export it again. The message above says which part is wrong.",
    unsupported: "Export the file without this feature, then try again.",
    too_large: RAISE_LIMIT,
    missing_resource: "Export the model as one .glb file with everything inside.",
    timed_out: "Try a smaller file, or ask whoever runs this server to raise the limit.",
    files_gone: "The server keeps files only for a while. If you still have the model, drop it here again.",
    queue_full: TRY_LATER,
    too_many_jobs: "Wait until some of them have ended, then try again.",
    api_key_needed: "Log in at /login, or ask whoever runs this server.",
    out_of_memory: "Try a smaller file, or ask whoever runs this server to raise the limit.",
    uploads_disabled: TRY_LATER,
    storage_full: TRY_LATER,
    tryLater: TRY_LATER,
    ourFault: "This is a fault of the program, not of your file. Try again; if it fails again, please report it.",
    tryAgain: "Try again with the same file, or choose another one.",
  },
};
