// Finds and reads gen/envoy-descriptor.json: what is known of each message and enum of Envoy's API.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One field as the descriptor states it; references are absolute (`.package.Name`). */
export interface FieldDescriptor {
  readonly type: string;
  readonly id: number;
  readonly rule?: 'repeated';
  readonly keyType?: string;
  readonly options?: { readonly proto3_optional?: boolean; readonly packed?: boolean };
}

/** A message (has `fields`), an enum (has `values`) or a package (has neither). */
export interface DescriptorNode {
  readonly fields?: Readonly<Record<string, FieldDescriptor>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly nested?: Readonly<Record<string, DescriptorNode>>;
}

const fileName = join('gen', 'envoy-descriptor.json');
let loaded: DescriptorNode | undefined;

/**
 * The whole descriptor; read once, at first use. The file is looked for in this module's folder
 * and upwards, so that it is found from the sources and from a bundle.
 * @throws Error where the file was never generated.
 */
export function envoyDescriptor(): DescriptorNode {
  loaded ??= JSON.parse(readFileSync(descriptorPath(), 'utf8')) as DescriptorNode;
  return loaded;
}

/** The message or enum of that full name; undefined where there is none. */
export function findDescriptor(fullName: string): DescriptorNode | undefined {
  let node: DescriptorNode | undefined = envoyDescriptor();
  for (const part of fullName.split('.')) {
    if (node?.nested === undefined || !Object.hasOwn(node.nested, part)) return undefined;
    node = node.nested[part];
  }
  return node;
}

function descriptorPath(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, fileName);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) break;
  }
  throw new Error(`${fileName} not found above ${start}: run npm run generate`);
}
