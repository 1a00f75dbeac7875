/** What is wrong with a policy by itself and beside others: targets, refusals, conflicts, Audit. */
import type { Read } from '../../graph/index.js';
import {
  serviceKey,
  type PolicyTarget,
  type Service,
  type TrafficPolicy,
} from '../../model/index.js';
import {
  byAge,
  isInboundPermitted,
  isPermitted,
  targetsOf,
  targetText,
  type PolicyForm,
  type PolicyHead,
} from './attach.js';
import { mayCarryHttp } from './called-host.js';
import type { NamingSettings } from './destination.js';
import type { Finding } from './finding.js';
import { matchesLabels, matchesNamespace } from './labels.js';
import { findEgressProblems, type EgressFindingSettings } from './egress-findings.js';
import { findOutboundConflicts } from './outbound-conflicts.js';
import { findPlacementProblems } from './placement-findings.js';
import type { EgressTables, PolicyTables } from './tables.js';
import { findTlsProblems } from './tls-findings.js';

/** What the findings of one policy say of it; `field` starts at the object. */
type Report = (finding: Omit<Finding, 'object'>) => void;

/** Checks one policy against the mesh. */
export function findPolicyProblems(
  form: PolicyForm,
  read: Read,
  tables: EgressTables,
  settings: NamingSettings & EgressFindingSettings,
): readonly Finding[] {
  const findings: Finding[] = [];
  const report: Report = (finding) => {
    findings.push({ object: `TrafficPolicy ${form.key}`, ...finding });
  };
  if (form.kind === 'RefusedPolicy') {
    reportRefusal(form, settings.rootNamespace, report);
    return findings;
  }
  if (form.mode === 'Disabled') return [];
  for (const [index, target] of form.targets.entries()) {
    const field = `spec.targetRefs[${String(index)}]`;
    reportTarget({ form, target, field, root: settings.rootNamespace }, report);
    reportAbsence(form, target, field, { read, tables, report });
  }
  if (form.mode === 'Audit') reportAudit(form, report);
  else reportConflicts(form, { read, tables, report });
  return form.mode === 'Audit'
    ? findings
    : [
        ...findings,
        ...findOutboundConflicts(form, read, tables),
        ...findEgressProblems(form, read, tables, settings),
        ...findPlacementProblems(form, read, tables, settings),
        ...findTlsProblems(form, read, tables, settings),
      ];
}

function reportRefusal(
  form: Extract<PolicyForm, { kind: 'RefusedPolicy' }>,
  root: string,
  report: Report,
): void {
  const closed = targetsOf(form).filter((target) =>
    isInboundPermitted(target, form.namespace, root),
  );
  // A target that it may not speak for stays as it is: a typo must not close others' workloads.
  if (closed.length === 0) return;
  const effects = [
    ...(form.spokeOfAuthorization ? ['now admits nobody'] : []),
    ...(form.spokeOfMtls ? ['is Strict'] : []),
  ];
  if (effects.length === 0) return;
  report({
    code: 'FailedClosed',
    severity: 'error',
    field: 'spec',
    message: `the object is refused and no good form of it is known, so each target ${effects.join(' and ')}: ${closed.map(describeTarget).join(', ')}`,
  });
}

function reportTarget(
  at: {
    readonly form: TrafficPolicy;
    readonly target: PolicyTarget;
    readonly field: string;
    readonly root: string;
  },
  report: Report,
): void {
  const { form, target, field, root } = at;
  if (!isPermitted(target, form.namespace, root)) {
    report({
      code: 'TargetNotAllowed',
      severity: 'error',
      field,
      value: target.kind,
      message: `only policies in the namespace ${root} may have this target`,
    });
    return;
  }
  const speaksOfServers = [
    form.mtls,
    form.authorization,
    form.jwt,
    form.rateLimit,
    form.inboundConnections,
  ].some((section) => section !== undefined);
  if (speaksOfServers && !isInboundPermitted(target, form.namespace, root)) {
    report({
      code: 'TargetNotAllowed',
      severity: 'error',
      field: 'spec.inbound',
      message: `a policy of namespace ${form.namespace} cannot say what a Service of another namespace accepts`,
    });
  }
}

interface World {
  readonly read: Read;
  readonly tables: PolicyTables;
  readonly report: Report;
}

