// Loads the Envoy protos of proto/roots.json, adds proto/additions and keeps what can be reached.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** Files that declare options of fields and files: they say nothing of the wire. */
const annotations =
  /^(google\/protobuf\/descriptor|google\/api\/(annotations|http)|validate\/|(envoy|udpa|xds)\/annotations\/)/;

/** The root of the package. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

const additionsDir = join(packageRoot, 'proto', 'additions');

/** The folder of upstream protos in the development dependency that carries them. */
export function upstreamDir() {
  const manifest = createRequire(import.meta.url).resolve('@grpc/grpc-js-xds/package.json');
  return join(dirname(manifest), 'deps');
}

/** Every file that decides the generated output, for staleness checks. */
export function generatorInputs() {
  const scripts = ['generate-envoy.mjs', 'envoy-protos.mjs', 'envoy-types.mjs'];
  return [
    ...scripts.map((name) => join(packageRoot, 'scripts', name)),
    join(packageRoot, 'proto', 'roots.json'),
    ...additionFiles(),
    join(upstreamDir(), '..', 'package.json'),
  ];
}

/** The files below proto/additions, sorted. */
export function additionFiles() {
  return readdirSync(additionsDir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .sort()
    .map((name) => join(additionsDir, name));
}

/**
 * The merged schema: every type is known by its full name, every reference resolved.
 * Returns the reflection root and the names of the messages that the root files declare.
 */
export function loadEnvoyProtos() {
  const { include, gone, files } = JSON.parse(
    readFileSync(join(packageRoot, 'proto', 'roots.json'), 'utf8'),
  );
  const folders = include.map((name) => join(upstreamDir(), name));
  const find = (file) => [...folders, additionsDir].map((d) => join(d, file)).find(existsSync);
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    if (annotations.test(target)) return null;
    if (protobuf.common.get(target)) return target;
    const path = find(target);
    if (path === undefined) throw new Error(`no proto file ${target}`);
    return path;
  };
  const upstreamHas = (file) => folders.some((folder) => existsSync(join(folder, file)));
  const additions = additionFiles().map((path) => relative(additionsDir, path));
  root.loadSync([...files, ...additions.filter((file) => !upstreamHas(file))], { keepCase: true });
  for (const file of additions) {
    if (upstreamHas(file)) mergeFile(root, join(additionsDir, file));
  }
  for (const name of gone) {
    const last = name.lastIndexOf('.');
    const parent = root.lookup(name.slice(0, last));
    parent.remove(parent.get(name.slice(last + 1)));
  }
  root.resolveAll();
  const declared = files.flatMap((file) => messagesOf(find(file)));
  return { root, declared: declared.filter((name) => !gone.includes(name)).sort() };
}

/** Full names of the messages that one file declares at its top level. */
function messagesOf(path) {
  const own = new protobuf.Root();
  const { package: name } = protobuf.parse(readFileSync(path, 'utf8'), own, { keepCase: true });
  const space = own.lookup(name);
  return space.nestedArray
    .filter((child) => child instanceof protobuf.Type)
    .map((child) => child.fullName.slice(1));
}

function mergeFile(root, path) {
  const extra = new protobuf.Root();
  const { package: name } = protobuf.parse(readFileSync(path, 'utf8'), extra, { keepCase: true });
  mergeInto(root.lookup(name), extra.lookup(name), path);
}

/** Adds what `extra` has: whole types that are new, and single fields to types that exist. */
function mergeInto(target, extra, path) {
  for (const child of [...extra.nestedArray]) {
    const existing = target.get(child.name);
    if (existing === null || existing === undefined) {
      extra.remove(child);
      target.add(child);
    } else if (child instanceof protobuf.Enum) {
      for (const [value, id] of Object.entries(child.values)) {
        if (!(value in existing.values)) existing.add(value, id);
      }
    } else if (child instanceof protobuf.Type) {
      mergeFields(existing, child);
      mergeInto(existing, child, path);
    } else {
      throw new Error(`${path}: ${child.fullName} cannot be merged`);
    }
  }
}

function mergeFields(target, extra) {
  for (const field of [...extra.fieldsArray]) {
    const oneof = field.partOf?.name;
    extra.remove(field);
    field.partOf = null;
    target.add(field);
    if (oneof === undefined) continue;
    if (!target.oneofs?.[oneof]) target.add(new protobuf.OneOf(oneof));
    target.oneofs[oneof].add(field);
  }
}

/** The declared messages and all that their fields lead to, sorted by full name. */
export function reachableTypes(root, declared) {
  const found = new Map();
  const queue = declared.map((name) => root.lookupType(name));
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    const name = type.fullName.slice(1);
    if (found.has(name)) continue;
    found.set(name, type);
    if (!(type instanceof protobuf.Type)) continue;
    for (const field of type.fieldsArray) {
      // Merged fields are not always reached by resolveAll.
      if (field.resolve().resolvedType) queue.push(field.resolvedType);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, type]) => ({ name, type }));
}
