/** What translating found wrong with an object; gathered from many rows into one diagnostic each. */
import { diagnosticCodes, type Diagnostic, type DiagnosticCode } from '../../model/index.js';

/** One finding; findings that differ in `ports` only become one. */
export interface Finding {
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly code: DiagnosticCode;
  readonly severity: Diagnostic['severity'];
  readonly field: string;
  /** Found value, where one value is at fault. */
  readonly value?: string;
  readonly message: string;
  /** Port numbers concerned, appended to the message; 0 stands for all that no Service declares. */
  readonly ports?: readonly number[];
}

const groups: Readonly<Record<string, string>> = { TrafficPolicy: 'skerry.dev' };

/** Merges findings about one object; sorted, each once. */
export function toDiagnostics(findings: readonly Finding[]): readonly Diagnostic[] {
  const merged = new Map<string, { readonly finding: Finding; readonly ports: Set<number> }>();
  for (const finding of findings) {
    const id = [finding.field, finding.code, finding.value ?? '', finding.message].join('\n');
    const entry = merged.get(id) ?? { finding, ports: new Set<number>() };
    for (const port of finding.ports ?? []) entry.ports.add(port);
    merged.set(id, entry);
  }
  return [...merged.keys()].sort().flatMap((id): Diagnostic[] => {
    const entry = merged.get(id);
    return entry === undefined ? [] : [toDiagnostic(entry.finding, entry.ports)];
  });
}

function toDiagnostic(finding: Finding, ports: ReadonlySet<number>): Diagnostic {
  const { code, severity, field, value, object } = finding;
  const [kind = '', key = ''] = object.split(' ');
  const cut = key.indexOf('/');
  return {
    code,
    severity,
    object: {
      group: groups[kind] ?? '',
      kind,
      namespace: key.slice(0, Math.max(cut, 0)),
      name: key.slice(cut + 1),
    },
    field,
    ...(value === undefined ? {} : { value: value.slice(0, 200) }),
    message: `${finding.message}${portsText(ports)}`,
    remedy: diagnosticCodes[code].remedy,
  };
}

function portsText(ports: ReadonlySet<number>): string {
  if (ports.size === 0) return '';
  const sorted = [...ports].sort((a, b) => a - b);
  const listed = sorted.filter((port) => port !== 0).map(String);
  const rest = ports.has(0) ? ['ports that no Service declares'] : [];
  return `: ${[...(listed.length === 0 ? [] : [`ports ${listed.join(', ')}`]), ...rest].join(' and ')}`;
}
