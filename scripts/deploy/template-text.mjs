// Spells a tree of values, holes and choices as a Helm template.
import { stringify } from 'yaml';
import { absent, isChoice, isHole, isMap } from './variants.mjs';

/** Marks a value within a text; texts of Kubernetes have no such characters. */
const mark = (name) => `\u27e6${name}\u27e7`;
const marks = /\u27e6([^\u27e7]+)\u27e7/g;

/** A text that is a place for a value: it survives joining and templates. */
export function textHole(expression) {
  return mark(expression);
}

/** Text that templates leave as it is. */
function escapeBraces(text) {
  return text.replaceAll('{{', '{{ "{{" }}');
}

function argument(expression) {
  return expression.includes(' ') ? `(${expression})` : expression;
}

/** A text as an expression of the template language. */
function textExpression(text) {
  const expressions = [...text.matchAll(marks)].map(([, expression]) => expression);
  if (expressions.length === 0) return JSON.stringify(text);
  if (text === mark(expressions[0])) return expressions[0];
  const format = JSON.stringify(text.replaceAll('%', '%%').replaceAll(marks, '%s'));
  return `printf ${[format, ...expressions.map(argument)].join(' ')}`;
}

function isScalar(value) {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** YAML 1.1, which Helm reads, takes a bare `on` or `Off` for a boolean. */
function plain(value) {
  const text = stringify(value, { version: '1.1', lineWidth: 0 }).trimEnd();
  return escapeBraces(text.includes('\n') ? JSON.stringify(value) : text);
}

/** The value in one line; undefined where it takes several. */
function inline(value) {
  if (isHole(value)) return value.isBlock ? undefined : `{{ ${value.expression} }}`;
  if (typeof value === 'string' && value.match(marks))
    return `{{ ${textExpression(value)} | quote }}`;
  if (isScalar(value)) return plain(value);
  if (isChoice(value)) return inlineChoice(value);
  const isEmpty = Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
  if (isEmpty) return Array.isArray(value) ? '[]' : '{}';
  return undefined;
}

function inlineChoice({ condition, whenTrue, whenFalse }) {
  const sides = [whenTrue, whenFalse];
  if (!sides.every((side) => typeof side === 'string')) return undefined;
  const [yes, no] = sides.map((side) => argument(textExpression(side)));
  return `{{ ternary ${yes} ${no} ${argument(condition)} | quote }}`;
}

const pad = (indent) => ' '.repeat(indent);

/** Lines between `if` and `end`; `spell` makes those of a side. */
function choiceLines({ condition, whenTrue, whenFalse }, indent, spell) {
  const at = pad(indent);
  const open =
    whenTrue === absent ? `{{- if not ${argument(condition)} }}` : `{{- if ${condition} }}`;
  const [first, second] = whenTrue === absent ? [whenFalse, absent] : [whenTrue, whenFalse];
  return [
    `${at}${open}`,
    ...spell(first),
    ...(second === absent ? [] : [`${at}{{- else }}`, ...spell(second)]),
    `${at}{{- end }}`,
  ];
}

function entryLines(key, value, indent) {
  const name = plain(key);
  const short = inline(value);
  if (short !== undefined) return [`${pad(indent)}${name}: ${short}`];
  if (isChoice(value)) {
    return choiceLines(value, indent, (side) => entryLines(key, side, indent));
  }
  return [`${pad(indent)}${name}:`, ...blockLines(value, indent + 2)];
}

function itemLines(item, indent) {
  const short = inline(item);
  if (short !== undefined) return [`${pad(indent)}- ${short}`];
  if (isChoice(item)) return choiceLines(item, indent, (side) => itemLines(side, indent));
  const [first, ...rest] = blockLines(item, indent + 2);
  const isDirective = first.trimStart().startsWith('{{-');
  if (isDirective) return [`${pad(indent)}-`, first, ...rest];
  return [`${pad(indent)}- ${first.trimStart()}`, ...rest];
}

function blockLines(value, indent) {
  if (isHole(value)) return [`${pad(indent)}{{- ${value.expression} | nindent ${indent} }}`];
  if (Array.isArray(value)) return value.flatMap((item) => itemLines(item, indent));
  if (!isMap(value)) throw new Error(`a template has no place for ${String(value)}`);
  return Object.entries(value).flatMap(([key, one]) => entryLines(key, one, indent));
}

/** One object as text; where it is a choice, all of it stands between `if` and `end`. */
export function templateText(tree) {
  const spell = (object) => [`---`, ...blockLines(object, 0)];
  const lines = isChoice(tree) ? choiceLines(tree, 0, spell) : spell(tree);
  return `${lines.join('\n')}\n`;
}
