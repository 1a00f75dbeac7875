// Writes docs/diagnostics.md from the tables of codes in src/model and src/cli/check; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const fromRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const target = fromRoot('docs/diagnostics.md');

/** The exports of a table, which imports nothing. */
async function load(path) {
  const { outputFiles } = buildSync({
    ...{
      entryPoints: [fromRoot(path)],
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
    },
  });
  const code = Buffer.from(outputFiles[0].text).toString('base64');
  return await import(`data:text/javascript;base64,${code}`);
}

const { diagnosticCodes } = await load('src/model/diagnostic-codes.ts');
const { checkCodes } = await load('src/cli/check/codes.ts');

const cell = (text) => text.replaceAll('|', '\\|');
/** Rows sorted by code; `columns` are fields of what a code stands for. */
const rowsOf = (codes, columns) =>
  Object.keys(codes)
    .sort()
    .map((code) => {
      const cells = columns.map((column) => cell(codes[code][column]));
      return `| ${[`\`${code}\``, ...cells].join(' | ')} |`;
    })
    .join('\n');
const text = `<!-- Written by scripts/generate-docs.mjs from src/model/diagnostic-codes.ts and src/cli/check/codes.ts; do not edit. -->

# Diagnostics

What Skerry says about your objects. Each finding names the object, the field (\`spec.routes[0].timeout\`), the value found there and, for files, the line.

| Code | Cause | Remedy |
|---|---|---|
${rowsOf(diagnosticCodes, ['cause', 'remedy'])}

# What \`skerry check\` finds

Each finding names what it was found in. A \`failed\` one makes the command exit with 1; a \`warning\` does not.

| Code | Weight | Cause | Remedy |
|---|---|---|---|
${rowsOf(checkCodes, ['severity', 'cause', 'remedy'])}
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('docs/diagnostics.md is stale: run node scripts/generate-docs.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
