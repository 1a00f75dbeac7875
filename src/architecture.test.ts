/** Holds the house together: rooms, faces, doors, sizes and cycles, read from the imports themselves. */
import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, normalize } from 'node:path';

/** Which rooms a room may import; a room may always import itself. */
const everything = 'all';
const rooms: Readonly<Record<string, typeof everything | readonly string[]>> = {
  lib: [],
  graph: ['lib'],
  model: ['lib'],
  sources: ['lib', 'model'],
  ir: ['lib', 'model'],
  envoy: ['lib'],
  translators: ['lib', 'graph', 'model', 'ir', 'envoy'],
  xds: ['lib', 'envoy'],
  ca: ['lib', 'model'],
  sidecar: ['lib', 'model'],
  webhook: ['lib', 'model', 'sidecar'],
  cni: ['lib', 'sidecar'],
  telemetry: ['lib'],
  admin: ['lib', 'telemetry'],
  // Everything but app, which `main.ts` hands it.
  cli: [
    ...['lib', 'graph', 'model', 'sources', 'ir', 'envoy', 'translators', 'xds', 'ca', 'sidecar'],
    ...['webhook', 'telemetry', 'admin', 'cni'],
  ],
  app: everything,
  'main.ts': ['app', 'cli'],
};

/** Where a package may be imported; tests may import any. */
const doors: Readonly<Record<string, readonly RegExp[]>> = {
  '@grpc/grpc-js': [/^xds\/server\.ts$/],
  '@grpc/proto-loader': [/^envoy\//],
  '@kubernetes/client-node': [/^sources\/kubernetes\//],
  '@peculiar/x509': [/^ca\/x509\.ts$/],
  'cli-table3': [/^cli\//],
  commander: [/^cli\//],
  fastify: [/^\w+\/server\.ts$/],
  jose: [/^ca\//],
  pino: [/^lib\/logger\.ts$/],
  'prom-client': [/^telemetry\//],
  protobufjs: [/^envoy\//],
  re2js: [/^sources\/parse\//, /^translators\/simulate\//],
  'reflect-metadata': [/^ca\/x509\.ts$/],
  yaml: [/^sources\//, /^envoy\//, /^cli\//],
  zod: [/^sources\/parse\//, /^app\//],
};

/** Rooms of pure functions: of Node's own modules they use these and no other. */
const pureRooms: readonly string[] = ['graph', 'model', 'ir', 'translators'];
const pureModules: readonly string[] = ['node:net'];

const maxLines = 400;
const maxMainLines = 40;

const root = import.meta.dirname;

interface Import {
  readonly line: number;
  /** A path below src for a file of the house (`graph/index.ts`), else as written. */
  readonly target: string;
  readonly isRelative: boolean;
  /** `import type`: gone when it runs. */
  readonly isTypeOnly: boolean;
}

interface SourceFile {
  /** Below src, with slashes. */
  readonly path: string;
  readonly room: string;
  /** A test, or what only tests use: `testing/` and `test-kit.ts`. */
  readonly isTest: boolean;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
}

function readHouse(): readonly SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== basename(import.meta.filename))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return {
        path,
        room: roomOf(path),
        isTest: isTestPath(path),
        lines: text.replace(/\n$/, '').split('\n'),
        imports: findImports(path, text),
      };
    });
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function isTestPath(path: string): boolean {
  return /\.test\.ts$|\/test-kit\.ts$|\/testing\//.test(path);
}

/** Static, side-effect and dynamic imports, and re-exports. */
function findImports(path: string, text: string): readonly Import[] {
  const pattern =
    /(?:^|[};])\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/gm;
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const isRelative = specifier.startsWith('.');
    const end = match.index + match[0].length;
    return {
      line: text.slice(0, end).split('\n').length,
      target: isRelative
        ? normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts')
        : specifier,
      isRelative,
      isTypeOnly: /^[};\s]*(import|export) type\b/.test(match[0]),
    };
  });
}

const house = readHouse();

/** Gathers what `check` finds wrong with each import, as `src/file:line: rule`. */
function violations(
  check: (file: SourceFile, imported: Import) => string | undefined,
): readonly string[] {
  return house.flatMap((file) =>
    file.imports.flatMap((imported) => {
      const rule = check(file, imported);
      return rule === undefined ? [] : [`src/${file.path}:${String(imported.line)}: ${rule}`];
    }),
  );
}

function isOutside({ target }: Import): boolean {
  return target.startsWith('../');
}

test('every form of import is seen, with its line', () => {
  const text = [
    `import { a } from './a.js';`,
    `import type {`,
    `  B,`,
    `} from '../model/index.js';`,
    `export { c } from './c.js';`,
    `import 'reflect-metadata';`,
    `const d = await import('./d.js');`,
    `const text = "import from nowhere";`,
  ].join('\n');
  const found = findImports('graph/x.ts', text);
  expect(found.map(({ line, target, isTypeOnly }) => [line, target, isTypeOnly])).toEqual([
    [1, 'graph/a.ts', false],
    [4, 'model/index.ts', true],
    [5, 'graph/c.ts', false],
    [6, 'reflect-metadata', false],
    [7, 'graph/d.ts', false],
  ]);
});

test('every directory of src is a room, and no file but main.ts and this one stands outside', () => {
  const known = Object.keys(rooms);
  expect(house.map(({ room }) => room).filter((room) => !known.includes(room))).toEqual([]);
});

test('rooms import only the rooms they may', () => {
  const found = violations((file, imported) => {
    const allowed = rooms[file.room] ?? [];
    const to = roomOf(imported.target);
    if (!imported.isRelative || isOutside(imported) || file.isTest || to === file.room) return;
    if (allowed === everything || allowed.includes(to)) return;
    return `${file.room} may not import ${to} (only: ${allowed.join(', ') || 'nothing'})`;
  });
  expect(found).toEqual([]);
});

test("other rooms are imported through their index.ts, one's own directly", () => {
  const found = violations((file, imported) => {
    if (!imported.isRelative || isOutside(imported)) return;
    const to = roomOf(imported.target);
    const isFace = imported.target === `${to}/index.ts`;
    // A rig that several rooms' tests stand on is no part of a face.
    const isRig = file.isTest && imported.target.includes('/testing/');
    if (to !== file.room && !isFace && !isRig) return `import ${to} through ${to}/index.js`;
    if (to === file.room && isFace && !file.isTest) return 'import the file, not the own index.js';
    return;
  });
  expect(found).toEqual([]);
});

test('only envoy looks outside src, at the generated code', () => {
  const found = violations((file, imported) => {
    if (!isOutside(imported) || file.isTest) return;
    if (file.room === 'envoy' && imported.target.startsWith('../gen/')) return;
    return `${imported.target} is outside src`;
  });
  expect(found).toEqual([]);
});

test('packages are imported behind their doors only', () => {
  const found = violations((file, { target, isRelative }) => {
    if (isRelative || file.isTest || target.startsWith('node:')) return;
    if (builtinModules.includes(target)) return `write node:${target}`;
    const name = target
      .split('/')
      .slice(0, target.startsWith('@') ? 2 : 1)
      .join('/');
    const door = doors[name];
    if (door === undefined) return `${name} has no door; a dependency is a decision`;
    if (door.some((pattern) => pattern.test(file.path))) return;
    return `${name} is imported only where ${door.map(String).join(' or ')}`;
  });
  expect(found).toEqual([]);
});

test('what only tests use stays with the tests', () => {
  const found = violations((file, { target }) => {
    if (file.isTest || !isTestPath(target)) return;
    return `${target} is for tests`;
  });
  expect(found).toEqual([]);
});

test('pure rooms use no module of Node that reads the world', () => {
  const found = violations((file, { target }) => {
    if (!target.startsWith('node:') || file.isTest || !pureRooms.includes(file.room)) return;
    return pureModules.includes(target) ? undefined : `${file.room} is pure: no ${target}`;
  });
  expect(found).toEqual([]);
});

test('files are short', () => {
  const found = house.flatMap(({ path, lines }) => {
    const max = path === 'main.ts' ? maxMainLines : maxLines;
    if (lines.length <= max) return [];
    return [`src/${path}:${String(max)}: ${String(lines.length)} lines, at most ${String(max)}`];
  });
  expect(found).toEqual([]);
});

test('every file opens with a comment on its job', () => {
  const found = house.flatMap(({ path, lines }) => {
    const first = lines.findIndex((line) => !line.startsWith('#!'));
    if (/^\/[/*]/.test(lines[first] ?? '')) return [];
    return [`src/${path}:${String(first + 1)}: start with a comment on the file's job`];
  });
  expect(found).toEqual([]);
});

test('exports are named, one by one', () => {
  const found = house.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      /^\s*export (default\b|\*)/.test(line)
        ? [`src/${path}:${String(index + 1)}: export by name`]
        : [],
    ),
  );
  expect(found).toEqual([]);
});

test('a room has one face at most, at its top', () => {
  const found = house
    .filter(({ path, room }) => path.endsWith('/index.ts') && path !== `${room}/index.ts`)
    .map(({ path, room }) => `src/${path}:1: the face of ${room} is src/${room}/index.ts`);
  expect(found).toEqual([]);
});

test('imports make no cycles, but for types, which are gone when it runs', () => {
  const files = new Map(house.map((file) => [file.path, file]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) found.push([...way.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const { target, isTypeOnly } of files.get(path)?.imports ?? []) {
      if (!isTypeOnly) visit(target, [...way, path]);
    }
    done.add(path);
  };
  for (const { path } of house) visit(path, []);
  expect(found).toEqual([]);
});
