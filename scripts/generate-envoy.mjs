// Writes gen/envoy-descriptor.json and gen/envoy.ts from the protos; output depends on input alone.
import { mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { generatorInputs, loadEnvoyProtos, packageRoot, reachableTypes } from './envoy-protos.mjs';
import { writeTypes } from './envoy-types.mjs';

const genDir = join(packageRoot, 'gen');
const outputs = ['envoy-descriptor.json', 'envoy.ts'].map((name) => join(genDir, name));

/** True when an output is missing or older than what it is made from. */
export function isGeneratedStale() {
  const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  const oldest = Math.min(...outputs.map((path) => modified(path) ?? 0));
  return generatorInputs().some((path) => (modified(path) ?? 0) > oldest);
}

/** Writes both files; each appears whole or not at all. */
export function generateEnvoy() {
  const { root, declared } = loadEnvoyProtos();
  const types = reachableTypes(root, declared);
  mkdirSync(genDir, { recursive: true });
  writeWhole(outputs[0], `${JSON.stringify(describe(types))}\n`);
  writeWhole(outputs[1], writeTypes(types, declared));
  return { messages: types.length };
}

function writeWhole(path, text) {
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}

/** The types as the JSON form of protobufjs: nested by package, every reference absolute. */
function describe(types) {
  const top = {};
  for (const { name, type } of types) {
    const node = nodeAt(top, name.split('.'));
    if (type instanceof protobuf.Enum) node.values = type.values;
    else Object.assign(node, describeMessage(type), node.nested ? { nested: node.nested } : {});
  }
  return top;
}

function nodeAt(top, path) {
  let node = top;
  for (const part of path) {
    node.nested ??= {};
    node = node.nested[part] ??= {};
  }
  return node;
}

function describeMessage(type) {
  const fields = {};
  for (const field of type.fieldsArray) fields[field.name] = describeField(field);
  const oneofs = {};
  for (const oneof of type.oneofsArray) oneofs[oneof.name] = { oneof: oneof.oneof };
  return type.oneofsArray.length > 0 ? { oneofs, fields } : { fields };
}

function describeField(field) {
  return {
    ...(field.map ? { keyType: field.keyType } : {}),
    ...(field.repeated ? { rule: 'repeated' } : {}),
    type: field.resolvedType ? field.resolvedType.fullName : field.type,
    id: field.id,
    ...(field.options?.proto3_optional ? { options: { proto3_optional: true } } : {}),
    ...(field.repeated &&
    !field.packed &&
    field.resolvedType === null &&
    !notPackable.has(field.type)
      ? { options: { packed: false } }
      : {}),
  };
}

const notPackable = new Set(['string', 'bytes']);

if (argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  const { messages } = generateEnvoy();
  const ms = Math.round(performance.now() - started);
  process.stderr.write(`generated ${messages} types into gen/ in ${ms} ms\n`);
}