function reportAbsence(
  form: TrafficPolicy,
  target: PolicyTarget,
  field: string,
  { read, tables, report }: World,
): void {
  const absent = (message: string, severity: Finding['severity']): void => {
    report({ code: 'TargetNotFound', severity, field, message });
  };
  switch (target.kind) {
    case 'Mesh':
      return;
    case 'Namespace': {
      const { selector } = target;
      if (selector === undefined) return;
      const isFound = [...read.all(tables.namespaces).values()].some((namespace) =>
        matchesNamespace(selector, namespace),
      );
      if (!isFound) absent('no namespace has these labels', 'warning');
      return;
    }
    case 'Pod': {
      const isFound = read
        .find(tables.workloadsByNamespace, form.namespace)
        .some(({ labels }) => matchesLabels(target.selector, labels));
      if (!isFound) absent(`no pod of namespace ${form.namespace} has these labels`, 'warning');
      return;
    }
    case 'Service': {
      const key = serviceKey(target.namespace, target.name);
      const service = read.get(tables.services, key);
      if (service === undefined) {
        absent(`there is no Service ${key}`, 'error');
        return;
      }
      reportPorts(form, target, service, { field, report });
    }
  }
}

function reportPorts(
  form: TrafficPolicy,
  target: Extract<PolicyTarget, { kind: 'Service' }>,
  service: Service,
  { field, report }: { readonly field: string; readonly report: Report },
): void {
  const { sectionName } = target;
  const ports = service.ports.filter(
    ({ name, transport }) =>
      transport === 'TCP' && (sectionName === undefined || name === sectionName),
  );
  if (sectionName !== undefined && ports.length === 0) {
    report({
      code: 'TargetNotFound',
      severity: 'error',
      field: `${field}.sectionName`,
      value: sectionName,
      message: `Service ${service.key} has no TCP port of this name`,
    });
    return;
  }
  if (form.routes === undefined) return;
  if (service.externalName !== undefined) {
    report({
      code: 'NotImplemented',
      severity: 'error',
      field: 'spec.routes',
      message: `Service ${service.key} is an ExternalName and has no address whose calls could be routed`,
    });
  } else if (!ports.some(({ protocol }) => mayCarryHttp(protocol))) {
    report({
      code: 'HttpRuleOnTcpPort',
      severity: 'error',
      field: 'spec.routes',
      message: `Service ${service.key} has no port there that may carry HTTP`,
      ports: ports.map(({ port }) => port),
    });
  }
}

function reportAudit(form: TrafficPolicy, report: Report): void {
  const targets = form.targets.map(describeTarget).join(', ');
  const audited = (field: string, effect: string): void => {
    report({
      code: 'AuditOnly',
      severity: 'warning',
      field,
      message: `not applied, since mode is Audit: enforced, it would ${effect} ${targets}`,
    });
  };
  if (form.routes !== undefined) {
    audited('spec.routes', `put its ${String(form.routes.length)} routes before calls to`);
  }
  if (form.mtls !== undefined) {
    audited('spec.inbound.mtls', `set mutual TLS to ${form.mtls.mode ?? 'what its ports say'} for`);
  }
  if (form.jwt !== undefined) {
    audited('spec.inbound.jwt', 'verify tokens for');
  }
  if (form.rateLimit !== undefined) {
    audited('spec.inbound.rateLimit', 'limit the calls to');
  }
  if (form.inboundConnections !== undefined) {
    audited('spec.inbound.connections', 'limit the connections to');
  }
  if (form.egress !== undefined) {
    audited('spec.outbound.egress', `say what may be called outside the mesh for`);
  }
  if (form.outbound !== undefined) {
    const sections = Object.keys(form.outbound).join(', ');
    audited('spec.outbound', `set ${sections} of calls for`);
  }
}

function describeTarget(target: PolicyTarget): string {
  switch (target.kind) {
    case 'Mesh':
      return 'the mesh';
    case 'Namespace':
      return target.selector === undefined ? 'its namespace' : 'the namespaces selected';
    case 'Pod':
      return 'the pods selected';
    case 'Service': {
      const section = target.sectionName === undefined ? '' : ` port ${target.sectionName}`;
      return `Service ${target.namespace}/${target.name}${section}`;
    }
  }
}

/** Routes are decided as a whole: an older object with the same target has them. */
function reportConflicts(form: TrafficPolicy, { read, tables, report }: World): void {
  for (const target of form.targets) {
    const isOlder = (other: PolicyHead): boolean =>
      other.namespace === form.namespace &&
      byAge(other, form) < 0 &&
      other.targets.some((theirs) => targetText(theirs) === targetText(target));
    if (form.routes !== undefined && target.kind === 'Service') {
      const key = serviceKey(target.namespace, target.name);
      const older = read.find(tables.routesByService, key).find(isOlder);
      if (older !== undefined) conflict(report, 'spec.routes', older.key);
    }
  }
}

function conflict(report: Report, field: string, older: string): void {
  report({
    code: 'Conflicted',
    severity: 'error',
    field,
    message: `TrafficPolicy ${older} is older and sets it for the same target`,
  });
}
