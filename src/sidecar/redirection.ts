/** What the injection tells the CNI plugin of a node: how one pod is redirected, as an annotation. */
import { fail, ok, type Result } from '../lib/index.js';
import { checkRedirectOptions, type IpFamily, type RedirectOptions } from './redirect.js';

/** Annotation of pods that the CNI plugin redirects; absent on all others. */
export const redirectionAnnotation = 'skerry.dev/redirection';

/** How one pod is redirected. */
export interface Redirection extends Required<
  Pick<RedirectOptions, 'excludeInboundPorts' | 'excludeOutboundPorts' | 'excludeOutboundCidrs'>
> {
  readonly families: readonly IpFamily[];
}

const maxLength = 16_384;

/** The annotation's text: JSON, members in a fixed order, lists that are empty left out. */
export function spellRedirection(redirection: Redirection): string {
  const { families, excludeInboundPorts, excludeOutboundPorts, excludeOutboundCidrs } = redirection;
  const lists = { excludeInboundPorts, excludeOutboundPorts, excludeOutboundCidrs };
  const spelled = Object.entries(lists).filter(([, list]) => list.length > 0);
  return JSON.stringify({ families, ...Object.fromEntries(spelled) });
}

/** Reads it again; whoever may edit the pod may have changed it, so nothing is believed. */
export function parseRedirection(text: string): Result<Redirection, readonly string[]> {
  const value = text.length > maxLength ? undefined : parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail([`expected annotation ${redirectionAnnotation} to be a JSON object`]);
  }
  const problems: string[] = [];
  const list = <T>(name: string, isItem: (item: unknown) => item is T): readonly T[] => {
    const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1] ?? [];
    if (Array.isArray(found) && found.every(isItem)) return found;
    problems.push(`annotation ${redirectionAnnotation}: ${name} is not as injected`);
    return [];
  };
  const redirection = {
    families: list('families', isFamily),
    excludeInboundPorts: list('excludeInboundPorts', isNumber),
    excludeOutboundPorts: list('excludeOutboundPorts', isNumber),
    excludeOutboundCidrs: list('excludeOutboundCidrs', isText),
  };
  if (problems.length === 0 && redirection.families.length === 0) {
    problems.push(`annotation ${redirectionAnnotation}: expected a family at least`);
  }
  const wrong = [...problems, ...checkRedirectOptions(redirection)];
  return wrong.length > 0 ? fail(wrong) : ok(redirection);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isFamily(value: unknown): value is IpFamily {
  return value === 'v4' || value === 'v6';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
