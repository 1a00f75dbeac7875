/** The reference page of TrafficPolicy: one table of fields, from the same schema as the CRD. */
import { fieldDocAt } from './docs.js';
import type { Field, Schema } from './structural.js';

const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');

function typeOf(schema: Schema): string {
  const values = schema['enum'];
  if (Array.isArray(values)) return values.join(', ');
  const inner = schema['items'];
  if (typeof inner === 'object' && inner !== null) return `list of ${typeOf({ ...inner })}`;
  if (schema['type'] === 'object') return 'map';
  return String(schema['type']);
}

function limitsOf(schema: Schema): string {
  const range = (low: string, high: string, unit: string): readonly string[] => {
    const [least, most] = [schema[low], schema[high]];
    if (typeof most !== 'number')
      return typeof least === 'number' ? [`at least ${least}${unit}`] : [];
    return [typeof least === 'number' ? `${least} to ${most}${unit}` : `at most ${most}${unit}`];
  };
  return [
    ...range('minimum', 'maximum', ''),
    ...range('minItems', 'maxItems', ' entries'),
    ...range('minLength', 'maxLength', ' characters'),
    ...range('minProperties', 'maxProperties', ' fields'),
  ].join('; ');
}

function row({ path, schema, isRequired, isNotYet }: Field): string {
  const doc = fieldDocAt(path);
  const preset = doc?.preset ?? '';
  const notes = [doc?.text ?? '', ...(isNotYet ? ['**not yet**'] : [])].join('; ');
  const type = [typeOf(schema), limitsOf(schema)].filter((text) => text !== '').join('; ');
  return `| \`${path}\`${isRequired ? ' \\*' : ''} | ${cell(type)} | ${cell(preset)} | ${cell(notes)} |`;
}

function rulesOf(path: string, schema: Schema): readonly string[] {
  const rules: unknown = schema['x-kubernetes-validations'];
  if (!Array.isArray(rules)) return [];
  return rules.map(
    (rule: { readonly message: string }) => `| \`${path}\` | ${cell(rule.message)} |`,
  );
}

/** Rules of a field, and of the entries of a list. */
function fieldRules({ path, schema }: Field): readonly string[] {
  const inner = schema['items'];
  const own = schema['type'] === 'string' ? [] : rulesOf(path, schema);
  if (typeof inner !== 'object' || inner === null) return own;
  return [...own, ...rulesOf(`${path}[]`, { ...inner })];
}

/** The page; `spec` is the schema of the whole spec, for its own rules. */
export function referencePage(fields: readonly Field[], spec: Schema): string {
  const table = (prefix: string): string =>
    fields
      .filter(({ path }) => path.startsWith(`${prefix}.`))
      .map(row)
      .join('\n');
  const rules = [...rulesOf('spec', spec), ...fields.flatMap(fieldRules)];
  return `<!-- Written by scripts/generate-crd.mjs from src/sources/parse; do not edit. -->

# TrafficPolicy

\`skerry.dev/v1alpha1\`, namespaced, short name \`tp\`. Fields marked \\* are required where what they stand in is given. Durations are texts such as \`200ms\`, \`5s\` or \`1h30m\`, 24h at most. What is marked **not yet** is checked and then refused as \`NotImplemented\`.

## spec

| Field | Type | Default | Meaning |
| --- | --- | --- | --- |
${table('spec')}

## Rules between fields

The API server refuses what breaks these, with the message. It refuses unknown fields too, by the admission policy beside the CRD (Kubernetes 1.30 and later); where that is missing they are kept, the control plane reports them as \`Invalid\`, and the policy is not applied.

| Where | Rule |
| --- | --- |
${[...new Set(rules)].join('\n')}

## status

| Field | Type | Default | Meaning |
| --- | --- | --- | --- |
${table('status')}
`;
}
