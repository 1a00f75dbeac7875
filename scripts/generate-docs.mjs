// Writes docs/diagnostics.md from the table of codes in src/model; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const source = fileURLToPath(new URL('../src/model/diagnostic-codes.ts', import.meta.url));
const target = fileURLToPath(new URL('../docs/diagnostics.md', import.meta.url));

const { outputFiles } = buildSync({
  entryPoints: [source],
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const { diagnosticCodes } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`
);

const cell = (text) => text.replaceAll('|', '\\|');
const rows = Object.keys(diagnosticCodes)
  .sort()
  .map((code) => {
    const { cause, remedy } = diagnosticCodes[code];
    return `| \`${code}\` | ${cell(cause)} | ${cell(remedy)} |`;
  });
const text = `<!-- Written by scripts/generate-docs.mjs from src/model/diagnostic-codes.ts; do not edit. -->

# Diagnostics

What Skerry says about your objects. Each finding names the object, the field (\`spec.routes[0].timeout\`), the value found there and, for files, the line.

| Code | Cause | Remedy |
|---|---|---|
${rows.join('\n')}
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('docs/diagnostics.md is stale: run node scripts/generate-docs.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
