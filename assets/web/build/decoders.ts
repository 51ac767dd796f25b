/**
 * Makes the decoders that come with three.js fit for this page.
 *
 * The page's content security policy forbids `eval` and `new Function`. The Basis transcoder (KTX2 textures) builds two
 * kinds of small functions from text, because it was compiled with Emscripten's DYNAMIC_EXECUTION. Both are replaced
 * here by closures that do the same. If a new release of three.js changes that code, the build stops and says so:
 * a page that cannot show KTX2 must not be shipped in silence.
 */
import type { Plugin } from "vite";

/** Calls a C++ function or method: converts the arguments, calls, frees what the conversion made, converts the result. */
const INVOKER = `function makeInvoker(argTypes,isMethod,invoker,fn,returns){
  var needsStack=usesDestructorStack(argTypes);
  return function(...values){
    if(values.length!==argTypes.length-2)throwBindingError("called with "+values.length+" arguments, expected "+(argTypes.length-2));
    var destructors=needsStack?[]:null;
    var types=isMethod?argTypes.slice(1):argTypes.slice(2);
    var wired=(isMethod?[this,...values]:values).map((value,i)=>types[i].toWireType(destructors,value));
    var result=invoker(fn,...wired);
    if(needsStack)runDestructors(destructors);
    else types.forEach((type,i)=>{if(type.destructorFunction!==null)type.destructorFunction(wired[i])});
    if(returns)return argTypes[0].fromWireType(result);
  };
}`;

/** Calls a JavaScript function from C++: reads the arguments from memory one after the other. */
const METHOD_CALLER = `function makeMethodCaller(types,retType,kind){
  return function(obj,func,destructorsRef,args){
    var offset=0;
    var values=types.map(type=>{var value=type.readValueFromPointer(args+offset);offset+=type.argPackAdvance;return value});
    var result=kind===1?new func(...values):func.call(obj,...values);
    if(!retType.isVoid)return emval_returnValue(retType,destructorsRef,result);
  };
}`;

const REPLACEMENTS: [string, string][] = [
  ["newFunc(Function,args)(...closureArgs)", "makeInvoker(argTypes,isClassMethodFunc,cppInvokerFunc,cppTargetFunc,returns)"],
  ["newFunc(Function,params)(...args)", "makeMethodCaller(types,retType,kind)"],
  ["function craftInvokerFunction(", `${INVOKER}\n${METHOD_CALLER}\nfunction craftInvokerFunction(`],
];

/** Replaces the functions that the Basis transcoder would build from text. */
export function transcoderWithoutEval(): Plugin {
  return {
    name: "transcoder-without-eval",
    apply: "build",
    generateBundle(_options, bundle) {
      const asset = Object.values(bundle).find((file) => /basis_transcoder[^/]*\.js$/.test(file.fileName));
      if (asset?.type !== "asset") {
        return this.error("the Basis transcoder of three.js was not found among the page's files");
      }
      asset.source = REPLACEMENTS.reduce(replaceOnce, asset.source.toString());
    },
  };
}

function replaceOnce(text: string, [from, to]: [string, string]): string {
  const [before, after, ...more] = text.split(from);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`the Basis transcoder of three.js has changed: expected "${from}" once; see build/decoders.ts`);
  }
  return before + to + after;
}

/**
 * Leaves out decoders that no browser able to run this page would load: the Draco decoders without WebAssembly, and the
 * variant of Draco that three.js offers but does not use by itself. Together they are larger than the rest of the page.
 */
export function dropUnusedDecoders(): Plugin {
  return {
    name: "drop-unused-decoders",
    apply: "build",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === "asset" && file.originalFileNames.some(isUnused)) delete bundle[file.fileName];
      }
    },
  };
}

function isUnused(path: string): boolean {
  return path.endsWith("draco/draco_decoder.js") || path.includes("draco/gltf/");
}
